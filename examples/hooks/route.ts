import { definePlugin } from "mcp-host";
import { z } from "zod";

/** Spreads the calls of a server's tools over it and its replicas: `{ "server": "search", "replicas": ["search-2"] }`. */
export default definePlugin({
  name: "spread",
  host: "^1.0.0",
  options: z.strictObject({ server: z.string(), replicas: z.array(z.string()).min(1) }),
  apply(host, { server, replicas }) {
    const all = [server, ...replicas];
    host.reload.expectUpstreams(...all.map((key, at) => ({ place: at === 0 ? "options.server" : `options.replicas[${at - 1}]`, key })));
    let turn = 0;
    host.hooks.discover.tap("spread", (entries, { key }) => (replicas.includes(key) ? [] : entries)); // listed once
    host.hooks.route.tap("spread", ({ entry, attempts }) => {
      if (entry?.kind !== "tool" || entry.upstream !== server) return undefined;
      const tried = new Set(attempts.map(({ upstream }) => upstream));
      const left = all.filter((key) => !tried.has(key)); // it is asked again where nothing was sent
      const upstream = left[turn++ % Math.max(1, left.length)];
      return upstream === undefined ? undefined : { upstream, native: entry.native };
    });
  },
});
