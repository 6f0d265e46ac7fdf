import type { Json } from "mcp-host";
import { rewriteText } from "./json-text.ts";
import type { Rewriting } from "./rewriting.ts";

/** Nesting that the host lets through. What lies deeper nobody has looked at, and it is taken out. */
const DEEPEST = 1_000;
const TOO_DEEP = "[nested too deeply]";

/** The value with its texts rewritten, JSON in them value by value: the same value where nothing was changed. */
export function rewrite(value: unknown, rewriting: Rewriting, depth = 0): unknown {
  if (typeof value === "string") return rewriteText(value, rewriting.within ?? rewriting);
  if (typeof value === "number") return rewriting.number ? rewriting.number(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (depth === DEEPEST) return TOO_DEEP;
  if (Array.isArray(value)) {
    let items: unknown[] | undefined;
    for (let at = 0; at < value.length; at++) {
      const after = rewrite(value[at], rewriting, depth + 1);
      if (after === value[at]) continue;
      items ??= [...value];
      items[at] = after;
    }
    return items ?? value;
  }
  const parent = value as Json; // an object that is no array
  // Nothing is made anew before something has changed: in most values nothing does.
  let fields: Renamed[] | undefined;
  const keys = Object.keys(parent);
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string; // within the list
    const item = parent[key];
    const own = rewriting.field?.(key, item, parent);
    const instead = own || item === null || typeof item === "boolean" ? undefined : rewriting.instead?.(key);
    const after = own ? own.value : (instead ?? rewrite(item, rewriting, depth + 1));
    const name = rewriting.keys ? rewriting.text(key) : key;
    if (after !== item || name !== key)
      fields ??= keys.slice(0, at).map((before) => ({ key: before, name: before, value: parent[before] }));
    fields?.push({ key, name, value: after });
  }
  if (!fields) return value;
  return Object.fromEntries(apart(fields));
}

/** A field, by the key that it had and the name that it would have. */
interface Renamed {
  readonly key: string;
  readonly name: string;
  readonly value: unknown;
}

/** Two keys that became one must not swallow each other's values, and none takes the name of one that stayed. */
function apart(fields: readonly Renamed[]): [string, unknown][] {
  const taken = new Set(fields.flatMap(({ key, name }) => (name === key ? [name] : [])));
  const counts = new Map<string, number>();
  return fields.map(({ key, name, value }) => {
    if (name === key) return [key, value];
    let count = counts.get(name) ?? 0;
    let free: string;
    do free = ++count === 1 ? name : `${name} (${count})`;
    while (taken.has(free));
    counts.set(name, count);
    taken.add(free);
    return [free, value];
  });
}

/** Fields of results that identify or are binary: rewriting them would break what they are for. */
const IDENTIFYING = new Set(["uri", "mimeType", "type", "blob", "taskId", "progressToken", "io.modelcontextprotocol/related-task"]);

function isKept(key: string, parent: Json): boolean {
  return IDENTIFYING.has(key) || (key === "data" && (parent.type === "image" || parent.type === "audio"));
}

/** How a JSON text is written: on one line or indented. */
export function indentOf(text: string): number {
  return /^[{[]\n( +)/.exec(text)?.[1]?.length ?? 0;
}

/** A text that is a whole JSON object or array. */
export function parsedText(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What is done with a result around its `structuredContent`, made once for each rewriting. */
const outers = new WeakMap<Rewriting, Rewriting>();

function outerOf(rewriting: Rewriting): Rewriting {
  let outer = outers.get(rewriting);
  if (!outer) {
    outer = {
      ...rewriting,
      within: rewriting,
      field: (key, _value, parent) => (isKept(key, parent) ? { value: parent[key] } : undefined),
      keys: false,
    };
    outers.set(rewriting, outer);
  }
  return outer;
}

/** A result with everything rewritten that is content: `structuredContent` and JSON texts value by value, other texts as they are. */
export function rewriteResult(result: Readonly<Json>, rewriting: Rewriting): Readonly<Json> {
  const around = outerOf(rewriting);
  if (result.structuredContent === undefined) return rewrite(result, around) as Json; // an object stays one
  const { structuredContent, ...rest } = result;
  const outer = rewrite(rest, around) as Json; // likewise
  const inner = rewrite(structuredContent, rewriting);
  return outer === rest && inner === structuredContent ? result : { ...outer, structuredContent: inner };
}
