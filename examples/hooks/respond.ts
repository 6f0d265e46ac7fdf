import { definePlugin, isObject } from "mcp-host";
import { z } from "zod";

/** Cuts each text of a tool's result that is longer than `most` characters, and says so. */
export default definePlugin({
  name: "short-texts",
  host: "^1.0.0",
  options: z.strictObject({ most: z.int().min(100).default(20_000) }),
  apply(host, { most }) {
    const isLong = (item: unknown): item is { text: string } => isObject(item) && typeof item.text === "string" && item.text.length > most;
    host.hooks.respond.for("tools/call").tap("short-texts", (result) => {
      if (!Array.isArray(result.content) || !result.content.some(isLong)) return result;
      const content = result.content.map((item) =>
        isLong(item) ? { ...item, text: `${item.text.slice(0, most)}\n[${item.text.length - most} characters were cut off]` } : item,
      );
      return { ...result, content };
    });
  },
});
