import { z } from "zod";
import { isObject } from "../wire/message.ts";
import { inputSchema } from "./inputs.ts";
import type { NamedDefinition } from "./plugin-brand.ts";
import { pluginForm } from "./plugin-schema.ts";
import { configSchema } from "./schema.ts";
import { BUILT_IN_TYPES, SERVER_SCHEMAS } from "./server-schema.ts";

/** A JSON Schema, draft 7: what editors understand best. */
export type JsonSchema = { [keyword: string]: unknown };

/** A plugin as a config names it. */
export interface NamedPlugin {
  readonly name: string;
  readonly definition: NamedDefinition;
}

/** A text with a `${...}` in it: what it is replaced with is not known to an editor. */
const REFERENCE: JsonSchema = { type: "string", pattern: "\\$\\{" };

/** The JSON Schema of config files, without the options of plugins. @param meanings of limits, by their names */
export function configJsonSchema(meanings: Readonly<Record<string, string>> = {}): JsonSchema {
  const { $schema, ...root } = toJson(configSchema);
  const properties = root.properties as Record<string, JsonSchema>; // those of an object
  const { mcpServers, plugins, limits, listen } = properties;
  const servers = { ...mcpServers, additionalProperties: { $ref: "#/definitions/server" } };
  const limitKeys = Object.entries((limits?.properties ?? {}) as Record<string, JsonSchema>);
  return {
    $schema,
    title: "mcp-host.config",
    ...root,
    properties: {
      ...properties,
      listen: orReference(listen),
      mcpServers: servers,
      servers: { ...servers, description: "The same as `mcpServers`, as VS Code calls it; one of the two." },
      inputs: { ...toJson(z.array(inputSchema)), $schema: undefined, description: "What `${input:id}` refers to, as VS Code writes it." },
      plugins: { ...plugins, items: { $ref: "#/definitions/plugin" } },
      limits: {
        ...limits,
        properties: Object.fromEntries(limitKeys.map(([key, schema]) => [key, { ...schema, description: meanings[key] }])),
      },
    },
    patternProperties: { "^x-": { description: "The file's own, such as a place for the anchors of YAML; the host does not read it." } },
    not: { required: ["mcpServers", "servers"] },
    definitions: {
      server: {
        type: "object",
        ...when({ required: ["url"] }, { $ref: "#/definitions/url" }),
        else: {
          ...when(
            { required: ["type"], properties: { type: { not: { enum: BUILT_IN_TYPES } } }, not: { required: ["command"] } },
            { $ref: "#/definitions/transport" },
          ),
          else: { $ref: "#/definitions/stdio" },
        },
      },
      stdio: server(SERVER_SCHEMAS.stdio),
      url: server(SERVER_SCHEMAS.url),
      transport: server(SERVER_SCHEMAS.plugin),
      plugin: pluginJsonSchema([]),
    },
  };
}

function server(schema: z.ZodType): JsonSchema {
  return orReference({ ...toJson(schema), $schema: undefined });
}

/** The same with the options of these plugins, in each of the forms that an entry may have. */
export function withPluginOptions(schema: JsonSchema, plugins: readonly NamedPlugin[]): JsonSchema {
  const named = plugins.map((plugin) => ({ ...plugin, place: `options of ${plugin.name}`.replace(/[^\w@ .-]/g, "_") }));
  const options = named.map(({ definition, place }) => [place, optionsSchema(definition, place)] as const);
  const definitions = schema.definitions as Record<string, JsonSchema>; // configJsonSchema has made them
  return { ...schema, definitions: { ...definitions, ...Object.fromEntries(options), plugin: pluginJsonSchema(named) } };
}

