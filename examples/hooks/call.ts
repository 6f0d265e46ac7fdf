import { BoundedMap, canonicalJson, definePlugin, HostError, type Json } from "mcp-host";
import { z } from "zod";

/** While a server is away, reading one of its resources gives what it gave last, up to `minutes` old. */
export default definePlugin({
  name: "last-good",
  host: "^1.0.0",
  options: z.strictObject({ minutes: z.number().positive().default(60), most: z.int().positive().default(500) }),
  apply(host, { minutes, most }) {
    host.hooks.call.for("resources/read").tap("last-good", (next, { key: upstream }) => {
      const kept = new BoundedMap<string, { result: Json; at: number }>(most); // of this upstream, and gone with it
      return async (exchange) => {
        const key = canonicalJson([exchange.scope, exchange.params.uri]); // nobody gets what another one read
        try {
          const result = await next(exchange);
          if (exchange.resultKind === "complete") kept.set(key, { result, at: host.clock.monotonic() });
          return result;
        } catch (error) {
          const last = kept.get(key);
          const isFresh = last && host.clock.monotonic() - last.at <= minutes * 60_000;
          if (!isFresh || !(error instanceof HostError) || error.type !== "upstream_down") throw error;
          host.log.info("an old answer was given", { upstream });
          return last.result;
        }
      };
    });
  },
});
