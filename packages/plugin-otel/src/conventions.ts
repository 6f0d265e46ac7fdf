import { createHash } from "node:crypto";
import {
  BoundedMap,
  ERRORS,
  type Exchange,
  HostError,
  isModern,
  isRefusal,
  type Outcome,
  PeerError,
  redactMessage,
  redactText,
  type UpstreamFacts,
} from "mcp-host";
import type { TraceSettings } from "./options.ts";
import type { Attributes } from "./span.ts";

/*
 * Names of the OpenTelemetry conventions for MCP, which are in development; what they have no name for begins with `mcp_host.`.
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md
 */

/** Every request that MCP has: clients and servers can invent any number of others, which make no series of their own. */
const METHODS: ReadonlySet<string> = new Set([
  ...["initialize", "server/discover", "subscriptions/listen", "ping", "logging/setLevel", "completion/complete"],
  ...["tools/list", "tools/call", "prompts/list", "prompts/get"],
  ...["resources/list", "resources/templates/list", "resources/read", "resources/subscribe", "resources/unsubscribe"],
  ...["tasks/get", "tasks/result", "tasks/cancel", "tasks/update", "tasks/list"],
  ...["sampling/createMessage", "elicitation/create", "roots/list"],
]);
const OTHER = "_OTHER";
/** Characters of a text that somebody else chose. */
const LONGEST = 1_024;
/** The same of what a tool was given, or gave. */
const LONGEST_CONTENT = 8_192;

/** How something ended that did not end well. */
export interface Failure {
  /** `error.type`. */
  readonly type: string;
  /** `rpc.response.status_code`; undefined where no error was answered. */
  readonly code?: string;
  /** The host's own words. Those of servers may hold anything, and are left out. */
  readonly words?: string;
  /** Whether it is no failure: the client has given it up. */
  readonly isCancelled?: true;
}

const CODES: ReadonlyMap<string, string> = new Map(Object.entries(ERRORS).map(([type, { code }]) => [type, String(code)]));
const TOOL_ERROR: Failure = { type: "tool_error" };
const CANCELLED: Failure = { type: "cancelled", isCancelled: true };

/** How an exchange ended; undefined where it ended well. */
export function failureOf(outcome: Outcome | undefined): Failure | undefined {
  if (!outcome) return undefined;
  if ("result" in outcome) return outcome.result.isError === true ? TOOL_ERROR : undefined;
  if ("cancelled" in outcome) return CANCELLED;
  const { code, data, message } = outcome.error;
  // The host takes its mark off upstreams' errors, so this one is its own.
  if (typeof data === "object" && data !== null && "origin" in data && data.origin === "mcp-host" && "type" in data)
    return own(String(data.type), message);
  return { type: codeOf(code), code: codeOf(code) };
}

/** How an attempt ended. */
export function failureOfAttempt(result: Readonly<Record<string, unknown>> | undefined, error: unknown): Failure | undefined {
  if (result) return result.isError === true ? TOOL_ERROR : undefined;
  if (error instanceof HostError || isRefusal(error)) return error.type === "cancelled" ? CANCELLED : own(error.type, error.message);
  if (error instanceof PeerError) return { type: codeOf(error.rpc.code), code: codeOf(error.rpc.code) };
  return { type: OTHER };
}

function own(type: string, message: string): Failure {
  const code = CODES.get(type);
  return { type, ...(code !== undefined && { code }), words: redactText(message).slice(0, LONGEST) };
}

function codeOf(code: unknown): string {
  return Number.isSafeInteger(code) ? String(code) : OTHER;
}

export function failureAttributes(failure: Failure | undefined): Attributes {
  return failure ? { "error.type": failure.type, ...(failure.code !== undefined && { "rpc.response.status_code": failure.code }) } : {};
}

/** `tools/call get_weather`: the method, and what has few values of what it names. */
export function spanName(exchange: Exchange, name: string | undefined): string {
  return name === undefined ? exchange.method.slice(0, 128) : `${exchange.method} ${name}`.slice(0, 256);
}

/** The tool or prompt that a request names, as clients see it; only what is listed. */
export function listedName({ entry }: Pick<Exchange, "entry">): string | undefined {
  return entry?.kind === "tool" || entry?.kind === "prompt" ? entry.name : undefined;
}

