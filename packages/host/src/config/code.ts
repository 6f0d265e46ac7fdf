import { readFileSync } from "node:fs";
import { dirname, extname } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../errors.ts";
import { withDeadline } from "../wire/deadline.ts";
import { installRemedy } from "./documentation.ts";
import type { Environment } from "./env-files.ts";

/** What the function of a config in code is given. */
export interface ConfigContext {
  /** The environment, with `--env-file` in it. */
  readonly env: Environment;
  /** The folder of the file. */
  readonly folder: string;
}

/** How long a config in code may take, its imports included. */
const DEADLINE = 10_000;

/** What a config in code exports, or what its function returns. @throws ConfigError with line and column where they are known */
export async function readCode(path: string, env: Environment): Promise<unknown> {
  try {
    return await withDeadline(evaluate(path, { env, folder: dirname(path) }), DEADLINE, () => {
      throw new ConfigError([`the config was not ready after ${DEADLINE / 1000} s; it waits for something`]);
    });
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError([await moduleProblem(error, path)]);
  }
}

async function evaluate(path: string, context: ConfigContext): Promise<unknown> {
  const module = await load(path);
  if (!("default" in module))
    throw new ConfigError([
      "the config has no default export; write `export default { mcpServers: { ... } }`, or a function that returns it",
    ]);
  const made: unknown = module.default;
  return typeof made === "function" ? (made as (context: ConfigContext) => unknown)(context) : made; // it is called as what it is documented to be
}

/** Read anew each time, so that a host that reloads its config sees what has changed. */
async function load(path: string): Promise<Record<string, unknown>> {
  if (/\.[cm]?ts$/i.test(path)) {
    const { createJiti } = await import("jiti");
    // Nothing of it is kept on disk either: a config may hold secrets.
    const jiti = createJiti(import.meta.url, { moduleCache: false, fsCache: false, interopDefault: false });
    if (/\.cts$/i.test(path)) return { default: await jiti.import(path, { default: true }) };
    return jiti.import(path);
  }
  if (extname(path).toLowerCase() !== ".cjs")
    return import(`${pathToFileURL(path).href}?read=${++reads}`) as Promise<Record<string, unknown>>;
  const { createRequire } = await import("node:module");
  const require = createRequire(path);
  delete require.cache[path];
  return { default: require(path) as unknown };
}

let reads = 0;

/**
 * What went wrong with a module, with its line and column in the file where they can be found.
 * @param imported files that it imports: where it was one of those, that is named
 */
export async function moduleProblem(error: unknown, path: string, imported: readonly string[] = []): Promise<string> {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const message =
    error.message
      .split("\n")[0]
      ?.replace(/^(ParseError|SyntaxError): /, "")
      .trim() ?? "";
  const [, missing] = /Cannot find (?:package|module) '([^'./][^']*)'/.exec(message) ?? [];
  const remedy = missing === undefined ? "" : `; ${installRemedy(missing, dirname(path))}`;
  return `${await placeOfProblem(error, path, imported)}${message}${remedy}`;
}

/** "line:column: " in the file itself, "in FILE:line:column: " in one that it imports, or nothing. */
async function placeOfProblem(error: Error, path: string, imported: readonly string[]): Promise<string> {
  const files = [path, ...imported];
  const told = (file: string, at: string): string => (file === path ? `${at}: ` : `in ${file}:${at}: `);
  for (const text of [error.message, error.stack ?? ""]) {
    // Of a stack the innermost, which comes first.
    const [first] = files.flatMap((file) => placeIn(text, file) ?? []).sort((one, other) => one.index - other.index);
    if (first) return told(first.file, first.at);
  }
  if (!(error instanceof SyntaxError)) return "";
  for (const file of files) {
    const at = await syntaxError(file);
    if (at !== undefined) return told(file, at);
  }
  return "";
}

/** Line and column that a text names of a file, and where in the text that is. */
function placeIn(text: string, file: string): { file: string; at: string; index: number } | undefined {
  const escaped = file.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // linear: it begins with the whole path
  const found = new RegExp(`${escaped}(?:\\?\\w+=\\w+)?:(\\d+:\\d+)`).exec(text);
  return found ? { file, at: found[1] ?? "", index: found.index } : undefined;
}

/** Node does not tell where the syntax of a module is wrong; jiti's parser leaves it in what it makes. */
async function syntaxError(path: string): Promise<string | undefined> {
  const { createJiti } = await import("jiti");
  const made = createJiti(import.meta.url, { fsCache: false }).transform({ source: readFileSync(path, "utf8"), filename: path });
  const [, line, column] = /^exports\.__JITI_ERROR__ = .*?"line":(\d+),"column":(\d+)/.exec(made) ?? [];
  return line === undefined ? undefined : `${line}:${column}`;
}
