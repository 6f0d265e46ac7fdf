import type { z } from "zod";
import { ConfigError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { foreignKey } from "./foreign.ts";
import { type Config, configSchema, knownKeys, misplacedKey, type ResolvedConfig } from "./schema.ts";
import { rememberLiterals } from "./secrets.ts";
import { wording } from "./wording.ts";

/** Checks a config and fills in its defaults. @throws ConfigError with every problem: its place, what is wrong, what to do */
export function parseConfig(config: Config): ResolvedConfig {
  const parsed = configSchema.safeParse(config, { error: wording });
  if (parsed.success) {
    rememberLiterals(parsed.data);
    return parsed.data;
  }
  throw new ConfigError(parsed.error.issues.flatMap(problemsOf));
}

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const place = placeOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => {
      const foreign = foreignKey(issue.path, key) ?? misplacedKey(issue.path, key);
      const hint = foreign === undefined ? nearest(key, knownKeys(issue.path)) : `; ${foreign}`;
      return `${placeOf([...issue.path, key])}: unknown key${hint}`;
    });
  // Why a key is refused is said one level deeper.
  if (issue.code === "invalid_key") return [`${place}: ${issue.issues.map(({ message }) => message).join("; ")}`];
  return [`${place === "" ? "the config" : place}: ${issue.message}`];
}

/** A path as people write it: `mcpServers.files.args[0]`. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path.map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`)).join("");
}
