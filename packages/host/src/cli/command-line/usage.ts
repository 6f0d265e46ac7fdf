import type { ArgDef, ArgsDef } from "citty";
import { nearest } from "../../config/nearest.ts";
import { UsageError } from "../../operator/usage-error.ts";

/** Flags that may be given more than once. */
const REPEATABLE: ReadonlySet<string> = new Set(["set", "server", "env-file", "env", "header", "value", "options", "call"]);

/** What begins the words that are another program's. */
const END = "--";

/** The words of a command line that are the command's own, and those behind `--`, which are not looked at; undefined without a `--`. */
export function splitWords(raw: readonly string[]): { own: readonly string[]; rest: readonly string[] | undefined } {
  const end = raw.indexOf(END);
  return end === -1 ? { own: raw, rest: undefined } : { own: raw.slice(0, end), rest: raw.slice(end + 1) };
}

/** Whether an argument stands for all words behind `--`: its name begins so, as usage shows it. */
function isRest(name: string): boolean {
  return name.startsWith(`${END} `);
}

/** Whether an argument stands for all words that follow, too. */
function isMany([, definition]: readonly [string, ArgDef]): boolean {
  return "valueHint" in definition && definition.valueHint?.endsWith("...") === true;
}

/**
 * Reads the arguments of one command strictly. citty takes unknown flags as they come and a missing value as "", so it is
 * asked only after this has passed. @throws UsageError that names the flag and the nearest known one
 */
export function checkArguments(command: string, all: readonly string[], defined: ArgsDef): void {
  const raw = Object.keys(defined).some(isRest) ? splitWords(all).own : all;
  const seen = new Set<string>();
  const names = new Map<string, string>();
  for (const [name, definition] of Object.entries(defined)) {
    if (definition.type === "positional") continue;
    names.set(`--${name}`, name);
    if ("negativeDescription" in definition) names.set(`--no-${name}`, name);
    for (const alias of [(definition as { alias?: string | string[] }).alias ?? []].flat()) names.set(`-${alias}`, name);
  }
  const positionals = Object.entries(defined).filter(([name, { type }]) => type === "positional" && !isRest(name));
  let taken = 0;
  for (let index = 0; index < raw.length; index++) {
    const token = raw[index] as string; // within bounds
    if (!token.startsWith("-") || token === "-") {
      const [name, definition] = positionals[taken++] ?? positionals.filter(isMany).at(-1) ?? [];
      if (name === undefined) throw new UsageError(`\`${command}\` takes no argument "${token}"${flagFor(token, defined)}`);
      checkOption(name, token, definition as ArgDef);
      continue;
    }
    const [flag, inline] = split(token);
    const name = names.get(flag);
    if (name === undefined) throw new UsageError(`\`${command}\` has no flag ${flag}${nearest(flag, [...names.keys()])}`);
    const definition = defined[name] as ArgDef; // names come from `defined`
    if (seen.has(name) && !REPEATABLE.has(name)) throw new UsageError(`${flag} is given twice; give it once`);
    seen.add(name);
    if (definition.type === "boolean") {
      if (inline !== undefined) throw new UsageError(`${flag} takes no value`);
      continue;
    }
    const value = inline ?? raw[++index];
    if (value === undefined || value === "" || (inline === undefined && value.startsWith("--")))
      throw new UsageError(`${flag} needs a value: ${flag} <${(definition as { valueHint?: string }).valueHint ?? name}>`);
    checkOption(flag, value, definition);
  }
  const missing = positionals[taken];
  if (missing && missing[1].required !== false && missing[1].default === undefined)
    throw new UsageError(`\`${command}\` needs <${missing[0]}>: ${missing[1].description ?? ""}`);
}

/** Every value of a flag that may be repeated, in order; citty keeps only the last. @param letter its short form */
export function everyValue(words: readonly string[], name: string, letter?: string): string[] {
  const raw = splitWords(words).own;
  return raw.flatMap((token, index) => {
    if (token === `--${name}` || (letter !== undefined && token === `-${letter}`)) return raw[index + 1] ?? [];
    return token.startsWith(`--${name}=`) ? token.slice(name.length + 3) : [];
  });
}

/** JSON that stands alone is most likely meant for the flag that takes JSON. */
function flagFor(token: string, defined: ArgsDef): string {
  const [name] = Object.entries(defined).find(([, definition]) => "valueHint" in definition && definition.valueHint === "json") ?? [];
  return name !== undefined && token.startsWith("{") ? `; write --${name} '${token}'` : "";
}

function split(token: string): [string, string | undefined] {
  const equals = token.indexOf("=");
  return equals === -1 ? [token, undefined] : [token.slice(0, equals), token.slice(equals + 1)];
}

/** A value with a closed set of words must be one of them. */
function checkOption(name: string, value: string, definition: ArgDef): void {
  const options = optionsOf(definition);
  if (options && !options.includes(value))
    throw new UsageError(`${name}: "${value}" is not one of ${options.join(", ")}${nearest(value, options)}`);
}

/** The closed set of words that a value is one of, if there is one. */
export function optionsOf(definition: ArgDef): readonly string[] | undefined {
  if ("options" in definition && Array.isArray(definition.options)) return definition.options;
  // citty gives positionals no options; here they are in the value hint.
  if (definition.type === "positional" && definition.valueHint?.includes("|")) return definition.valueHint.split("|");
  return undefined;
}
