import { definePlugin, isObject, type Json } from "mcp-host";
import { z } from "zod";

/** Parts of a schema, with those that its references lead to; what comes behind them takes anything. */
const PARTS = 5_000;
const LEFT_OUT = ["$schema", "$id", "$comment", "$defs", "definitions", "$anchor", "unevaluatedProperties"];
const CHOICES = ["anyOf", "oneOf", "allOf"];
/** Keywords whose members are schemas by name, and those whose values are data: neither has keywords of its own. */
const BY_NAME = ["properties", "patternProperties", "dependentSchemas"];
const DATA = ["default", "examples", "enum", "required"];

/** What a `$ref` within the schema leads to. */
function target(root: Json, ref: string): unknown {
  const parts = ref.split("/").slice(1);
  const keys = parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), root);
}

/** A part of a schema in the words that every client knows. @param way the references that led here */
function plain(part: unknown, whole: { readonly root: Json; parts: number }, way: readonly string[] = []): unknown {
  if (Array.isArray(part)) return part.map((each) => plain(each, whole, way));
  if (!isObject(part)) return part;
  if (++whole.parts > PARTS) return {};
  const { $ref, const: only, ...others } = part;
  const leads = typeof $ref === "string" && $ref.startsWith("#/") && !way.includes($ref) ? [...way, $ref] : undefined; // not elsewhere, nor into itself
  const found = leads && plain(target(whole.root, String($ref)), whole, leads);
  const fields: Json = { ...(isObject(found) && found), ...(only !== undefined && { enum: [only] }) };
  for (const [key, value] of Object.entries(others)) {
    if (LEFT_OUT.includes(key)) continue;
    if (DATA.includes(key)) fields[key] = value;
    else if (BY_NAME.includes(key) && isObject(value))
      fields[key] = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each, whole, way)]));
    else fields[key] = plain(value, whole, way);
  }
  return fields;
}

/** An object's schema, whose choices at the top are one object that takes the arguments of each: the server refuses what does not fit. */
function repaired(schema: Json): Json {
  const fields = Object.entries(plain(schema, { root: schema, parts: 0 }) as Json); // of an object it makes an object
  const choices = fields.flatMap(([key, value]) => (CHOICES.includes(key) && Array.isArray(value) ? value : []));
  const rest: Json = Object.fromEntries(fields.filter(([key]) => !CHOICES.includes(key)));
  const named = new Map<string, unknown[]>();
  for (const { properties } of [rest, ...choices.filter(isObject)])
    for (const [name, each] of Object.entries(properties ?? {})) named.set(name, [...(named.get(name) ?? []), each]);
  const properties = Object.fromEntries([...named].map(([name, all]) => [name, all.length === 1 ? all[0] : { anyOf: all }]));
  return { ...rest, type: "object", properties };
}

/**
 * Repairs the inputSchemas of tools that some clients refuse: a root that is no object, has no `properties`, or has `anyOf`, `oneOf` or `allOf`, `$ref`, `const`, `$schema`.
 * It says less than before and never takes less: servers check arguments themselves. It works in `discover`, once when a list was read; `list`
 * may not edit entries. `mcp-host status` says which tools were repaired.
 */
export default definePlugin({
  name: "schema-fixer",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({ servers: z.array(z.string()).optional() }),
  apply(host, { servers }) {
    const fixed = new Map<string, string[]>();
    host.hooks.discover.tap("schema-fixer", (entries, { key }) => {
      if (servers && !servers.includes(key)) return entries;
      const names: string[] = [];
      const all = entries.map((entry) => {
        const { inputSchema } = entry.definition;
        if (entry.kind !== "tool" || !isObject(inputSchema)) return entry;
        const better = repaired(inputSchema);
        if (JSON.stringify(better) === JSON.stringify(inputSchema)) return entry;
        names.push(entry.native);
        return { ...entry, definition: { ...entry.definition, inputSchema: better } };
      });
      fixed.set(key, names);
      return all;
    });
    host.operator.report(() => Object.fromEntries(fixed));
  },
});
