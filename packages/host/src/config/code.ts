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

/** What went wrong with a module, with its line and column in the file where they can be found. */
export async function moduleProblem(error: unknown, path: string): Promise<string> {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const escaped = path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // linear: it begins with the whole path
  const at = new RegExp(`${escaped}(?:\\?\\w+=\\w+)?:(\\d+):(\\d+)`);
  const [, line, column] = at.exec(error.message) ?? at.exec(error.stack ?? "") ?? (await syntaxError(error, path)) ?? [];
  const message =
    error.message
      .split("\n")[0]
      ?.replace(/^(ParseError|SyntaxError): /, "")
      .trim() ?? "";
  const [, missing] = /Cannot find (?:package|module) '([^'./][^']*)'/.exec(message) ?? [];
  const place = line === undefined ? "" : `${line}:${column}: `;
  const remedy = missing === undefined ? "" : `; ${installRemedy(missing, dirname(path))}`;
  return `${place}${message}${remedy}`;
}

/** Node does not tell where the syntax of a module is wrong; jiti's parser leaves it in what it makes. */
async function syntaxError(error: Error, path: string): Promise<RegExpExecArray | null> {
  if (!(error instanceof SyntaxError)) return null;
  const { createJiti } = await import("jiti");
  const made = createJiti(import.meta.url, { fsCache: false }).transform({ source: readFileSync(path, "utf8"), filename: path });
  return /^exports\.__JITI_ERROR__ = .*?"line":(\d+),"column":(\d+)/.exec(made);
}
