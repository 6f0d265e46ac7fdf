import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

/** Gives tools arguments that the model left out: `{ "arguments": { "search:*": { "limit": 20 } } }`. */
export default definePlugin({
  name: "default-arguments",
  host: "^1.0.0",
  options: z.strictObject({ arguments: z.record(z.string(), z.record(z.string(), z.json())) }),
  apply(host, { arguments: wanted }) {
    const rules = Object.entries(wanted).map(([tools, given]) => ({ isMeant: matcher([tools]), given }));
    host.hooks.transform.for("tools/call").tap("default-arguments", (params, { entry }) => {
      const fitting = rules.filter(({ isMeant }) => entry && isMeant(entry)).map(({ given }) => given);
      return fitting.length === 0 ? params : { ...params, arguments: Object.assign({}, ...fitting, params.arguments) };
    });
  },
});
