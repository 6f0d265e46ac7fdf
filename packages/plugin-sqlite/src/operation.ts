/** What a store asks of the file. Keys, names and topics are JSON texts that begin with the store's name; values and messages are JSON. */
export type Operation =
  | { readonly do: "get"; readonly key: string }
  | { readonly do: "set"; readonly key: string; readonly value: string; readonly ttl: number | undefined }
  | { readonly do: "delete"; readonly key: string }
  | { readonly do: "increment"; readonly key: string; readonly by: number; readonly ttl: number | undefined }
  /** Puts `value` there, or deletes without one, if what is there is `expected` still. */
  | {
      readonly do: "swap";
      readonly key: string;
      readonly expected: string | undefined;
      readonly value: string | undefined;
      readonly ttl: number | undefined;
    }
  | { readonly do: "lease"; readonly name: string; readonly owner: string; readonly ttl: number }
  | { readonly do: "renew"; readonly name: string; readonly owner: string; readonly ttl: number }
  | { readonly do: "release"; readonly name: string; readonly owner: string }
  | { readonly do: "publish"; readonly topic: string; readonly message: string };

/** What each gives. */
export interface Results {
  get: string | undefined;
  set: undefined;
  delete: undefined;
  increment: number;
  swap: { readonly swapped: boolean; readonly found: string | undefined };
  lease: boolean;
  renew: boolean;
  release: undefined;
  publish: undefined;
}

export type Result = Results[keyof Results];

/** What became of one operation. */
export type Outcome = { readonly value: Result } | { readonly failure: string };

/** What the thread is told at its start. */
export interface Task {
  readonly file: string;
  readonly timeout: number;
  readonly maxSize: number;
  /** Two numbers that both sides see: {@link BUSY} and {@link STOP}. */
  readonly shared: SharedArrayBuffer;
}

/** 1 while the thread is inside of SQLite. */
export const BUSY = 0;
/** 1 once the process ends: the thread does not begin anything any more. */
export const STOP = 1;

/** What the thread is sent. */
export type Request = { readonly operations: readonly Operation[] } | { readonly close: true };

/** What the thread sends. `opened` comes first. */
export type Reply =
  | { readonly opened: true }
  | { readonly cannotOpen: string }
  | { readonly outcomes: readonly Outcome[] }
  | { readonly evicted: number }
  | { readonly trouble: string };

/** About how many bytes an operation brings. */
export function weightOf(operation: Operation): number {
  const text = "value" in operation ? operation.value : "message" in operation ? operation.message : "";
  const key = "key" in operation ? operation.key : "name" in operation ? operation.name : operation.topic;
  return (text?.length ?? 0) + key.length + 100;
}
