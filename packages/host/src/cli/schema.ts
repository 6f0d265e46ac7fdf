import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineCommand } from "citty";
import type { JsonSchema, NamedPlugin } from "../config/json-schema.ts";
import { ConfigError } from "../errors.ts";
import { escapeControls } from "../log.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";

export default defineCommand({
  meta: { name: "schema", description: "Print the JSON Schema of configs, with the options of the installed plugins" },
  args: {
    output: { type: "string", valueHint: "file", description: "Write it to this file, for `$schema` in the config" },
    json: { type: "boolean", description: "With --output, print as JSON what was written; the schema is JSON anyway" },
    ...configArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { installedPlugins } = await import("../config/installed-plugins.ts");
    const { withPluginOptions } = await import("../config/json-schema.ts");
    const { replaceFile } = await import("../config/replace.ts");
    const { importPlugin } = await import("../plugin/load.ts");
    const output = claimStdout();
    const { folder, names } = await configured(args.config, rawArgs);
    const installed = installedPlugins([folder, process.cwd(), import.meta.dirname]);
    const plugins: NamedPlugin[] = [];
    const leftOut: string[] = [];
    for (const name of new Set([...names, ...installed])) {
      try {
        plugins.push({ name, definition: (await importPlugin(name, folder, name)).definition });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        leftOut.push(...error.problems);
      }
    }
    const text = jsonText(withPluginOptions(packagedSchema(), plugins));
    const path = args.output === undefined ? undefined : resolve(args.output);
    if (path === undefined) output.write(text);
    else replaceFile(path, text);
    if (path !== undefined && args.json) output.write(jsonText({ path, plugins: plugins.map(({ name }) => name), leftOut }));
    else for (const problem of leftOut) process.stderr.write(`mcp-host: left out: ${escapeControls(problem)}\n`);
    return EXIT.ok.code;
  },
});

/** The folder of the config and the plugins that it names. Without a config there are those that are installed. */
async function configured(config: string | undefined, raw: readonly string[]): Promise<{ folder: string; names: string[] }> {
  const { locateConfig, located } = await import("../config/locate.ts");
  const { checkTrust } = await import("../config/trust.ts");
  const { readWritten } = await import("../config/written.ts");
  const { loadOptions } = await import("./command-line/load-options.ts");
  let path: string;
  try {
    path = await locateConfig(config);
  } catch (error) {
    if (config !== undefined || !(error instanceof ConfigError)) throw error;
    return { folder: process.cwd(), names: [] };
  }
  const { value, folder } = await located(path, async () => {
    if (config === undefined) checkTrust(path);
    return readWritten(path, await loadOptions(raw, false));
  });
  const plugins = typeof value === "object" && value !== null && "plugins" in value && Array.isArray(value.plugins) ? value.plugins : [];
  return { folder, names: plugins.map(nameOf).filter((name) => typeof name === "string") };
}

function nameOf(plugin: unknown): unknown {
  if (Array.isArray(plugin)) return plugin[0];
  return typeof plugin === "object" && plugin !== null && "use" in plugin ? plugin.use : plugin;
}

function packagedSchema(): JsonSchema {
  return JSON.parse(readFileSync(new URL("../../schema.json", import.meta.url), "utf8")) as JsonSchema; // made by configJsonSchema
}
