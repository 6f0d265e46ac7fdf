import { type Exchange, isObject, type Json, redactMessage } from "mcp-host";
import { HookFailure } from "./failure.ts";
import { withoutMeta } from "./fields.ts";
import { originOf } from "./matching.ts";
import type { HookOptions, Stage } from "./options.ts";
import type { Question } from "./verdict.ts";

/** A question to a hook: what is sent, and what its answer is held against. */
export interface Asked extends Question {
  readonly body: string;
}

/** What there is of an exchange at a stage. */
export interface Messages {
  readonly params: Readonly<Json>;
  /** At respond. */
  readonly result?: Readonly<Json>;
}

/** What tells which thing a request is about, where its params are not sent. */
const NAMES = ["name", "uri", "ref"] as const;

const PHASES = { permit: "request", transform: "request", respond: "response" } as const satisfies Record<Stage, string>;

/**
 * Words a question in the shape of `interceptor/invoke` (SEP-2624), whose payload is the params of a request or its result. What is
 * sent holds no secrets and nothing of the hop.
 * @param now milliseconds since 1970 @throws HookFailure for one that is too large
 */
export function question(
  { name, at, send, timeout, maxRequest }: Pick<HookOptions, "name" | "at" | "send" | "timeout" | "maxRequest">,
  exchange: Exchange,
  { params: sent, result }: Messages,
  now: number,
): Asked {
  const { method, entry, called, client } = exchange;
  const event = originOf(method, entry);
  const phase = PHASES[at];
  if (!fits([send.includes("params") && sent, send.includes("result") && result], maxRequest)) throw tooLarge(maxRequest);
  const params = complete(withoutMeta(sent), method);
  const shownParams = redactMessage(params) as Json; // the copy of an object is one
  const whole = result ? withoutMeta(result) : params;
  const shown = result ? (redactMessage(whole) as Json) : shownParams; // as above
  const isShown = send.includes(result ? "result" : "params");
  const target = called ?? entry;
  const body = JSON.stringify({
    name,
    event,
    phase,
    type: at === "permit" ? "validation" : "mutation",
    ...(isShown ? { payload: shown } : !result && { payload: named(shownParams) }),
    ...(result && method === event && { request: send.includes("params") ? shownParams : named(shownParams) }),
    timeoutMs: timeout,
    context: {
      traceId: exchange.id,
      timestamp: new Date(now).toISOString(),
      protocolVersion: client.version,
      ...(target && {
        target: redactMessage({ kind: target.kind, name: entry?.name, server: target.upstream, native: target.native }),
      }),
      ...callerOf(exchange, send),
    },
  });
  if (Buffer.byteLength(body) > maxRequest) throw tooLarge(maxRequest);
  const isOpen = at !== "permit" && isShown;
  return { body, phase, subject: isOpen ? { side: result ? "result" : "params", method: event, whole, shown } : undefined };
}

/** Clients may leave out arguments that are empty; a hook need not know. */
function complete(params: Json, method: string): Json {
  return params.arguments === undefined && (method === "tools/call" || method === "prompts/get") ? { ...params, arguments: {} } : params;
}

function tooLarge(most: number): HookFailure {
  return new HookFailure("request_too_large", `the question has more than ${most} bytes`);
}

/** Whether the texts of a message leave room in so many bytes: looked at before anything is done with them that takes as long as they are. */
function fits(message: unknown, most: number): boolean {
  let left = most;
  const take = (value: unknown): boolean => {
    if (typeof value === "string") return (left -= value.length) >= 0;
    if (typeof value !== "object" || value === null) return --left >= 0;
    return Array.isArray(value) ? value.every(take) : Object.entries(value).every(([key, each]) => take(key) && take(each));
  };
  return take(message);
}

function named(params: Readonly<Json>): Json {
  return Object.fromEntries(NAMES.flatMap((name) => (params[name] === undefined ? [] : [[name, params[name]]])));
}

/** Who asks. Never anything that they authenticated with. */
function callerOf({ principal, caller, client, plugin }: Exchange, send: HookOptions["send"]): Json {
  const isNamed = send.includes("caller");
  const hasClaims = send.includes("claims") && principal.claims !== undefined;
  if (!isNamed && !hasClaims) return {};
  const { name, version } = isObject(client.info) ? client.info : {};
  return redactMessage({
    principal: {
      ...(isNamed && { type: principal.id === "anonymous" ? "anonymous" : "user", id: principal.id, roles: principal.roles }),
      ...(hasClaims && { claims: principal.claims }),
    },
    ...(isNamed && {
      client: { name, version },
      // All of it is a secret; the audit log tells the same of it.
      sessionId: caller.id.slice(0, 8),
      ...(caller.endpoint !== undefined && { endpoint: caller.endpoint }),
      ...(plugin !== undefined && { plugin }),
    }),
  }) as Json; // the copy of an object is one
}
