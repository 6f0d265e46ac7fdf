import { definePlugin, type Entry, type OfferToolResult, refuse } from "mcp-host";
import { z } from "zod";

/** Shows clients two tools instead of hundreds: one finds tools by words, the other calls what was found. */
export default definePlugin({
  name: "tool-search",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({ limit: z.int().min(1).max(50).default(5) }),
  apply(host, { limit }) {
    const isOwn = ({ upstream }: Entry) => upstream === host.id;
    const words = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    host.offer({
      tools: {
        find_tool: {
          description: "Finds tools by words of their names and descriptions. Call what is found with call_tool.",
          input: z.object({ query: z.string().max(1_000) }),
          annotations: { readOnlyHint: true },
          call({ query }, { exchange }) {
            const asked = new Set(words(query));
            const found = host.catalog
              .visible(exchange.caller)
              .filter((entry) => entry.kind === "tool" && !isOwn(entry))
              .map((entry) => ({
                entry,
                score: [...new Set(words(`${entry.name} ${entry.definition.description ?? ""}`))].filter((word) => asked.has(word)).length,
              }))
              .filter(({ score }) => score > 0)
              .sort((a, b) => b.score - a.score)
              .slice(0, limit);
            return JSON.stringify(found.map(({ entry: { name, definition } }) => ({ ...definition, name })));
          },
        },
        call_tool: {
          description: "Calls a tool that find_tool found.",
          input: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()).default({}) }),
          async call({ name, arguments: args }, { exchange, progress }) {
            if (host.catalog.entries().some((entry) => entry.name === name && isOwn(entry)))
              throw refuse("invalid_params", `call ${name} itself`);
            const result = await exchange.call(
              "tools/call",
              { name, arguments: args },
              {
                onProgress: (step) => progress(Number(step.progress), step.total as number | undefined, step.message as string | undefined),
              },
            );
            return result as OfferToolResult; // what a tool gave
          },
        },
      },
    });
    host.hooks.list.tap("tool-search", (entries) => entries.filter((entry) => entry.kind !== "tool" || isOwn(entry)));
  },
});
