import type { HostError, RpcError } from "../errors.ts";
import type { Id, Json } from "../wire/message.ts";
import { PeerError } from "../wire/peer-error.ts";
import { isUnrelated } from "./discovery.ts";
import { failure, HttpRefusal } from "./failure.ts";
import type { Asking } from "./rounds.ts";

export interface DoubtsOptions {
  readonly upstream: string;
  /** Sends a `server/discover`. */
  readonly discover: (over: (answer: Json | Error) => void) => Id;
  readonly giveUp: (id: Id, error: HostError) => void;
  /** Takes what the server says of itself; false where it speaks the version no more. */
  readonly describes: (discovered: Json) => boolean;
  /** The server is of another era now. @param calls those that it has refused, on which nobody acted */
  readonly gone: (calls: readonly Asking[]) => void;
}

/** How long the server may take to say whether it is still of the modern era. */
const PATIENCE = 5_000;
/** Answers of HTTP by which a server of the legacy era refuses what it does not understand; so may what stands before one of the modern. */
const STRANGE = new Set([400, 404, 405, 406]);

/** Calls that a server of the modern era refused, unread, as if it were none any more: it is asked before anything is made of that. */
export class Doubts {
  readonly #options: DoubtsOptions;
  /** With what becomes of each where the server is as it was. */
  readonly #calls = new Map<Asking, () => void>();

  constructor(options: DoubtsOptions) {
    this.#options = options;
  }

  about(call: Asking, otherwise: () => void): void {
    this.#calls.set(call, otherwise);
    if (this.#calls.size > 1) return; // it is being asked
    const { upstream, discover, giveUp } = this.#options;
    const id = discover((answer) => {
      clearTimeout(late);
      this.#told(answer);
    });
    const late = setTimeout(() => {
      giveUp(id, failure(upstream, "upstream_timeout", `did not answer server/discover in ${PATIENCE} ms`));
    }, PATIENCE).unref();
  }

  #told(answer: Json | Error): void {
    const { describes, gone } = this.#options;
    const calls = [...this.#calls];
    this.#calls.clear();
    if (answer instanceof Error ? isNo(answer) : !describes(answer)) gone(calls.map(([call]) => call));
    else for (const [, otherwise] of calls) otherwise();
  }

  /** The call is over. */
  forget(call: Asking): void {
    this.#calls.delete(call);
  }
}

/** Whether a failure of `server/discover` says that the server is of the legacy era. */
function isNo(error: Error): boolean {
  return error instanceof PeerError || (error instanceof HttpRefusal && !isUnrelated(error));
}

/** Whether a call may have failed so since the server is of the legacy era. */
export function isStrange(error: HostError): boolean {
  return error instanceof HttpRefusal && STRANGE.has(error.answered);
}

/** Whether an error is what servers of the legacy era say to who has no session with them, or speaks a version that they do not know. */
export function isLegacy({ code, message }: RpcError): boolean {
  return (code === -32000 || code === -32001) && /\bsession\b|not initialized|protocol version/i.test(message);
}
