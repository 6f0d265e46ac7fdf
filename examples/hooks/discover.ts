import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

/** Adds a house rule to descriptions of tools: `{ "notes": { "shop:refund": "Ask the customer first." } }`. */
export default definePlugin({
  name: "house-rules",
  host: "^1.0.0",
  options: z.strictObject({ notes: z.record(z.string(), z.string().min(1)) }),
  apply(host, { notes }) {
    const rules = Object.entries(notes).map(([tools, note]) => ({ isMeant: matcher([tools]), note }));
    host.hooks.discover.tap("house-rules", (entries) =>
      entries.map((entry) => {
        const fitting = rules.filter(({ isMeant }) => entry.kind === "tool" && isMeant(entry)).map(({ note }) => note);
        if (fitting.length === 0) return entry;
        const description = [entry.definition.description, ...fitting].filter(Boolean).join("\n");
        return { ...entry, definition: { ...entry.definition, description } };
      }),
    );
  },
});
