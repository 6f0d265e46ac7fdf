import { isPlainObject } from "../config/plain.ts";
import { isSecretName, REDACTED, redactText } from "../redact.ts";

/** One place of a config that is another than before. */
export interface ConfigChange {
  readonly path: readonly (string | number)[];
  /** Without secrets; what is missing was not there. */
  readonly before?: unknown;
  readonly after?: unknown;
}

type Path = ConfigChange["path"];

/** Changes that are told of one write, and how deep they are looked for. */
const CHANGES = 500;
const DEPTH = 64;

/** Names in options of plugins that hold what proves something, beside those that every log line hides. */
const PROOF = /pepper|salt|passphrase|digest|^stateKey$/i;

/**
 * A config as its file writes it, or a part of it, without secrets: what servers are given as variables, headers and options
 * is hidden whatever it is called, and references such as `${NAME}` are shown, without what stands in for them.
 * @param path of the part
 */
export function withoutSecrets(value: unknown, path: Path = []): unknown {
  if (path.length > DEPTH) return "[left out]";
  if (typeof value === "string") return isHidden(path) ? referencesOf(value) : redactText(withoutUrlSecrets(value));
  if (Array.isArray(value)) {
    const isArguments = path.at(-1) === "args";
    return value.map((item, index) =>
      isArguments && isSecretArgument(value, index) ? hidden(item) : withoutSecrets(item, [...path, index]),
    );
  }
  if (!isPlainObject(value)) return isHidden(path) && value !== null && typeof value !== "boolean" ? REDACTED : value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redactText(key), withoutSecrets(item, [...path, key])]));
}

/** What differs from one config to the next, place by place, without secrets. */
export function changesBetween(before: unknown, after: unknown): ConfigChange[] {
  const changes: ConfigChange[] = [];
  const walk = (one: unknown, other: unknown, path: Path): void => {
    if (changes.length >= CHANGES || JSON.stringify(one) === JSON.stringify(other)) return;
    if (path.length < DEPTH && isPlainObject(one) && isPlainObject(other)) {
      for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) walk(one[key], other[key], [...path, key]);
      return;
    }
    changes.push({
      path,
      ...(one !== undefined && { before: withoutSecrets(one, path) }),
      ...(other !== undefined && { after: withoutSecrets(other, path) }),
    });
  };
  walk(before, after, []);
  return changes;
}

/**
 * Places where a change would write what is shown of a secret in the secret's place: whoever asks has sent back what they saw.
 * @param before the config as its file writes it now @param after the same with the change
 */
export function shownAsValues(before: unknown, after: unknown): string[] {
  const places: string[] = [];
  const walk = (was: unknown, shown: unknown, is: unknown, path: Path): void => {
    if (path.length > DEPTH || is === was) return;
    if (typeof is === "string") {
      if (/\[redacted\]|%5Bredacted%5D/.test(is) && (isHidden(path) || is === shown)) places.push(path.join("."));
    } else if (typeof is === "object" && is !== null)
      for (const [key, item] of Object.entries(is)) walk(at(was, key), at(shown, key), item, [...path, key]);
  };
  walk(before, withoutSecrets(before), after, []);
  return places;
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** Whether what stands at a place of a config is hidden, whatever it is. */
export function isHidden(path: Path): boolean {
  const [top, , part] = path;
  if ((top === "mcpServers" || top === "servers") && (part === "env" || part === "headers" || part === "options")) return true;
  return path.some((key) => typeof key === "string" && (isSecretName(key) || PROOF.test(key)));
}

/** The references of a text; whatever else is in it may be a secret. */
function referencesOf(text: string): string {
  const references = text.match(/\$\{[^{}]{0,512}\}/g) ?? [];
  if (references.length === 0) return REDACTED;
  const shown = references.map((reference) =>
    reference.includes(":-") ? `${reference.slice(0, reference.indexOf(":-"))}:-...}` : reference,
  );
  const rest = references.reduce((left, reference) => left.replace(reference, ""), text).trim();
  return /^(?:|Bearer|Basic|Token)$/i.test(rest)
    ? [rest, ...shown].filter((part) => part !== "").join(" ")
    : [REDACTED, ...shown].join(" ");
}

function hidden(value: unknown): unknown {
  return typeof value === "string" ? value.replace(/^(--?[\w-]{1,64}=)?[\s\S]*$/, `$1${REDACTED}`) : REDACTED;
}

/** Whether an argument is, or holds, what a flag with a telling name is given. */
function isSecretArgument(args: readonly unknown[], index: number): boolean {
  const [argument, flag] = [args[index], args[index - 1]];
  const [, name = ""] = typeof argument === "string" ? (/^--?([\w-]{1,64})=/.exec(argument) ?? []) : [];
  if (isSecretName(name)) return true;
  return typeof flag === "string" && /^--?[\w-]{1,64}$/.test(flag) && isSecretName(flag) && !String(argument).startsWith("-");
}

/** A URL without what is before its host's `@` and without the values of its query, each of which may let somebody in. */
function withoutUrlSecrets(text: string): string {
  if (!text.includes("://") || !URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.username === "" && url.password === "" && url.search === "") return text;
  if (url.username !== "" || url.password !== "") [url.username, url.password] = [REDACTED, ""];
  for (const name of new Set(url.searchParams.keys())) url.searchParams.set(name, REDACTED);
  return url.href;
}
