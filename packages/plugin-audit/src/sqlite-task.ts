/** What the thread that writes is told, and says. */

export interface Task {
  readonly file: string;
  /** Milliseconds that a lock of another process may last. */
  readonly timeout: number;
}

export type Request = { readonly lines: readonly string[] } | { readonly close: true };

export type Reply = { readonly opened: number } | { readonly done: true } | { readonly failed: string };
