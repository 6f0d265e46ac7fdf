import { expandConfig, type Use } from "../../config/expand.ts";
import type { Input } from "../../config/inputs.ts";
import { parseConfig } from "../../config/parse.ts";
import { Variables } from "../../config/variables.ts";
import { type LoadOptions, readWritten } from "../../config/written.ts";
import { ConfigError } from "../../errors.ts";
import { isObject, type Json } from "../../wire/message.ts";

/** Stands for a text that is not known yet. */
const UNKNOWN = "x";

/** What a client that starts the host hands on to it. */
const INHERITED = ["HOME", "XDG_CONFIG_HOME", "PATH", "USER"];

/** Why the config could not have this server, or undefined. Variables that nobody set and files that are not there are no reason. */
export function refusal(name: string, server: Json, folder: string): string | undefined {
  const found: string[] = [];
  const uses: Use[] = [];
  expandConfig({ mcpServers: { [name]: server } }, new Variables(new Map(), {}, folder), found, uses);
  const problems = found.filter((problem) => !uses.some(({ missing }) => missing === problem));
  // Only files have `envFile`: its values are in `env` when a config is checked.
  const { url, envFile, ...rest } = withoutReferences(server) as Json; // an object stays one
  try {
    // An address that begins with a variable is none before the variable is known.
    const checkable = { ...rest, ...(url !== undefined && { url: url === UNKNOWN ? "http://localhost" : url }) };
    parseConfig({ mcpServers: { [name]: checkable as { url: string } } }); // it says what is wrong if it is not that
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (problems.length === 0) return undefined;
  return problems.map((problem) => problem.replace(`mcpServers.${name}`, "").replace(/^[.:\s]+/, "")).join("; ");
}

/** The variables that a server needs and that are set nowhere. */
export function missingVariables(server: Json, folder: string, inputs: readonly Input[]): string[] {
  return missing(usesOf({ mcpServers: { server } }, new Variables(new Map(), process.env, folder, { inputs })));
}

/** The variables that a config takes from the environment of a shell, which a client that starts the host may not have. */
export async function shellVariables(path: string, options: LoadOptions): Promise<string[]> {
  const env = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  const { value, variables } = await readWritten(path, { ...options, env });
  return missing(usesOf(value, variables));
}

function usesOf(config: unknown, variables: Variables): Use[] {
  const uses: Use[] = [];
  expandConfig(config, variables, [], uses);
  return uses;
}

function missing(uses: readonly Use[]): string[] {
  return [
    ...new Set(
      uses.filter(({ source, kind }) => source === undefined && (kind === "variable" || kind === "input")).map(({ name }) => name),
    ),
  ];
}

/** What depends on a variable is neither wrong nor a secret before its value is known. */
function withoutReferences(value: unknown): unknown {
  if (typeof value === "string") return value.includes("${") ? UNKNOWN : value;
  if (Array.isArray(value)) return value.map(withoutReferences);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutReferences(item)]));
}
