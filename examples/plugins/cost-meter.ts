import { BoundedMap, definePlugin, matcher } from "mcp-host";
import { z } from "zod";

/** People whose sums are kept; the one who has called nothing for longest makes room. */
const PEOPLE = 10_000;

/**
 * What the calls of tools cost, by a price table: `{ "prices": { "search:*": 0.002, "maps:route": 0.01 } }`. The first glob that fits has the
 * price. A call costs once the server has the request, however it ends; what a cache answers, what is refused and what never went out is
 * free.
 *
 * Sums of each person are in `mcp-host status`, highest first; the metrics plugin publishes `cost` by server and tool.
 */
export default definePlugin({
  name: "cost-meter",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    prices: z.record(z.string().min(1), z.number().min(0)),
    currency: z.string().length(3).default("EUR"),
    /** How many people `mcp-host status` shows. */
    top: z.int().min(1).max(1_000).default(20),
  }),
  apply(host, { prices, currency, top }) {
    const rules = Object.entries(prices).map(([tools, price]) => ({ isMeant: matcher([tools]), price }));
    const sums = new BoundedMap<string, { calls: number; cost: number }>(PEOPLE);
    let total = 0;
    const counter = host.meter.counter({
      name: "cost",
      description: "What calls of tools cost.",
      unit: `{${currency}}`,
      labels: ["upstream", "tool"],
    });

    host.hooks.settled.tap("cost-meter", ({ method, called, sent, resultKind, principal }) => {
      if (method !== "tools/call" || !called || sent === "no") return;
      if (resultKind === "input_required") return; // the round that ends it is charged
      const price = rules.find(({ isMeant }) => isMeant(called))?.price;
      if (price === undefined || price === 0) return;
      const { calls, cost } = sums.get(principal.id) ?? { calls: 0, cost: 0 };
      sums.set(principal.id, { calls: calls + 1, cost: cost + price });
      total += price;
      counter.add(price, called.upstream, called.native);
    });

    /** Without what adding fractions leaves behind. */
    const rounded = (amount: number): number => Number(amount.toFixed(6));
    host.operator.report(() => ({
      currency,
      total: rounded(total),
      principals: [...sums]
        .sort(([, one], [, other]) => other.cost - one.cost)
        .slice(0, top)
        .map(([principal, { calls, cost }]) => ({ principal, calls, cost: rounded(cost) })),
    }));
  },
});
