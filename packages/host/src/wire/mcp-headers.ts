import { isHeaderName } from "./headers.ts";
import { isObject, type Json } from "./message.ts";
import { headerText, headerValue } from "./modern.ts";

/** A parameter of a tool that is repeated in a header. */
export interface ParamHeader {
  /** In lower case. */
  readonly header: string;
  /** The names that lead to the parameter in the arguments. */
  readonly path: readonly string[];
}

const KEY = "x-mcp-header";
const TYPES = new Set<unknown>(["string", "integer", "boolean", "null"]);
/** Keywords below which there are schemas, in an object by name; parameters are only below `properties`. */
const MAPS = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
/** Keywords whose values are no schemas, whatever they look like. */
const DATA = new Set(["default", "const", "enum", "examples"]);
const DEPTH = 64;

/**
 * The headers that a tool's `inputSchema` asks for with `x-mcp-header`; a text says why it may not ask so.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters
 */
export function paramHeadersOf(inputSchema: unknown): readonly ParamHeader[] | string {
  const found: ParamHeader[] = [];
  const problem = visit(inputSchema, [], found, 0);
  if (problem !== undefined) return problem;
  const names = new Set(found.map(({ header }) => header));
  return names.size === found.length ? found : `two of its parameters have the same "${KEY}"`;
}

/** Gives what is wrong. @param path undefined where no chain of `properties` leads to the schema */
function visit(schema: unknown, path: readonly string[] | undefined, found: ParamHeader[], depth: number): string | undefined {
  if (depth > DEPTH) return undefined;
  if (Array.isArray(schema)) return first(schema, (each) => visit(each, undefined, found, depth + 1));
  if (!isObject(schema)) return undefined;
  if (Object.hasOwn(schema, KEY)) {
    const problem = annotated(schema, path);
    if (typeof problem === "string") return problem;
    found.push(problem);
  }
  return first(Object.entries(schema), ([keyword, value]) => {
    if (DATA.has(keyword)) return undefined;
    if (!MAPS.has(keyword) || !isObject(value)) return visit(value, undefined, found, depth + 1);
    return first(Object.entries(value), ([name, each]) =>
      visit(each, keyword === "properties" && path ? [...path, name] : undefined, found, depth + 1),
    );
  });
}

function annotated({ [KEY]: name, type }: Json, path: readonly string[] | undefined): ParamHeader | string {
  if (typeof name !== "string" || !isHeaderName(name)) return `its "${KEY}" is no name of a header`;
  if (!path || path.length === 0) return `"${KEY}" stands at something else than a parameter`;
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  if (!types.every((each) => TYPES.has(each))) return `"${KEY}" stands at a parameter that is no string, integer or boolean`;
  return { header: `mcp-param-${name.toLowerCase()}`, path };
}

function first<T>(list: readonly T[], problemOf: (each: T) => string | undefined): string | undefined {
  for (const each of list) {
    const problem = problemOf(each);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What a parameter is in the arguments of one call; undefined where it is not there. */
function argumentOf({ path }: ParamHeader, args: unknown): unknown {
  let value = args;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

/** The value of a header, for the arguments of one call; undefined where there is nothing to repeat. */
export function paramHeaderValue(header: ParamHeader, args: unknown): string | undefined {
  const value = argumentOf(header, args);
  if (typeof value === "string") return headerText(value);
  return typeof value === "boolean" || Number.isSafeInteger(value) ? String(value) : undefined;
}

/** A number as clients write it: "42.0" is 42. */
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Whether a header says what the arguments do. @param written as often as it was sent; undefined where it was not */
export function isRepeated(header: ParamHeader, args: unknown, written: readonly string[] | undefined): boolean {
  const expected = paramHeaderValue(header, args);
  if (!written || expected === undefined) return !written && expected === undefined;
  const [value, another] = written;
  const read = value === undefined || another !== undefined ? undefined : headerValue(value);
  if (read === undefined) return false;
  const given = argumentOf(header, args);
  return typeof given === "number" ? NUMBER.test(read) && Number(read) === given : read === String(given);
}

/** The headers of tools by their definitions; those that want none, or want them wrongly, have null. */
const plans = new WeakMap<object, readonly ParamHeader[] | null>();

/** The headers that a call of a tool must have, by the definition that its callers are shown. */
export function planOf(definition: Readonly<Json>): readonly ParamHeader[] | null {
  let plan = plans.get(definition);
  if (plan === undefined) {
    const found = paramHeadersOf(definition.inputSchema);
    plan = typeof found === "string" || found.length === 0 ? null : found;
    plans.set(definition, plan);
  }
  return plan;
}
