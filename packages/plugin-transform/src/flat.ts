import { isObject, type Json } from "mcp-host";

/** A schema whose references lead to its definitions and nowhere else, so that each part can be changed for itself. */
export interface Flat {
  readonly root: Readonly<Json>;
  /** By name: what `#/$defs/<name>` leads to. */
  readonly defs: Readonly<Json>;
}

/** Nesting to which schemas are followed, and parts that they may have; whatever has more is not published. */
const DEEPEST = 64;
const MOST = 20_000;

/** Keywords whose value is a schema, a list of them, or schemas by name. `items` and `dependencies` may be something else. */
const ONE = new Set([
  ...["items", "additionalItems", "contains", "additionalProperties", "unevaluatedItems", "unevaluatedProperties"],
  ...["propertyNames", "not", "if", "then", "else"],
]);
const SOME = new Set(["allOf", "anyOf", "oneOf", "prefixItems", "items"]);
const NAMED = new Set(["properties", "patternProperties", "dependentSchemas", "dependencies"]);

/** Versions of JSON Schema in which the keywords mean what they are taken for here. */
const DIALECT = /^https?:\/\/json-schema\.org\/draft(?:-0[67]|\/2019-09|\/2020-12)\/schema#?$/;
/** What leads to places that cannot be seen in the schema, or lets references be read otherwise. */
const OPAQUE = ["$dynamicRef", "$recursiveRef"];
const REBASING = ["$id", "$schema"];
const DEFINITIONS = "#/$defs/";

/** The same schema, its references leading to definitions; undefined where they lead elsewhere, or nobody can tell. */
export function flattened(schema: Readonly<Json>): Flat | undefined {
  const { $schema, $id: _id, ...rest } = schema;
  if ($schema !== undefined && !(typeof $schema === "string" && DIALECT.test($schema))) return undefined;
  const names = new Names();
  const defs: Json = {};
  const waiting: [name: string, target: unknown][] = [];
  let parts = 0;
  let isFlat = true;

  const lead = (ref: unknown): string | undefined => {
    if (typeof ref !== "string") return undefined;
    const known = names.of(ref);
    if (known !== undefined) return known;
    const target = targetOf(ref, rest);
    if (target === undefined) return undefined;
    const name = names.give(ref);
    waiting.push([name, target]);
    return name;
  };
  const each = (value: unknown, depth: number): unknown => {
    if (!isObject(value)) return value;
    if (++parts > MOST || depth > DEEPEST || OPAQUE.some((key) => key in value)) isFlat = false;
    if (depth > 0 && REBASING.some((key) => typeof value[key] === "string")) isFlat = false;
    if (!isFlat) return {};
    const out: Json = {};
    for (const [key, sub] of Object.entries(value)) {
      if (key === "$defs" || key === "definitions" || key === "$anchor" || key === "$dynamicAnchor") continue;
      if (key === "$ref") {
        const name = lead(sub);
        if (name === undefined) isFlat = false;
        else out.$ref = DEFINITIONS + name;
      } else if (SOME.has(key) && Array.isArray(sub)) out[key] = sub.map((one: unknown) => each(one, depth + 1));
      else if (ONE.has(key)) out[key] = each(sub, depth + 1);
      else if (NAMED.has(key) && isObject(sub))
        out[key] = Object.fromEntries(Object.entries(sub).map(([name, one]) => [name, each(one, depth + 1)]));
      else out[key] = sub;
    }
    return out;
  };

  const root = each(rest, 0) as Json; // an object stays one
  // One after the other: a chain of references can be longer than any stack.
  for (let next = waiting.shift(); next && isFlat; next = waiting.shift()) defs[next[0]] = each(next[1], next[1] === rest ? 0 : 1);
  return isFlat ? { root: { ...($schema !== undefined && { $schema }), ...root }, defs } : undefined;
}

/** The schema as it is published, with the definitions that it still needs. */
export function assembled({ root, defs }: Flat): Json {
  const needed = new Set<string>();
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== "object" || next === null) continue;
    for (const [key, value] of Object.entries(next)) {
      const name = key === "$ref" ? definitionOf(value) : undefined;
      if (name === undefined) waiting.push(value);
      else if (!needed.has(name)) {
        needed.add(name);
        waiting.push(defs[name]);
      }
    }
  }
  const kept = Object.entries(defs).filter(([name]) => needed.has(name));
  return kept.length === 0 ? { ...root } : { ...root, $defs: Object.fromEntries(kept) };
}

/** The name of the definition that a reference of a flat schema leads to. */
export function definitionOf(ref: unknown): string | undefined {
  return typeof ref === "string" && ref.startsWith(DEFINITIONS) ? ref.slice(DEFINITIONS.length) : undefined;
}

/** A reference to a definition. */
export function referenceTo(name: string): Json {
  return { $ref: DEFINITIONS + name };
}

/** What a JSON pointer leads to. */
export function targetOf(ref: string, root: Readonly<Json>): unknown {
  if (ref !== "#" && !ref.startsWith("#/")) return undefined;
  let target: unknown = root;
  for (const part of ref.split("/").slice(1)) {
    let key: string;
    try {
      key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    } catch {
      return undefined; // half a percent-encoding
    }
    // Lists have their places as keys.
    target = typeof target === "object" && target !== null && Object.hasOwn(target, key) ? (target as Json)[key] : undefined;
  }
  return typeof target === "boolean" || isObject(target) ? target : undefined;
}

/** Names for what references lead to: their last part, if nothing else has it. */
class Names {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #counts = new Map<string, number>();

  of(ref: string): string | undefined {
    return this.#names.get(ref);
  }

  give(ref: string): string {
    const last = ref === "#" ? "root" : ref.slice(ref.lastIndexOf("/") + 1).replace(/[^\w.-]/g, "_");
    let count = this.#counts.get(last) ?? 0;
    let name: string;
    do name = ++count === 1 ? last : `${last}_${count}`;
    while (this.#taken.has(name));
    this.#counts.set(last, count);
    this.#taken.add(name);
    this.#names.set(ref, name);
    return name;
  }
}