function pluginJsonSchema(plugins: readonly (NamedPlugin & { place: string })[]): JsonSchema {
  const { $schema: _, ...form } = toJson(pluginForm);
  const name = { description: "The name of an installed package, or a path relative to the config's folder.", ...suggested(plugins) };
  const branches = plugins.flatMap(({ name: known, definition, place }) => {
    const options = { $ref: `#/definitions/${place}` };
    const needsOptions = definition.options !== undefined && !accepts(definition.options, undefined) && !accepts(definition.options, {});
    return [
      when({ type: "array", items: [{ const: known }] }, { items: [{}, options] }),
      when(
        { type: "object", properties: { use: { const: known } }, required: ["use"] },
        { properties: { options }, ...(needsOptions && { required: ["options"] }) },
      ),
      ...(needsOptions ? [when({ const: known }, { not: {}, description: "This plugin needs options: [name, options]." })] : []),
    ];
  });
  return {
    type: ["string", "array", "object"],
    minLength: 1,
    allOf: [
      when({ type: "string" }, name),
      when({ type: "array" }, { items: [name, {}], minItems: 2, maxItems: 2 }),
      when({ type: "object" }, { ...form, properties: { ...(form.properties as object), use: name } }),
      ...branches,
    ],
  };
}

function when(condition: JsonSchema, then: JsonSchema): JsonSchema {
  return { if: condition, then };
}

/** Known names to choose from, any other allowed. */
function suggested(plugins: readonly NamedPlugin[]): JsonSchema {
  return { type: "string", minLength: 1, ...(plugins.length > 0 && { anyOf: [{ enum: plugins.map(({ name }) => name) }, {}] }) };
}

function accepts(schema: z.ZodType, value: unknown): boolean {
  return schema.safeParse(value).success;
}

/** A plugin's own schema, standing at `place` among others; one that JSON Schema cannot say allows everything. */
function optionsSchema({ options }: NamedPlugin["definition"], place: string): JsonSchema {
  if (!options) return { type: "object", additionalProperties: false };
  try {
    const { $schema: _, ...schema } = toJson(options);
    const moved = JSON.stringify(schema).replace(/"\$ref":"#/g, `"$ref":"#/definitions/${place}`);
    return orReference(JSON.parse(moved) as JsonSchema); // it was one before
  } catch {
    return {};
  }
}

function toJson(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // A default that is parsed before it is used is left out otherwise.
      const { def } = zodSchema._zod;
      if (def.type === "default")
        jsonSchema.default = (def as unknown as { defaultValue: unknown }).defaultValue as typeof jsonSchema.default; // what this kind of schema has
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as JsonSchema;
}

type Branch = JsonSchema | undefined;

/** A schema that allows a text with a reference wherever it allows only some texts, numbers or switches. */
function orReference(schema: Branch): JsonSchema {
  if (!schema) return {};
  const each = (value: unknown): unknown => (isObject(value) ? orReference(value) : value);
  const all = (value: unknown): unknown =>
    isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, each(item)])) : value;
  const deep: JsonSchema = { ...schema };
  for (const key of ["properties", "patternProperties", "definitions", "$defs"]) if (key in deep) deep[key] = all(deep[key]);
  for (const key of ["additionalProperties", "items", "additionalItems"])
    if (key in deep) deep[key] = Array.isArray(deep[key]) ? (deep[key] as unknown[]).map(each) : each(deep[key]);
  for (const key of ["anyOf", "oneOf", "allOf"]) if (Array.isArray(deep[key])) deep[key] = (deep[key] as Branch[]).map(within);
  const forms = (deep.anyOf ?? deep.oneOf) as JsonSchema[] | undefined;
  const isBound = forms ? forms.some(isBoundScalar) && !forms.some(isFreeText) : isBoundScalar(deep);
  if (!isBound) return deep;
  const { description, default: standard, title, ...rest } = deep;
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(standard !== undefined && { default: standard }),
    anyOf: [...(deep.anyOf === undefined ? [rest] : (forms ?? [])), REFERENCE],
  };
}

/** A branch of a schema with several: its inside is treated, and the schema itself decides about the branch as a whole. */
function within(branch: Branch): Branch {
  return branch && !isBoundScalar(branch) && !isFreeText(branch) ? orReference(branch) : branch;
}

function isBoundScalar(schema: JsonSchema): boolean {
  const { type } = schema;
  return ["number", "integer", "boolean"].includes(String(type)) || "enum" in schema || (type === "string" && !isFreeText(schema));
}

function isFreeText({ type, pattern, format, enum: values, const: value }: JsonSchema): boolean {
  return type === "string" && pattern === undefined && format === undefined && values === undefined && value === undefined;
}
