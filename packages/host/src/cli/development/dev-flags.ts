import { statSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../../operator/usage-error.ts";
import type { Json } from "../../wire/message.ts";
import { jsonArgument } from "../command-line/json-argument.ts";
import type { DevPlugin } from "./dev-config.ts";

/** A call that is made again and again. */
export interface DevCall {
  readonly name: string;
  readonly arguments: Readonly<Json>;
}

/** The plugins that the command line names. @throws UsageError for a file that is not there, and for options of none */
export function devPluginsOf(files: readonly string[], options: readonly string[]): DevPlugin[] {
  if (options.length > files.length)
    throw new UsageError(`--options is given ${options.length} times for ${files.length === 1 ? "one plugin" : `${files.length} plugins`}`);
  const seen = new Set<string>();
  return files.map((given, index) => {
    const file = resolve(given);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (!stat) throw new UsageError(`there is no file ${given}; name the file of the plugin, such as ./plugin.ts`);
    if (!stat.isFile()) throw new UsageError(`${given} is no file; name the file of the plugin, such as ./plugin.ts`);
    if (seen.has(file)) throw new UsageError(`${given} is given twice; give it once`);
    seen.add(file);
    const text = options[index];
    return { file, ...(text !== undefined && { options: jsonArgument("--options", text, '{"perMinute":10}') }) };
  });
}

/** The calls that the values of `--call` stand for. @throws UsageError for what is none */
export function devCallsOf(texts: readonly string[]): DevCall[] {
  return texts.map((given) => {
    const text = given.trim();
    const end = text.search(/\s/);
    const name = end === -1 ? text : text.slice(0, end);
    const rest = end === -1 ? "" : text.slice(end).trim();
    if (name === "" || name.startsWith("{"))
      throw new UsageError(`--call: "${given}" names no tool; write the tool, then its arguments, such as 'echo {"text":"hi"}'`);
    return { name, arguments: rest === "" ? {} : jsonArgument(`--call: what is behind "${name}"`, rest, '{"text":"hi"}') };
  });
}