/** The same as its server calls it. */
export function nativeName({ called, route }: Pick<Exchange, "called" | "route">): string | undefined {
  return called?.kind === "tool" || called?.kind === "prompt" ? (route?.native ?? called.native) : undefined;
}

/** @param name as clients or the server see it */
function target({ entry }: Pick<Exchange, "entry">, name: string | undefined): Attributes {
  if (name === undefined) return {};
  return entry?.kind === "prompt" ? { "gen_ai.prompt.name": name } : { "gen_ai.tool.name": name, "gen_ai.operation.name": "execute_tool" };
}

/** What figures of a request are told apart by: nothing that clients choose freely. */
export function seriesAttributes(
  exchange: Exchange,
  name: string | undefined,
  upstream: string | undefined,
  failure: Failure | undefined,
): Attributes {
  return {
    "mcp.method.name": METHODS.has(exchange.method) ? exchange.method : OTHER,
    ...target(exchange, name),
    ...(upstream !== undefined && { "mcp_host.upstream": upstream }),
    ...failureAttributes(failure),
  };
}

/** Of the span of a whole request. */
export function requestAttributes(exchange: Exchange, traceId: string, settings: TraceSettings): Attributes {
  const { id, method, caller, client, http, route, original, params, outcome, attempts, decisions, plugin, principal, entry } = exchange;
  const isTool = entry?.kind === "tool" && method === "tools/call";
  return {
    "mcp.method.name": method.slice(0, 128),
    ...target(exchange, listedName(exchange)),
    ...(typeof original.uri === "string" && { "mcp.resource.uri": redactText(original.uri.slice(0, LONGEST)) }),
    ...(client.version !== "" && { "mcp.protocol.version": client.version }),
    ...(client.version !== "" && !isModern(client.version) && { "mcp.session.id": digest(caller.id) }),
    "network.transport": caller.network ? "tcp" : "pipe",
    ...(http && { "network.protocol.name": "http" }),
    ...(id !== traceId && { "mcp_host.request.id": id }),
    ...(route && { "mcp_host.upstream": route.upstream }),
    ...(caller.endpoint !== undefined && { "mcp_host.endpoint": caller.endpoint }),
    ...(plugin !== undefined && { "mcp_host.plugin": plugin }),
    ...(attempts.length > 1 && { "mcp_host.attempts": attempts.length }),
    ...(decisions.length > 0 && {
      "mcp_host.decisions": decisions.map(
        (each) => `${each.plugin} ${each.did} in ${each.hook}${each.rule === undefined ? "" : ` (${each.rule})`}`,
      ),
    }),
    ...(settings.identity && { "user.id": principal.id, ...(http && { "client.address": http.address }) }),
    ...(isTool && settings.content.includes("arguments") && { "gen_ai.tool.call.arguments": content(params.arguments) }),
    ...(isTool &&
      settings.content.includes("results") &&
      outcome &&
      "result" in outcome && { "gen_ai.tool.call.result": content(outcome.result) }),
    ...failureAttributes(failureOf(outcome)),
  };
}

/** Of the span of one attempt. */
export function attemptAttributes(
  exchange: Exchange,
  { key, wire }: UpstreamFacts,
  name: string | undefined,
  failure: Failure | undefined,
): Attributes {
  const transport = wire === "stdio" ? "pipe" : wire === "http" || wire === "sse" || wire === "websocket" ? "tcp" : undefined;
  return {
    "mcp.method.name": exchange.method.slice(0, 128),
    ...target(exchange, name),
    "mcp_host.upstream": key,
    ...(transport !== undefined && { "network.transport": transport }),
    ...((wire === "http" || wire === "sse") && { "network.protocol.name": "http" }),
    ...failureAttributes(failure),
  };
}

/** The id of a session opens it to whoever has it: this tells sessions apart and opens none. */
function digest(id: string): string {
  let known = digests.get(id);
  if (known === undefined) digests.set(id, (known = createHash("sha256").update(id).digest("hex").slice(0, 32)));
  return known;
}

const digests = new BoundedMap<string, string>(1_000);

function content(value: unknown): string {
  return (JSON.stringify(redactMessage(value)) ?? "").slice(0, LONGEST_CONTENT);
}
