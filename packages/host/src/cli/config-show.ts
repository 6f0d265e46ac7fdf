import { defineCommand } from "citty";
import type { Use } from "../config/expand.ts";
import { loadExpanded } from "../config/load.ts";
import { parseConfig } from "../config/parse.ts";
import { isPlain } from "../config/plain.ts";
import { isPlugin } from "../config/plugin-brand.ts";
import type { ResolvedConfig } from "../config/schema.ts";
import { claimStdout } from "../front/stdio.ts";
import { escapeControls } from "../log.ts";
import { redact } from "../redact.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { jsonText } from "./json-text.ts";
import { configArgs, jsonArgs, loadOptions } from "./options.ts";

export default defineCommand({
  meta: { name: "config show", description: "Show the config with every value and default in it, without secrets" },
  args: { ...jsonArgs, ...configArgs },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const output = claimStdout();
    const { written, config, uses } = await loadExpanded(args.config, await loadOptions(rawArgs));
    const shown = shownConfig(parseConfig(config), uses);
    if (args.json) output.write(jsonText(shown));
    else {
      const { stringify } = await import("yaml");
      output.write(`# ${written.path}\n${escapeControls(stringify(shown, { lineWidth: 0 }))}`);
    }
    return EXIT.ok.code;
  },
});

/** A config is nested as deeply as its plugins like; what is logged is cut at some depth. */
const ANY_DEPTH = Number.NEGATIVE_INFINITY;

function shownConfig(config: ResolvedConfig, uses: readonly Use[]): unknown {
  const plugins = config.plugins.map((plugin) => {
    if (isPlugin(plugin)) return made(plugin);
    return typeof plugin === "object" && "use" in plugin && isPlugin(plugin.use) ? { ...plugin, ...made(plugin.use) } : plugin;
  });
  const copy: unknown = JSON.parse(JSON.stringify({ ...config, plugins }, (_key, value: unknown) => (isCode(value) ? "[code]" : value)));
  for (const { path } of uses.filter(({ secret }) => secret)) hide(copy, path);
  return redact(copy, ANY_DEPTH);
}

/** What a config in code holds beyond JSON: functions, and instances of classes. */
function isCode(value: unknown): boolean {
  return typeof value === "function" || (typeof value === "object" && value !== null && !isPlain(value));
}

/** A plugin made in code, as a file would name it. */
function made({ definition, input }: { definition: { name: string }; input: unknown }): Record<string, unknown> {
  return { use: definition.name, ...(input !== undefined && { options: input }) };
}

/** By place too, for a short secret cannot be told from harmless text by its value. */
function hide(config: unknown, path: readonly (string | number)[]): void {
  let at = config;
  for (const key of path.slice(0, -1)) at = isPlain(at) ? (at as Record<string | number, unknown>)[key] : undefined;
  const key = path.at(-1);
  if (isPlain(at) && key !== undefined && Object.hasOwn(at, key)) (at as Record<string | number, unknown>)[key] = "[redacted]";
}
