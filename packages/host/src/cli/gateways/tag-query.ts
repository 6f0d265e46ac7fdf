import { isObject, type Json } from "../../wire/message.ts";

/** Presets come from a file, and may be nested as deeply as it likes. */
const DEPTH = 32;

/** The servers that a preset of 1MCP means, or undefined for a question that is not known here. @param tags servers by their tags */
export function presetServers(query: Json, tags: ReadonlyMap<string, readonly string[]>, servers: readonly string[]): string[] | undefined {
  const all = servers.map((server) => ({
    server,
    fits: fits(query, new Set([...tags].flatMap(([tag, named]) => (named.includes(server) ? [tag] : []))), 0),
  }));
  return all.some((each) => each.fits === undefined) ? undefined : all.filter((each) => each.fits).map(({ server }) => server);
}

/** Whether tags are what a query asks for; undefined where it cannot be told. */
function fits(query: unknown, tags: ReadonlySet<string>, depth: number): boolean | undefined {
  if (!isObject(query) || depth > DEPTH) return undefined;
  const answers = Object.entries(query).map(([key, value]) => answer(key, value, tags, depth + 1));
  return all(answers);
}

function answer(key: string, value: unknown, tags: ReadonlySet<string>, depth: number): boolean | undefined {
  if (key === "tag") return ofTag(value, tags);
  if (key === "$in") return among(value, tags);
  if (key === "$and" && Array.isArray(value)) return all(value.map((each) => fits(each, tags, depth)));
  if (key === "$or" && Array.isArray(value)) return any(value.map((each) => fits(each, tags, depth)));
  if (key !== "$not") return undefined;
  const inner = fits(value, tags, depth);
  return inner === undefined ? undefined : !inner;
}

function ofTag(value: unknown, tags: ReadonlySet<string>): boolean | undefined {
  if (typeof value === "string") return tags.has(value);
  const only = isObject(value) && Object.keys(value).length === 1;
  return only && Object.hasOwn(value, "$in") ? among(value.$in, tags) : undefined;
}

function among(value: unknown, tags: ReadonlySet<string>): boolean | undefined {
  return Array.isArray(value) ? value.some((each) => tags.has(String(each))) : undefined;
}

function all(answers: readonly (boolean | undefined)[]): boolean | undefined {
  return answers.includes(undefined) ? undefined : !answers.includes(false);
}

function any(answers: readonly (boolean | undefined)[]): boolean | undefined {
  return answers.includes(undefined) ? undefined : answers.includes(true);
}
