import { readFileSync } from "node:fs";
import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  deny: z
    .array(z.string().min(1))
    .min(1)
    .describe("Globs of what is denied: exposed names, or `<upstream>:<native name>`. Of a resource the name is its URI."),
  except: z.array(z.string().min(1)).default([]).describe("Roles of the callers that it is not denied to."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Hides entries from lists and refuses them in calls, but for callers with certain roles. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  // It decides who may do what, so a config cannot have it skipped when it fails.
  security: true,
  apply(host, { deny, except }) {
    const isDenied = matcher(deny);
    host.hooks.permit.tap("template-plugin", (entry, { principal }) => {
      if (!isDenied(entry) || principal.roles.some((role) => except.includes(role))) return undefined;
      return { rule: "deny" };
    });
  },
});

export default templatePlugin;
