import { isObject, type Json } from "mcp-host";

/** Nesting to which schemas are followed. */
const DEEPEST = 16;

/** The schema that a local reference leads to, with what stands beside the reference; undefined for what cannot be followed. */
export function resolved(schema: Readonly<Json>, root: Readonly<Json>, depth = 0): Readonly<Json> | undefined {
  const { $ref, ...beside } = schema;
  if ($ref === undefined) return schema;
  if (typeof $ref !== "string" || !$ref.startsWith("#") || depth === DEEPEST) return undefined;
  let target: unknown = root;
  for (const part of $ref.slice(1).split("/").slice(1)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    target = isObject(target) && Object.hasOwn(target, key) ? target[key] : undefined;
  }
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
const PICKED = new Set(["type", "title", "description", "$schema", "$id", "$defs", "definitions", "additionalProperties", "deprecated"]);

/** The schema of what is picked out of values of this schema; undefined where that cannot be told. */
export function pickedSchema(schema: unknown, paths: readonly (readonly string[])[], root: Readonly<Json>, depth = 0): unknown {
  if (paths.some((path) => path.length === 0) || typeof schema === "boolean") return schema;
  const plain = isObject(schema) && depth < DEEPEST ? resolved(schema, root) : undefined;
  if (!plain) return {};
  const out: Json = Object.fromEntries(Object.entries(plain).filter(([key]) => PICKED.has(key)));
  if (plain.items !== undefined) out.items = pickedSchema(plain.items, paths, root, depth + 1);
  if (isObject(plain.properties)) {
    const { properties } = plain;
    const firsts = [...new Set(paths.map(([first]) => first as string))].filter((name) => Object.hasOwn(properties, name)); // none is empty
    out.properties = Object.fromEntries(
      firsts.map((name) => [
        name,
        pickedSchema(
          properties[name],
          paths.filter(([first]) => first === name).map((path) => path.slice(1)),
          root,
          depth + 1,
        ),
      ]),
    );
    if (Array.isArray(plain.required)) out.required = plain.required.filter((name) => firsts.includes(name as string));
  }
  return out;
}
