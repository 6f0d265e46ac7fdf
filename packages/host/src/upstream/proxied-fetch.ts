import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import type { Pool as UndiciPool } from "undici";
import { proxyFor } from "./proxy.ts";
import { fetchOver, poolOf } from "./undici-pool.ts";

/**
 * `fetch` through the proxy that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), as the host
 * reaches its servers; this machine itself is never reached through one.
 * @param mayReach told each address of the URL's host, where that is a name, when it is connected to; one that it refuses has the request fail.
 * Behind a proxy, the proxy looks names up.
 */
export async function proxiedFetch(
  url: string | URL,
  init: RequestInit = {},
  { mayReach }: { readonly mayReach?: (address: string) => boolean } = {},
): Promise<Response> {
  const target = new URL(url);
  const tunnel = proxyFor(target) === undefined ? undefined : await import("./tunnel.ts");
  const dial = tunnel?.proxyDial(target);
  if (tunnel && dial) return through(target, init, tunnel.connector(dial));
  return mayReach ? through(target, init, { lookup: lookupAmong(mayReach) }) : fetch(url, init);
}

function through(target: URL, init: RequestInit, connect: UndiciPool.Options["connect"]): Promise<Response> {
  // Without keep-alive: there is nobody to end what is kept.
  return fetchOver(poolOf(target.origin, { connect, pipelining: 0 }), target, init);
}

/** Looks a name up as Node does, for the very connection that is made then; one address that may not be reached spoils the name. */
function lookupAmong(mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, told) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return told(error, []);
      if (!addresses.every(({ address }) => mayReach(address)))
        return told(new Error(`"${hostname}" has an address that may not be reached`), []);
      if (options.all) return told(null, addresses);
      const [{ address, family } = { address: "", family: 0 }] = addresses; // a name that is found has one
      told(null, address, family);
    });
  };
}
