import type { Awaitable, Json } from "mcp-host";
import type { Drop, Subject } from "./drop.ts";

/** How a result is kept. */
export interface Terms {
  readonly subject: Subject;
  /** Milliseconds that the call took. */
  readonly cost: number;
  /** Until when the result is fresh, on the shelf's clock. */
  readonly freshUntil: number;
  /** Until when it may be given while a new one is being got. */
  readonly staleUntil: number;
}

/** A result that is kept. */
export interface Kept extends Terms {
  /** Frozen. */
  readonly result: Readonly<Json>;
}

/** Proof of when a read began: what was dropped since then must not be put back by it. */
export interface Receipt {
  /** Something was dropped that the read may have seen before it changed. */
  isOutdated: boolean;
}

/** Where results are kept: in memory, or in a store that several hosts may share. */
export interface Shelf {
  now(): number;
  get(key: string): Awaitable<Kept | undefined>;
  /** To be asked for before the call begins whose result is to be put here. */
  begin(subject: Subject): Awaitable<Receipt>;
  /** The call is over: its receipt is not needed any more. */
  end(receipt: Receipt): void;
  /** Puts a result unless it was made old since its call began. `text` is the result as JSON. */
  put(key: string, terms: Terms, text: string, receipt: Receipt): Awaitable<void>;
  /** Gives how many results of this host's were dropped. When it resolves, nobody is given one of them any more. */
  drop(drop: Drop): Awaitable<number>;
  /** What is kept, by upstream. */
  usage(): ReadonlyMap<string, { readonly entries: number; readonly bytes: number }>;
  close(): void;
}

/** Bytes of an entry beside its key and result. */
const OVERHEAD = 200;

/** What a result takes of the size that may be kept. Asking for the key's bytes also makes V8 join the pieces that it was made of. */
export function sizeOf(key: string, text: string): number {
  return Buffer.byteLength(text) + Buffer.byteLength(key) + OVERHEAD;
}

/** A value that nobody can change: it is given to many. */
export function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}
