import type { z } from "zod";
import { ConfigError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import { type Config, configSchema, knownKeys, type ResolvedConfig } from "./schema.ts";
import { rememberLiterals } from "./secrets.ts";

/** Checks a config and fills in its defaults. @throws ConfigError with every problem: its place, what is wrong, what to do */
export function parseConfig(config: Config): ResolvedConfig {
  const parsed = configSchema.safeParse(config);
  if (parsed.success) {
    rememberLiterals(parsed.data);
    return parsed.data;
  }
  throw new ConfigError(parsed.error.issues.flatMap(problemsOf));
}

function problemsOf(issue: z.core.$ZodIssue): string[] {
  const place = placeOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `${placeOf([...issue.path, key])}: unknown key${nearest(key, knownKeys(issue.path))}`);
  if (issue.code === "invalid_union") {
    const words = new Set(issue.errors.flat().map(({ message }) => message));
    return [`${place}: ${[...words].join("; or ")}`];
  }
  return [`${place === "" ? "the config" : place}: ${issue.message}`];
}

/** A path as people write it: `mcpServers.files.args[0]`. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path.map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`)).join("");
}
