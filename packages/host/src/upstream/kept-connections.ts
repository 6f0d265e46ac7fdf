import type { Pool as UndiciPool } from "undici";
import { proxyFor } from "./proxy.ts";
import { fetchOver, poolOf } from "./undici-pool.ts";

/** Milliseconds until there is a connection. */
const CONNECT_TIMEOUT = 10_000;

/**
 * `fetch` of one origin, as `proxiedFetch` reaches it, over connections that are kept for the next request: for who asks the same
 * one again and again. Requests beyond `connections` wait for one; how long is for their `signal` to say.
 */
export class KeptConnections {
  readonly #origin: URL;
  readonly #connections: number;
  #pool: Promise<UndiciPool> | undefined;
  #isClosed = false;

  /** @param url any of the origin */
  constructor(url: string | URL, { connections }: { readonly connections: number }) {
    this.#origin = new URL(url);
    this.#connections = connections;
  }

  /** @param url of the origin; an answer that leads to another one is for the caller to follow, or not: say `redirect: "manual"` */
  async fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const target = new URL(url);
    if (target.origin !== this.#origin.origin)
      throw new TypeError(`the connections are to ${this.#origin.origin}, not to ${target.origin}`);
    return fetchOver(await (this.#pool ??= this.#open()), target, init);
  }

  async #open(): Promise<UndiciPool> {
    const tunnel = proxyFor(this.#origin) === undefined ? undefined : await import("./tunnel.ts");
    const dial = tunnel?.proxyDial(this.#origin);
    const pool = poolOf(this.#origin.origin, {
      connections: this.#connections,
      pipelining: 1,
      connect: tunnel && dial ? tunnel.connector(dial) : { timeout: CONNECT_TIMEOUT },
      // Requests have signals of their own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    if (this.#isClosed) await pool.destroy();
    return pool;
  }

  /** Ends every connection, and what goes over it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#pool)?.destroy();
  }
}
