import { type Entry, isObject, type Json } from "mcp-host";
import { assembled, flattened } from "./flat.ts";
import { enriched, loosened } from "./loosened.ts";
import { rewrite } from "./rewrite.ts";
import type { Plan } from "./rules.ts";
import { pickedSchema } from "./schema.ts";

export interface ListingOptions {
  /** The argument under which the rest of a truncated result is asked for. */
  readonly restArgument: string;
}

/** The entry as clients see it. */
export function listed(entry: Entry, plan: Plan, { restArgument }: ListingOptions): Entry {
  let name = entry.name;
  let definition: Json = { ...entry.definition };
  for (const { rename, title, description } of plan.listing) {
    const fill = (text: string): string =>
      text.replace(/\{(name|native|upstream|title|description)\}/g, (_, key: string) => {
        if (key === "title" || key === "description") return typeof definition[key] === "string" ? (definition[key] as string) : "";
        return entry[key as "name" | "native" | "upstream"]; // the others are in the expression
      });
    if (title !== undefined) definition = titled(definition, fill(title));
    if (description !== undefined) definition.description = fill(description);
    if (rename === undefined) continue;
    // A resource goes by its URI, which stays; what it has is a name for people.
    if (entry.kind === "resource" || entry.kind === "template") definition.name = fill(rename);
    else name = fill(rename);
  }
  for (const { text } of plan.strips.listing) {
    definition = rewrite(definition, {
      text: (each) => each,
      field: (key, value) => (typeof value === "string" && SHOWN.has(key) ? { value: text(value) } : undefined),
    }) as Json; // an object stays one
  }
  if (entry.kind === "prompt" && plan.args) definition.arguments = plan.args.listed(definition.arguments);
  if (entry.kind === "tool") definition = tool(definition, plan, restArgument);
  return { ...entry, name, definition };
}

/** What clients show, or put before a model. */
const SHOWN = new Set(["title", "description"]);

function titled(definition: Json, title: string): Json {
  const { annotations } = definition;
  return {
    ...definition,
    title,
    ...(isObject(annotations) && annotations.title !== undefined && { annotations: { ...annotations, title } }),
  };
}

function tool(definition: Json, plan: Plan, restArgument: string): Json {
  const { inputSchema, outputSchema, ...rest } = definition;
  const input = plan.args ? plan.args.schema(inputSchema) : inputSchema;
  const output = outputOf(outputSchema, plan);
  return {
    ...rest,
    ...(input !== undefined && { inputSchema: plan.truncation?.rest ? withRest(input, restArgument) : input }),
    ...(output !== undefined && { outputSchema: output }),
  };
}

function withRest(schema: unknown, name: string): unknown {
  if (!isObject(schema)) return schema;
  const property = {
    type: "string",
    description: "Only to read on after a truncated result: the id that its notice names. Repeat the other arguments as they were.",
  };
  return { ...schema, properties: { ...(isObject(schema.properties) && schema.properties), [name]: property } };
}

/** What can still be promised of results; undefined for nothing. */
function outputOf(schema: unknown, plan: Plan): unknown {
  // A result that is cut has no structure any more.
  if (plan.truncation) return undefined;
  const promised = plan.outputSchema ?? schema;
  // What an expression gives nobody knows.
  if (!isObject(promised) || (!plan.outputSchema && plan.shapes.some(({ kind }) => kind === "jsonata"))) return undefined;
  const picks = plan.outputSchema ? [] : plan.shapes.flatMap((shape) => (shape.kind === "pick" ? [shape.paths] : []));
  const strips = plan.strips.results;
  if (strips.length + picks.length + plan.enriched.length + plan.redactors.length === 0) return promised;
  let flat = flattened(promised);
  if (!flat) return undefined;
  // Keys are not stripped.
  for (const rewriting of strips) flat = loosened(flat, { rewriting, comes: () => false });
  for (const paths of picks) flat = pickedSchema(flat, paths);
  if (plan.enriched.length > 0)
    flat = enriched(
      flat,
      plan.enriched.map(([name]) => name),
    );
  for (const redactor of plan.redactors) flat = loosened(flat, redactor.alteration());
  return assembled(flat);
}
