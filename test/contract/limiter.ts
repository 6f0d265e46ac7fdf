import { definePlugin, refuse } from "mcp-host";
import { z } from "zod";

/** A bucket holds `burst` tokens and gets `rate` new ones a second. */
const bucket = z.strictObject({ rate: z.number().positive(), burst: z.int().positive() });

/** Token buckets: one per principal and tool, and one per address at the edge. */
export default definePlugin({
  name: "limiter",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({ tools: bucket.prefault({ rate: 5, burst: 10 }), edge: bucket.prefault({ rate: 50, burst: 100 }) }),
  security: true,
  apply(host, { tools, edge }) {
    const store = host.store("limiter");
    async function take(key: string, { rate, burst }: z.output<typeof bucket>, what: string): Promise<void> {
      let missing = 0;
      const change = (value: unknown) => {
        const now = host.clock.now();
        const { left, at } = (value ?? { left: burst, at: now }) as { left: number; at: number }; // what it gave the last time
        const tokens = Math.min(burst, left + (Math.max(0, now - at) / 1_000) * rate);
        missing = Math.max(0, 1 - tokens);
        return { left: missing > 0 ? tokens : tokens - 1, at: now };
      };
      await store.update(key, change, Math.ceil((burst / rate) * 1_000));
      if (missing > 0) throw refuse("rate_limited", `too many ${what}`, { retryAfterMs: Math.ceil((missing / rate) * 1_000) });
    }
    host.hooks.admit.tap("limiter", ({ address }) => take(`edge:${address}`, edge, "requests from this address"));
    host.hooks.transform.for("tools/call").tap("limiter", async (params, { scope }) => {
      await take(JSON.stringify([scope, params.name]), tools, `calls of ${params.name}`);
      return params;
    });
  },
});
