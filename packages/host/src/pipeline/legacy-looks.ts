import { HostError, type RpcError } from "../errors.ts";
import { isObject, type Json } from "../wire/message.ts";

/** JSON-RPC code of a server that would need a capability of the client. @see https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes */
export const MISSING_CAPABILITY = -32021;

/** What a server would have to ask the client, and may not, or would have to answer, and the client does not take. */
export function incapable(upstream: string, { data }: RpcError): HostError {
  const required = isObject(data) && isObject(data.requiredCapabilities) ? data.requiredCapabilities : {};
  const names = Object.entries(required).flatMap(([name, parts]) =>
    isObject(parts) && Object.keys(parts).length > 0 ? Object.keys(parts).map((part) => `${name}.${part}`) : [name],
  );
  const which = names.length > 0 ? names.join(", ").slice(0, 128) : "a capability that it does not name";
  const what = `upstream "${upstream}" needs what the client did not declare that it can do: ${which}`;
  return new HostError("capability_required", what, { upstream, sent: "yes" });
}

/** Of a tool, so that a model reads it, as it would the tool's own complaint. */
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
