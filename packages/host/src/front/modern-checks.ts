import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";
import type { ClientFacts } from "../exchange/caller.ts";
import { isRepeated, planOf } from "../wire/mcp-headers.ts";
import { isObject, type Json, type Request } from "../wire/message.ts";
import { capabilitiesIn, type Envelope, headerValue, modernMethod } from "../wire/modern.ts";
import { isModern, LEVELS, MODERN_VERSIONS, severity } from "../wire/versions.ts";

/**
 * Checks a request of the modern era: what it says of itself, and that the headers by which others route it say the same as
 * its body. The first that fails answers.
 * @param headers undefined on a wire that has none
 * @returns the client as the request describes it
 * @throws HostError
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export function checkModern(
  { method, params = {} }: Request,
  envelope: Envelope | undefined,
  headers: IncomingHttpHeaders | undefined,
): ClientFacts {
  // Where only the modern era is open, whoever begins a session is told which versions there are.
  if (!envelope && method === "initialize") throw unsupported(String(params.protocolVersion));
  if (typeof envelope?.version !== "string")
    throw new HostError("invalid_params", 'params._meta["io.modelcontextprotocol/protocolVersion"] must be a string');
  const { version } = envelope;
  if (headers && headers["mcp-protocol-version"] !== version)
    throw mismatch("MCP-Protocol-Version", headers["mcp-protocol-version"], `the version in params._meta, "${version.slice(0, 32)}"`);
  if (!(MODERN_VERSIONS as readonly string[]).includes(version)) throw unsupported(version);
  if (!capabilitiesIn(envelope))
    throw new HostError("invalid_params", 'params._meta["io.modelcontextprotocol/clientCapabilities"] must be an object');
  if (headers && headers["mcp-method"] !== method)
    throw mismatch("Mcp-Method", headers["mcp-method"], `the method, "${method.slice(0, 64)}"`);
  const known = modernMethod(method);
  if (!known) throw new HostError("method_not_found", `Method not found: ${method}`);
  if (known.name) checkName(params, known.name, headers);
  const { logLevel, info } = envelope;
  if (logLevel !== undefined && severity(logLevel) === -1)
    throw new HostError("invalid_params", `params._meta["io.modelcontextprotocol/logLevel"] must be one of ${LEVELS.join(", ")}`);
  return { info: isObject(info) ? info : {}, version, logLevel: logLevel as string | undefined }; // it is one of them
}

/** Whether a request is of the modern era; `initialize` without the envelope is not, whatever its headers say. */
export function isModernRequest(value: unknown, envelope: Envelope | undefined, headers: IncomingHttpHeaders): boolean {
  if (envelope) return true;
  return isModern(headers["mcp-protocol-version"]) && !(isObject(value) && value.method === "initialize");
}

function checkName(params: Json, key: "name" | "uri" | "taskId", headers: IncomingHttpHeaders | undefined): void {
  const named = params[key];
  if (typeof named !== "string") throw new HostError("invalid_params", `params.${key} must be a string`);
  if (!headers) return;
  const header = headers["mcp-name"];
  const written = typeof header === "string" ? headerValue(header) : undefined;
  if (written !== named) throw mismatch("Mcp-Name", header, `params.${key}`);
}

/**
 * Why the `Mcp-Param-*` headers of a tool's call do not say what its arguments do; undefined where they do. Others than the tool
 * asks for are nobody's business.
 * @param definition as the client is shown it
 */
export function paramMismatch(
  definition: Readonly<Json>,
  { arguments: args }: Readonly<Json>,
  request: IncomingMessage,
): HostError | undefined {
  const plan = planOf(definition);
  const wrong = plan?.find((header) => !isRepeated(header, args, writtenAs(header.header, request)));
  return wrong && mismatch(wrong.header, request.headers[wrong.header], `the argument "${wrong.path.join(".").slice(0, 64)}"`);
}

/** The values of a header, each as it was sent; undefined where it was not. */
function writtenAs(header: string, { headers, rawHeaders }: IncomingMessage): readonly string[] | undefined {
  if (headers[header] === undefined) return undefined;
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header);
}

function mismatch(header: string, value: unknown, what: string): HostError {
  return new HostError(
    "header_mismatch",
    value === undefined ? `the ${header} header is missing; it must repeat ${what}` : `the ${header} header differs from ${what}`,
  );
}

function unsupported(version: string): HostError {
  const supported = [...MODERN_VERSIONS];
  return new HostError(
    "unsupported_protocol",
    `the host does not speak MCP ${version.slice(0, 32)} without a session; it speaks ${supported.join(", ")}`,
    {
      facts: { supported, requested: version },
    },
  );
}
