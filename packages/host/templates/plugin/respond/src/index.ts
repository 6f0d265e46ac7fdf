import { readFileSync } from "node:fs";
import { definePlugin, isObject, matcher } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  most: z.int().positive().default(20_000).describe("How many characters of a text are left."),
  tools: z.array(z.string().min(1)).default(["*"]).describe("Globs of the tools that are meant."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Cuts texts of tools' results that are longer than a model should have to read, and says so. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { most, tools }) {
    const isMeant = matcher(tools);
    // What comes from a server is its own affair: only what is a text for sure is cut.
    const isLong = (item: unknown): item is { text: string } => isObject(item) && typeof item.text === "string" && item.text.length > most;
    host.hooks.respond.for("tools/call").tap("template-plugin", (result, { called }) => {
      if (!called || !isMeant(called) || !Array.isArray(result.content) || !result.content.some(isLong)) return result;
      const content = result.content.map((item: unknown) =>
        isLong(item) ? { ...item, text: `${item.text.slice(0, most)}\n[${item.text.length - most} characters were cut off]` } : item,
      );
      return { ...result, content };
    });
  },
});

export default templatePlugin;
