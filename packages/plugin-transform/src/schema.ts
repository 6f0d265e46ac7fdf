import { isObject, type Json } from "mcp-host";
import { definitionOf, type Flat, targetOf } from "./flat.ts";

/** Nesting to which schemas are followed. */
const DEEPEST = 16;

/** The schema that a local reference leads to, with what stands beside the reference; undefined for what cannot be followed. */
export function resolved(schema: Readonly<Json>, root: Readonly<Json>, depth = 0): Readonly<Json> | undefined {
  const { $ref, ...beside } = schema;
  if ($ref === undefined) return schema;
  const target = typeof $ref === "string" && depth < DEEPEST ? targetOf($ref, root) : undefined;
  if (!isObject(target)) return undefined;
  const followed = resolved(target, root, depth + 1);
  return followed && { ...followed, ...beside };
}

/** What becomes of the properties of an object. */
export interface PropertyEdits {
  /** The name that it goes by, or undefined when it is gone. */
  name(property: string): string | undefined;
  /** Whether it may be left out. */
  isOptional(property: string): boolean;
  schema(property: string, schema: unknown): unknown;
}

const ALTERNATIVES = ["allOf", "anyOf", "oneOf"];
const CONDITIONS = ["if", "then", "else"];
const BY_PROPERTY = ["dependentSchemas", "dependentRequired", "dependencies"];

/** An object's schema with its properties renamed or gone in everything that speaks of them: `required`, dependencies, alternatives. */
export function withProperties(schema: Readonly<Json>, edits: PropertyEdits, root = schema, depth = 0): Json {
  if (depth === DEEPEST) return {};
  const plain = resolved(schema, root) ?? schema;
  const isGone = (name: string): boolean => edits.name(name) === undefined;
  const names = (list: unknown): unknown[] =>
    (Array.isArray(list) ? (list as unknown[]) : []).flatMap((each) => (typeof each === "string" ? (edits.name(each) ?? []) : [each]));
  const level = (each: unknown): unknown => (isObject(each) ? withProperties(each, edits, root, depth + 1) : each);
  const { minProperties: _min, maxProperties: _max, not, ...out } = plain as Json;

  if (isObject(plain.properties)) {
    out.properties = Object.fromEntries(
      Object.entries(plain.properties).flatMap(([name, sub]): [string, unknown][] => {
        const exposed = edits.name(name);
        return exposed === undefined ? [] : [[exposed, edits.schema(name, sub)]];
      }),
    );
  }
  if (Array.isArray(plain.required)) {
    out.required = names(plain.required.filter((name) => typeof name !== "string" || !edits.isOptional(name)));
    if ((out.required as unknown[]).length === 0) delete out.required;
  }
  for (const key of ALTERNATIVES) if (Array.isArray(plain[key])) out[key] = plain[key].map(level);
  for (const key of CONDITIONS) if (isObject(plain[key])) out[key] = level(plain[key]);
  for (const key of BY_PROPERTY) {
    if (!isObject(plain[key])) continue;
    out[key] = Object.fromEntries(
      Object.entries(plain[key]).flatMap(([name, sub]): [string, unknown][] =>
        isGone(name) ? [] : [[edits.name(name) as string, Array.isArray(sub) ? names(sub) : level(sub)]],
      ),
    );
  }
  // What must not be is kept where it speaks of nothing that was edited; turned round it would forbid too much.
  if (not !== undefined && JSON.stringify(level(not)) === JSON.stringify(not)) out.not = not;
  return out;
}

/** Keywords that stay true when properties are picked. */
const PICKED = new Set(["$schema", "$comment", "type", "title", "description", "deprecated", "readOnly", "writeOnly"]);

/** The schema of what is picked out of values of this schema. */
export function pickedSchema({ root, defs }: Flat, paths: readonly (readonly string[])[]): Flat {
  const part = (schema: unknown, within: readonly (readonly string[])[], depth: number): unknown => {
    if (within.some((path) => path.length === 0) || typeof schema === "boolean") return schema;
    let plain = schema;
    // What stands beside a reference demands more, which may be left out, but for the type.
    for (let hops = 0; isObject(plain) && plain.$ref !== undefined; hops++)
      plain = hops === DEEPEST ? undefined : defs[definitionOf(plain.$ref) ?? ""];
    if (!isObject(plain) || depth === DEEPEST) return {};
    const out: Json = Object.fromEntries(Object.entries(plain).filter(([key]) => PICKED.has(key)));
    if (isObject(schema) && schema.type !== undefined) out.type = schema.type;
    // Without what is demanded of the first items, it would be demanded of them as well.
    if (plain.items !== undefined && plain.prefixItems === undefined) out.items = part(plain.items, within, depth + 1);
    const { properties = {}, patternProperties, additionalProperties } = plain;
    if (!isObject(properties)) return out;
    const firsts = [...new Set(within.map(([first]) => first as string))].filter((name) => Object.hasOwn(properties, name)); // none is empty
    const rest = (name: string): (readonly string[])[] => within.filter(([first]) => first === name).map((path) => path.slice(1));
    if (plain.properties !== undefined)
      out.properties = Object.fromEntries(firsts.map((name) => [name, part(properties[name], rest(name), depth + 1)]));
    if (Array.isArray(plain.required)) out.required = plain.required.filter((name) => firsts.includes(name as string));
    // A schema of other properties was one of the whole of them.
    if (typeof additionalProperties === "boolean" && patternProperties === undefined) out.additionalProperties = additionalProperties;
    return out;
  };
  return { root: part(root, paths, 0) as Json, defs }; // the paths lead into the root, an object
}
