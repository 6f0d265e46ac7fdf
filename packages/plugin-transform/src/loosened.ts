import { isObject, type Json } from "mcp-host";
import { definitionOf, type Flat, referenceTo } from "./flat.ts";
import { rewrite } from "./rewrite.ts";
import type { Rewriting } from "./rewriting.ts";

/** What is done with values, as far as their schema must know. */
export interface Alteration {
  /** It counts nothing. */
  readonly rewriting: Rewriting;
  /** Whether the value of a field of this name is taken out; undefined for no field. */
  readonly takes?: ((field: string) => boolean) | undefined;
  /** Whether a key of another name may become this one. */
  readonly comes: (name: string) => boolean;
}

/*
 * Every change of a schema here is monotone: what fitted before fits afterwards, as it was and as it is altered. Only keywords
 * are kept of which that is known, in the places where less demanded means more allowed. What turns round (`not`, `if`, `oneOf`,
 * `maxContains`), compares (`uniqueItems`), or depends on what other keywords saw (`unevaluated…`) goes or becomes something weaker.
 */
const NOTES = ["$schema", "$comment", "title", "description", "deprecated", "readOnly", "writeOnly"];
/** Of numbers, which stay or become texts; of how many there are, which stays. */
const KEPT = new Set([
  ...[...NOTES, "$ref", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  ...["minItems", "maxItems", "minContains", "minProperties", "maxProperties"],
]);
const ONE = new Set(["items", "additionalItems", "contains"]);
const SOME = new Set(["items", "prefixItems", "allOf", "anyOf", "oneOf"]);

/** The schema of values that were altered. */
export function loosened({ root, defs }: Flat, how: Alteration): Flat {
  return {
    root: loose(root, how) as Json, // an object stays one
    defs: Object.fromEntries(Object.entries(defs).map(([name, schema]) => [name, loose(schema, how)])),
  };
}

function loose(schema: unknown, how: Alteration): unknown {
  if (!isObject(schema)) return schema;
  const { properties, patternProperties, additionalProperties } = schema;
  const { rewriting } = how;
  const isSame = (value: unknown): boolean => rewrite(value, rewriting) === value;
  const stays = (name: unknown): boolean => typeof name === "string" && (!rewriting.keys || rewriting.text(name) === name);
  // Otherwise a key can move from one of these keywords to another.
  const areFixed = patternProperties === undefined && (!isObject(properties) || Object.keys(properties).every(stays));
  const isClosed = areFixed && additionalProperties === false;
  const property = (name: string, sub: unknown): unknown => (how.takes?.(name) || (!isClosed && how.comes(name)) ? {} : loose(sub, how));
  const out: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (KEPT.has(key)) out[key] = value;
    else if (key === "type") out.type = rewriting.number ? withText(value) : value;
    else if (key === "const" && isSame(value)) out.const = value;
    else if (key === "enum" && isSame(value)) out.enum = value;
    else if (key === "default" || key === "examples") out[key] = rewrite(value, rewriting);
    else if (key === "properties" && isObject(value))
      out.properties = Object.fromEntries(
        Object.entries(value).flatMap(([name, sub]) => (stays(name) ? [[name, property(name, sub)]] : [])),
      );
    else if (key === "required" && Array.isArray(value)) out.required = value.filter(stays);
    else if (key === "additionalProperties" && areFixed)
      out[key] = how.takes && isObject(value) ? { anyOf: [loose(value, how), { type: "string" }] } : loose(value, how);
    else if (SOME.has(key) && Array.isArray(value))
      append(
        out,
        key,
        value.map((each: unknown) => loose(each, how)),
      );
    else if (ONE.has(key)) out[key] = loose(value, how);
  }
  return out;
}

/** Adds schemas under a keyword; exactly one of several becomes any of them. */
function append(out: Json, key: string, schemas: readonly unknown[]): void {
  if (key === "oneOf") append(out, "allOf", [{ anyOf: schemas }]);
  else if (key === "allOf")
    out.allOf = [...((out.allOf as unknown[] | undefined) ?? []), ...schemas]; // a list, as it is made here
  else out[key] = schemas;
}

/** A long number can become a text. */
function withText(type: unknown): unknown {
  const types = Array.isArray(type) ? (type as unknown[]) : [type];
  const isNumber = types.includes("integer") || types.includes("number");
  return isNumber && !types.includes("string") ? [...types, "string"] : type;
}

const OWN = new Set([...NOTES, "type", "required", "minProperties"]);

/** The schema of objects that got further fields, or other values for those that they had. */
export function enriched({ root, defs }: Flat, names: readonly string[]): Flat {
  const all: Json = { ...defs };
  const waiting: string[] = [];
  // A definition stays what it is for what lies deeper, and becomes another one for the object itself.
  const variant = (name: string): string => {
    const other = variantOf(name);
    if (!Object.hasOwn(all, other)) {
      all[other] = true;
      waiting.push(name);
    }
    return other;
  };
  const more = (schema: unknown): unknown => {
    if (!isObject(schema)) return schema;
    const out: Json = {};
    for (const [key, value] of Object.entries(schema)) {
      const name = key === "$ref" ? definitionOf(value) : undefined;
      if (name !== undefined) append(out, "allOf", [referenceTo(variant(name))]);
      else if (OWN.has(key)) out[key] = value;
      else if (key === "additionalProperties" && schema.patternProperties === undefined) out[key] = value;
      else if ((key === "allOf" || key === "anyOf" || key === "oneOf") && Array.isArray(value)) append(out, key, value.map(more));
    }
    const free = Object.fromEntries(names.map((name) => [name, {}]));
    out.properties = { ...(isObject(schema.properties) && schema.properties), ...free };
    return out;
  };
  const top = more(root) as Json; // an object stays one
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) all[variantOf(name)] = more(defs[name]);
  return { root: top, defs: all };
}

/** With a colon, which names of definitions do not have. */
function variantOf(name: string): string {
  return `${name}:enriched`;
}
