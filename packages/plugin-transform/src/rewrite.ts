import type { Json } from "mcp-host";

/** Nesting beyond which nothing is read: what lies deeper is taken out, since nobody has looked at it. */
const DEEPEST = 200;
const TOO_DEEP = "[nested too deeply]";

/** What is done with the parts of a JSON value. */
export interface Rewriting {
  text(text: string): string;
  /** Instead of a number; default: as it is. */
  number?(value: number): unknown;
  /** Instead of the value under this key, or undefined to go into it. */
  field?(key: string, value: unknown, parent: Json): { readonly value: unknown } | undefined;
  /** Whether keys are text like any other; default: they stay. */
  readonly keys?: boolean;
}

/** The value with its texts rewritten: the same value where nothing was changed. */
export function rewrite(value: unknown, rewriting: Rewriting, depth = 0): unknown {
  if (typeof value === "string") return rewriting.text(value);
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
  let fields: [string, unknown][] | undefined;
  const keys = Object.keys(parent);
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string; // within the list
    const item = parent[key];
    const own = rewriting.field?.(key, item, parent);
    const after = own ? own.value : rewrite(item, rewriting, depth + 1);
    const name = rewriting.keys ? rewriting.text(key) : key;
    if (after !== item || name !== key) fields ??= keys.slice(0, at).map((before) => [before, parent[before]]);
    fields?.push([name, after]);
  }
  if (!fields) return value;
  return Object.fromEntries(rewriting.keys ? apart(fields) : fields);
}

/** Two keys that became one must not swallow each other's values. */
function apart(fields: readonly [string, unknown][]): [string, unknown][] {
  const count = new Map<string, number>();
  return fields.map(([key, value]) => {
    const before = count.get(key) ?? 0;
    count.set(key, before + 1);
    return [before === 0 ? key : `${key} (${before + 1})`, value];
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

/**
 * A text rewritten; where it is JSON, its values are, so that what is escaped in it is seen as it is meant. `structuredContent`
 * and the text that repeats it come out alike, since both go the same way.
 */
export function rewriteText(text: string, rewriting: Rewriting): string {
  const value = parsedText(text);
  if (value === undefined) return rewriting.text(text);
  const after = rewrite(value, rewriting);
  return after === value ? text : JSON.stringify(after, null, indentOf(text));
}

/** What is done with a result around its `structuredContent`, made once for each rewriting. */
const outers = new WeakMap<Rewriting, Rewriting>();

function outerOf(rewriting: Rewriting): Rewriting {
  let outer = outers.get(rewriting);
  if (!outer) {
    outer = {
      text: (text) => rewriteText(text, rewriting),
      ...(rewriting.number && { number: (value) => rewriting.number?.(value) }),
      field: (key, value, parent) => (isKept(key, parent) ? { value } : rewriting.field?.(key, value, parent)),
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
