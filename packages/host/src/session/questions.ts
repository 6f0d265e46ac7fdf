import { HostError } from "../errors.ts";
import type { Sink } from "../exchange/course.ts";
import { type Id, type Json, metaOf, type Response } from "../wire/message.ts";
import { NoJson } from "../wire/no-json.ts";
import { withProgressToken } from "../wire/peer.ts";
import { PeerError } from "../wire/peer-error.ts";

interface Pending {
  resolve: (result: Json) => void;
  reject: (error: Error) => void;
  progress: ((params: Json) => void) | undefined;
}

/** A question that waits for the client's answer. */
export interface Question {
  readonly answer: Promise<Json>;
  /** Stops waiting; the client is told. */
  cancel(error: HostError): void;
}

/** What is asked of one client: reverse requests under ids and progress tokens of the host's minting. */
export class Questions {
  readonly #pending = new Map<Id, Pending>();
  #nextId = 1;

  get size(): number {
    return this.#pending.size;
  }

  /** @throws NoJson */
  ask(method: string, params: Readonly<Json>, sink: Sink, progress: ((params: Json) => void) | undefined): Question {
    const id = this.#nextId++;
    const answer = new Promise<Json>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, progress });
    });
    const tracked = progress && metaOf(params as Json)?.progressToken !== undefined ? withProgressToken(params as Json, id) : params;
    // A request without params stays one.
    const bare = Object.keys(tracked).length === 0;
    let sent: boolean;
    try {
      sent = sink.send({ jsonrpc: "2.0", id, method, ...(!bare && { params: tracked as Json }) });
    } catch (cause) {
      this.#pending.delete(id);
      throw new NoJson(cause);
    }
    const cancel = (error: HostError): void => {
      const pending = this.#pending.get(id);
      if (!pending) return;
      this.#pending.delete(id);
      sink.send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id, reason: error.message } });
      pending.reject(error);
    };
    if (!sent) cancel(new HostError("client_gone", "the client is gone"));
    return { answer, cancel };
  }

  /** Takes a client's response; what nobody asked is ignored. */
  answered(response: Response): void {
    const pending = response.id === null ? undefined : this.#pending.get(response.id);
    if (!pending) return;
    this.#pending.delete(response.id as Id);
    if ("result" in response) pending.resolve(response.result);
    else pending.reject(new PeerError(response.error));
  }

  progressed(params: Readonly<Json>): void {
    this.#pending.get(params.progressToken as Id)?.progress?.(params as Json);
  }

  /** Fails everything that waits. */
  close(error: HostError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
