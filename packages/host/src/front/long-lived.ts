import type { IncomingMessage } from "node:http";
import type { Principal } from "../exchange/caller.ts";
import { ANONYMOUS, identify, isAuthenticated, isSame } from "./identity.ts";
import { type NetworkOptions, pathOf } from "./way-in.ts";

/** A connection that lasts, and who opened it with what. */
interface Holding {
  readonly request: IncomingMessage;
  readonly path: string;
  readonly principal: Principal;
  /** Ends it. */
  readonly end: () => void;
}

/**
 * The connections that outlive their request: event streams and WebSockets. Their clients said once who they are; when a
 * reload changes who says so, that is asked again, for a key that was taken away must not live on in an open connection.
 */
export class LongLived {
  readonly #options: NetworkOptions;
  readonly #holdings = new Set<Holding>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Gives what is to be called once the connection has ended. */
  hold(request: IncomingMessage, principal: Principal, end: () => void): () => void {
    const holding = { request, path: pathOf(request), principal, end };
    this.#holdings.add(holding);
    return () => void this.#holdings.delete(holding);
  }

  /** Ends the connections whose clients are not who they were any more, or whom nobody knows now. */
  check(): void {
    for (const holding of this.#holdings) void this.#check(holding);
  }

  async #check(holding: Holding): Promise<void> {
    const { request, path, principal, end } = holding;
    const options = this.#options;
    let now: Principal | undefined;
    try {
      now = isAuthenticated(options) ? await identify(options, request, path, undefined) : ANONYMOUS;
    } catch (error) {
      options.log.debug("a client is not who it was any more", { reason: (error as Error).message }); // only HostErrors are thrown there
    }
    if (this.#holdings.has(holding) && !(now && isSame(now, principal))) end();
  }
}
