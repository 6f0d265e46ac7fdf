import { readFileSync } from "node:fs";
import { BoundedMap, definePlugin, defineService } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What other plugins are given. */
export interface Usage {
  /** How often a tool was called since the host started, by its exposed name. */
  callsOf(tool: string): number;
}

/** Other plugins import this key, and from `ready` on ask with `host.use(USAGE)`. */
export const USAGE = defineService<Usage>("template-plugin.usage");

const options = z.strictObject({
  tools: z.int().min(1).max(100_000).default(1_000).describe("How many tools are counted; the one that was called longest ago makes room."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Counts the calls of each tool, and tells other plugins. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { tools }) {
    const calls = new BoundedMap<string, number>(tools);
    host.provide(USAGE, { callsOf: (tool) => calls.get(tool) ?? 0 });
    host.hooks.settled.tap("template-plugin", ({ method, entry }) => {
      if (method !== "tools/call" || !entry) return;
      calls.set(entry.name, (calls.get(entry.name) ?? 0) + 1);
    });
    host.operator.report(() => ({ calls: Object.fromEntries([...calls].slice(-20)) }));
  },
});

export default templatePlugin;
