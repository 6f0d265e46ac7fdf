import { hasSecretShape, isSecretName, registerSecret } from "../redact.ts";
import { isObject } from "../wire/message.ts";
import type { ResolvedConfig } from "./schema.ts";

type Path = readonly (string | number)[];

/** Values that hide nothing: paths, numbers, switches, plain words. */
const HARMLESS = /^(?:[/~.].*|[A-Za-z]:\\.*|-?\d+(?:\.\d+)?(?:ms|[smhdb]|[kmg]b)?|true|false|[a-z-]{1,16})$/;

/**
 * Whether the value of a variable is taken for a secret where a config uses it: always in a header; elsewhere by the
 * variable's or the key's name; in a child's environment and in options of plugins and transports also unless it is plainly harmless.
 */
export function isSecret(path: Path, variable: string, value: string): boolean {
  if (path[2] === "headers" || path[0] === "stateKey") return true;
  if (isSecretName(variable) || isSecretName(String(path.at(-1)))) return true;
  const secretive =
    (path[0] === "mcpServers" && (path[2] === "env" || path[2] === "options")) || (path[0] === "plugins" && path.length > 2);
  return secretive && !HARMLESS.test(value);
}

/** Keeps a value out of everything that the host writes; of `Bearer abc` and `https://u:p@host` the secret part too. */
export function rememberSecret(value: string): void {
  for (const secret of formsOf(value)) registerSecret(secret);
}

function formsOf(value: string): string[] {
  const [, ...words] = value.split(/\s+/);
  return [value, ...words, ...secretsOfUrl(value)];
}

/** How each config that is in use, or was lately, is forgotten. */
const forgets = new WeakMap<ResolvedConfig, () => void>();
const retired: ResolvedConfig[] = [];
/** Of so many closed hosts the secrets are still kept out: their last words may come late. */
const RETIRED = 100;

/** Remembers what a config holds literally: headers, variables and options with a telling name, passwords in URLs. */
export function rememberLiterals(config: ResolvedConfig): void {
  const each = literalsOf(config).map(registerSecret);
  forgets.set(config, () => {
    for (const forget of each) forget();
  });
}

/** Nobody uses a config any more: a program that makes host after host does not keep their secrets for ever. */
export function retireLiterals(config: ResolvedConfig): void {
  retired.push(config);
  if (retired.length <= RETIRED) return;
  const [oldest] = retired.splice(0, 1) as [ResolvedConfig]; // more than there may be, so not empty
  forgets.get(oldest)?.();
}

function literalsOf(config: ResolvedConfig): string[] {
  const secrets: string[] = [...config.stateKey];
  for (const server of Object.values(config.mcpServers)) {
    if ("headers" in server) secrets.push(...secretsIn(server.headers));
    if ("env" in server) secrets.push(...secretsIn(server.env));
    if ("options" in server) secrets.push(...secretsIn(server.options));
    if ("url" in server) secrets.push(...secretsOfUrl(server.url), ...secretsOfUrl(server.proxy || ""));
  }
  return secrets;
}

/** @param name the key that the value stands under, or the list that it is in */
function secretsIn(value: unknown, name = ""): string[] {
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([key, item]) => secretsIn(item, Array.isArray(value) ? name : key));
  if (typeof value !== "string") return [];
  return isSecretName(name) ? formsOf(value) : secretsOfUrl(value);
}

/** The password of an address, and what stands in its query under a telling name. */
export function secretsOfUrl(text: string): string[] {
  if (!text.includes("://") || !URL.canParse(text)) return [];
  const { password, searchParams } = new URL(text);
  return [
    ...(password === "" ? [] : [password, decodeURIComponent(password)]),
    ...[...searchParams].filter(([name]) => isSecretName(name)).map(([, value]) => value),
  ];
}

/**
 * Arguments that look like secrets, which every user of the machine can read in the list of processes.
 * @param written the servers before expansion, which tells `${API_KEY}` from a plain word
 */
export function secretsInArguments(written: unknown, expanded: unknown): string[] {
  const problems: string[] = [];
  for (const [key, server] of Object.entries((expanded ?? {}) as Record<string, unknown>)) {
    const args = argumentsOf(server);
    const before = argumentsOf((written as Record<string, unknown> | undefined)?.[key]);
    for (const [index, argument] of args.entries()) {
      const flag = index > 0 ? args[index - 1] : undefined;
      const [, variable = ""] = /\$\{(?:env:|input:|file:)?([^}:]+)/.exec(before[index] ?? "") ?? [];
      const [, name = ""] = /^--?([\w-]+)=./.exec(argument) ?? [];
      const follows = flag !== undefined && /^--?[\w-]+$/.test(flag) && !argument.startsWith("-") && isSecretName(flag);
      if (hasSecretShape(argument) || isSecretName(variable) || isSecretName(name) || follows) {
        rememberSecret(argument);
        if (name !== "") rememberSecret(argument.slice(argument.indexOf("=") + 1));
        problems.push(
          `mcpServers.${key}.args[${index}]: looks like a secret, and every user of this machine can read the arguments of a process; hand it over in "env" if the server can take it from there`,
        );
      }
    }
  }
  return problems;
}

/** The passwords of the addresses in a text, such as that of a database among arguments. */
export function passwordsIn(text: string): string[] {
  return Array.from(text.matchAll(/:\/\/[^/@:\s]*:([^/@:\s]+)@/g), ([, password = ""]) => password);
}

function argumentsOf(server: unknown): string[] {
  const args = isObject(server) ? server.args : undefined;
  return Array.isArray(args) ? args.map(String) : [];
}
