import { dirname } from "node:path";
import { namesIn } from "../../config/expand.ts";
import { loadExpanded } from "../../config/load.ts";
import { isPlain, isPlainObject } from "../../config/plain.ts";
import { isSecret, passwordsIn, rememberSecret, secretsInArguments, secretsOfUrl } from "../../config/secrets.ts";
import { locateReadable } from "../../config/trust.ts";
import { credentialsPath, Variables } from "../../config/variables.ts";
import { type LoadOptions, readWritten } from "../../config/written.ts";
import { isHidden } from "../../operator/config-shown.ts";
import { isSecretName, registerSecret } from "../../redact.ts";

type Path = readonly (string | number)[];

/** A value is looked for in all that is written, so one as short as this would take out harmless words. */
const SHORTEST = 6;

/**
 * Makes everything known that is a secret on this machine as far as the host can tell, so that none of it is in what is written afterwards: the
 * values of the config, whether it can be used or not, of the credentials file, and of variables with a telling name.
 */
export async function rememberSecrets(config: string | undefined, options: LoadOptions): Promise<void> {
  for (const [name, value = ""] of Object.entries(process.env)) {
    if (isSecretName(name)) remember(value);
    for (const password of passwordsIn(value)) remember(password);
  }
  // What cannot be read is told of where it is needed.
  const path = await locateReadable(config).catch(() => undefined);
  if (path === undefined) return;
  const written = await readWritten(path, options).catch(() => undefined);
  if (!written) return;
  rememberIn(written.value);
  for (const { values } of written.envFiles) rememberNamed(values);
  for (const name of namesIn(written.value)) rememberVariable(name, written.variables);
  const expanded = await loadExpanded(path, options).catch(() => undefined);
  if (expanded) rememberIn(expanded.config);
}

/** Every value of the credentials file, whether the config refers to it or not. */
export function rememberCredentials(): void {
  const known = new Variables(new Map(), process.env, dirname(credentialsPath(process.env)));
  for (const name of known.credentialNames()) rememberVariable(name, known);
}

function rememberVariable(name: string, variables: Variables): void {
  try {
    const found = variables.find({ kind: "variable", name });
    if (found && (found.secret || isSecret(["mcpServers", "", "env", name], name, found.value))) remember(found.value);
  } catch {
    // The credentials file cannot be used, so nothing of it is anywhere.
  }
}

function rememberNamed(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value = ""] of Object.entries(values)) if (isSecret(["mcpServers", "", "env", name], name, value)) remember(value);
}

/** What a config holds literally. */
function rememberIn(config: unknown): void {
  if (!isPlainObject(config)) return;
  if (isPlainObject(config.mcpServers)) {
    secretsInArguments(config.mcpServers, config.mcpServers);
    for (const server of Object.values(config.mcpServers))
      if (isPlainObject(server) && isPlainObject(server.env)) rememberNamed(server.env as Record<string, string>); // what is no text is none
  }
  walk(config, []);
}

function walk(value: unknown, path: Path): void {
  if (typeof value === "string") {
    const isEnv = path[0] === "mcpServers" && path[2] === "env";
    if ((isHidden(path) && !isEnv) || isGiven(path)) remember(value);
    for (const password of passwordsIn(value)) remember(password);
    if (value.includes("://") && URL.canParse(value)) {
      const { username, searchParams } = new URL(value);
      for (const secret of [decodeURIComponent(username), ...secretsOfUrl(value), ...searchParams.values()]) remember(secret);
    }
    return;
  }
  if (!isPlain(value)) return;
  for (const [key, item] of Object.entries(value)) walk(item, [...path, Array.isArray(value) ? Number(key) : key]);
}

/** What plugins give to others, whatever it is called: their options have it in maps of these names. */
function isGiven(path: Path): boolean {
  return path[0] === "plugins" && path.some((key) => key === "headers" || key === "env" || key === "values");
}

/** A reference is no secret, and no word as short as `true` is kept out by its value. */
function remember(value: unknown): void {
  if (typeof value !== "string" || value.length < SHORTEST || /^\$\{[^{}]*\}$/.test(value)) return;
  rememberSecret(value);
  registerSecret(value.trim());
}
