import { createRequire } from "node:module";
import type { Pool as UndiciPool } from "undici";

/**
 * Connections to one origin, of undici's own kind. They are loaded when there is a use for them, and apart from the
 * package's entry point, which loads fetch, WebSocket and a cache too: 9 MB and 50 ms that nothing here uses.
 */
export function poolOf(origin: string, options: UndiciPool.Options): UndiciPool {
  const Pool = createRequire(import.meta.url)("undici/lib/dispatcher/pool.js") as typeof UndiciPool; // the same class
  return new Pool(origin, options);
}

/** `fetch` over such connections. */
export function fetchOver(dispatcher: UndiciPool, target: URL, init: RequestInit): Promise<Response> {
  // Node's types have a `fetch` of their own undici, which takes the dispatchers of any.
  return fetch(target, { ...init, dispatcher } as unknown as RequestInit);
}
