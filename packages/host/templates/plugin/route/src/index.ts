import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const options = z.strictObject({
  stable: z.string().describe("The key of the server that clients know."),
  canary: z.string().describe("The key of the one that a share of the callers gets."),
  percent: z.number().min(0).max(100).default(10).describe("How many of a hundred callers."),
  tools: z.array(z.string().min(1)).default(["*"]).describe("Globs of the tools that are meant, by their names at the stable server."),
});

/** What a config may say of the plugin. */
export type TemplatePluginOptions = z.input<typeof options>;

/** Where a caller stands among a hundred: always at the same place. */
const placeOf = (scope: string): number => (createHash("sha256").update(scope).digest().readUInt32BE() / 2 ** 32) * 100;

/** Sends a share of the callers to another version of a server, each always to the same. */
export const templatePlugin = definePlugin({
  name: "template-plugin",
  version,
  host: "^1.0.0",
  options,
  apply(host, { stable, canary, percent, tools }) {
    host.reload.expectUpstreams({ place: "options.stable", key: stable }, { place: "options.canary", key: canary });
    const isMeant = matcher(tools);
    let offered: ReadonlySet<string> = new Set();
    host.hooks.discover.tap("template-plugin", (entries, { key }) => {
      if (key !== canary) return entries;
      const meant = entries.filter((entry) => entry.kind === "tool" && isMeant({ ...entry, upstream: stable }));
      offered = new Set(meant.map(({ native }) => native));
      return entries.filter((entry) => !meant.includes(entry)); // clients know those of the stable server
    });
    host.hooks.route.tap("template-plugin", ({ entry, scope, caller, attempts }) => {
      if (entry?.kind !== "tool" || entry.upstream !== stable || !isMeant(entry) || !offered.has(entry.native)) return undefined;
      // It is asked again where nothing was sent: then the stable server answers.
      if (attempts.length > 0 || placeOf(scope) >= percent || !host.permits({ ...entry, upstream: canary }, caller)) return undefined;
      return { upstream: canary, native: entry.native };
    });
  },
});

export default templatePlugin;
