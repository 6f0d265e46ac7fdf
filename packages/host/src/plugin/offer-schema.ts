import { createRequire } from "node:module";
import type { ErrorObject, ValidateFunction } from "ajv";
import { z } from "zod";
import { isObject, type Json } from "../wire/message.ts";
import { zodProblem } from "./zod-schema.ts";

/** A schema as it is listed, and the check of a value. */
export interface Checked {
  readonly json: Json;
  check(value: unknown): Promise<{ readonly value: unknown } | { readonly problems: string }>;
}

/** Problems of one value that are told. */
const TOLD = 10;

/**
 * Reads a zod schema or a JSON Schema of an object.
 * @param side what of a zod schema is listed: what goes in, or what comes out
 * @throws Error that says what is wrong with it
 */
export function checkedBy(schema: unknown, side: "input" | "output"): Checked {
  const checked = isZod(schema) ? zodChecked(schema, side) : jsonChecked(schema);
  if (checked.json.type !== "object") throw new Error(`must describe an object, not ${JSON.stringify(checked.json.type) ?? "anything"}`);
  return checked;
}

function isZod(schema: unknown): schema is z.ZodType {
  return typeof schema === "object" && schema !== null && "_zod" in schema;
}

function zodChecked(schema: z.ZodType, side: "input" | "output"): Checked {
  return {
    json: z.toJSONSchema(schema, { io: side }) as Json, // a schema of an object is an object
    async check(value) {
      const parsed = await schema.safeParseAsync(value);
      if (parsed.success) return { value: parsed.data };
      return { problems: lines(parsed.error.issues.map(({ path, message }) => [path, message])) };
    },
  };
}

function jsonChecked(schema: unknown): Checked {
  if (!isObject(schema)) throw new Error("must be a schema of zod 4 or a JSON Schema");
  if ("safeParse" in schema) throw new Error(`is ${zodProblem(schema) ?? "no schema of zod 4"}`);
  const validate = compiled(schema);
  return {
    json: schema,
    async check(value) {
      if (validate(value)) return { value };
      return { problems: lines((validate.errors ?? []).map((error) => [error.instancePath.split("/").slice(1), wordsOf(error)])) };
    },
  };
}

/** What is checked with it is loaded on first use: whoever has zod schemas pays for no other. */
function compiled(schema: Json): ValidateFunction {
  const require = createRequire(import.meta.url);
  const isOld = typeof schema.$schema === "string" && schema.$schema.includes("draft-07");
  const { default: Ajv } = require(isOld ? "ajv" : "ajv/dist/2020.js") as typeof import("ajv");
  // The protocol's dialects say that formats and unknown keywords are notes (JSON Schema 2020-12, validation, 7).
  return new Ajv({ strict: false, validateFormats: false, allErrors: true, logger: false }).compile(schema);
}

function wordsOf({ keyword, message = "does not fit", params }: ErrorObject): string {
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties")
    return `${message}: "${params.additionalProperty ?? params.unevaluatedProperty}"`;
  return keyword === "enum" ? `${message}: ${JSON.stringify(params.allowedValues)}` : message;
}

function lines(issues: readonly (readonly [path: readonly PropertyKey[], message: string])[]): string {
  const told = issues
    .slice(0, TOLD)
    .map(([path, message]) => (path.length > 0 ? `- ${path.map(String).join(".")}: ${message}` : `- ${message}`));
  const rest = issues.length - told.length;
  return [...told, ...(rest > 0 ? [`- and ${rest} more`] : [])].join("\n");
}
