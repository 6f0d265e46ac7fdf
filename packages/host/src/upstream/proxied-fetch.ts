import { createRequire } from "node:module";
import type { Pool as UndiciPool } from "undici";
import { proxyFor } from "./proxy.ts";

/**
 * `fetch` through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), as the host
 * reaches its servers; this machine itself is never reached through one.
 */
export async function proxiedFetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const target = new URL(url);
  if (proxyFor(target) === undefined) return fetch(url, init);
  const { connector, proxyDial } = await import("./tunnel.ts");
  const dial = proxyDial(target);
  if (!dial) return fetch(url, init);
  const Pool = createRequire(import.meta.url)("undici/lib/dispatcher/pool.js") as typeof UndiciPool; // the same class
  // Without keep-alive: there is nobody to end what is kept.
  const dispatcher = new Pool(target.origin, { connect: connector(dial), pipelining: 0 });
  // Node's types have a `fetch` of their own undici, which takes the dispatchers of any.
  return fetch(url, { ...init, dispatcher } as unknown as RequestInit);
}
