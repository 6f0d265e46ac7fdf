import type { z } from "zod";
import { ConfigError } from "../errors.ts";
import { foreignKey } from "./foreign.ts";
import { meantForm } from "./meant-form.ts";
import { nearest } from "./nearest.ts";
import { isPlain } from "./plain.ts";
import { type Config, configSchema, knownKeys, misplacedKey, type ResolvedConfig } from "./schema.ts";
import { rememberLiterals } from "./secrets.ts";
import { headerValue, serverSchema } from "./server-schema.ts";
import { wording } from "./wording.ts";

/** Checks a config and fills in its defaults. @throws ConfigError with every problem: its place, what is wrong, what to do */
export function parseConfig(config: Config): ResolvedConfig {
  const parsed = configSchema.safeParse(config, { error: wording });
  if (parsed.success) {
    rememberLiterals(parsed.data);
    return parsed.data;
  }
  throw new ConfigError(parsed.error.issues.flatMap((issue) => problemsOf(issue, config)));
}

function problemsOf(issue: z.core.$ZodIssue, config: unknown): string[] {
  const place = placeOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => {
      const foreign = foreignKey(issue.path, key) ?? misplacedKey(issue.path, key);
      const hint = foreign === undefined ? nearest(key, knownKeys(issue.path)) : `; ${foreign}`;
      return `${placeOf([...issue.path, key])}: unknown key${hint}`;
    });
  const within = (inner: readonly z.core.$ZodIssue[]): string[] =>
    inner.flatMap((each) => problemsOf({ ...each, path: [...issue.path, ...each.path] }, config));
  // Why a key is refused is said one level deeper, and its value has not been looked at.
  if (issue.code === "invalid_key") {
    const value = valueSchema(issue.path)?.safeParse(valueAt(config, issue.path), { error: wording });
    return [`${place}: ${issue.issues.map(({ message }) => message).join("; ")}`, ...within(value?.error?.issues ?? [])];
  }
  const meant = meantForm(issue);
  if (meant) return within(meant);
  return [`${place === "" ? "the config" : place}: ${issue.message}`];
}

/** What takes the value of a key whose name is refused. */
function valueSchema(path: readonly PropertyKey[]): z.ZodType | undefined {
  if (path[0] !== "mcpServers") return undefined;
  if (path.length === 2) return serverSchema;
  return path[2] === "headers" ? headerValue : undefined;
}

function valueAt(config: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (isPlain(at) ? (at as Record<PropertyKey, unknown>)[key] : undefined), config);
}

/** A path as people write it: `mcpServers.files.args[0]`. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path.map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`)).join("");
}
