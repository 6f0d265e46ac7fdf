import { readFileSync } from "node:fs";
import { definePlugin, isObject } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  defaults: z
    .record(z.string(), z.record(z.string(), z.json()))
    .describe("The exposed name of a tool → arguments that a call gets where it has none of that name."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Adds arguments to calls of tools, where the client has left them out. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { defaults }) {
    const tools = new Map(Object.entries(defaults));
    host.hooks.transform.for("tools/call").tap("template-plugin", (params) => {
      const added = tools.get(params.name);
      // What a client sends is its own affair: arguments that are no object are the server's to refuse.
      if (!added || (params.arguments !== undefined && !isObject(params.arguments))) return params;
      return { ...params, arguments: { ...added, ...params.arguments } };
    });
  },
});

export default templatePlugin;
