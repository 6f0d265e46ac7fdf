import type { HostError } from "../errors.ts";
import { isObject, type Json } from "../wire/message.ts";

/** That a client lacks a capability, as the result of the tool that needs it: a model reads it, and may find another way. */
export function incapableTool({ message }: HostError): Json {
  return { content: [{ type: "text", text: message }], isError: true };
}

/**
 * A tool of a server of the modern era for a client of the legacy one, of which many refuse a whole list for one
 * `outputSchema` that is not of an object (2025-11-25, server/tools).
 */
export function legacyTool(tool: Json): Json {
  const { outputSchema, ...rest } = tool;
  return outputSchema === undefined || (isObject(outputSchema) && outputSchema.type === "object") ? tool : rest;
}

/** A tool's result likewise: what is no object is given as its text, where there is nothing else. */
export function legacyResult(result: Json): Json {
  const { structuredContent, ...rest } = result;
  if (structuredContent === undefined || isObject(structuredContent)) return result;
  const isEmpty = !Array.isArray(rest.content) || rest.content.length === 0;
  return isEmpty ? { ...rest, content: [{ type: "text", text: JSON.stringify(structuredContent) }] } : rest;
}
