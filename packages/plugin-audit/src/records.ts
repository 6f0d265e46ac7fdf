import {
  type Attempt,
  type Decision,
  type Exchange,
  type OperatedEvent,
  type PluginHost,
  type RefusedEvent,
  redactLine,
  type SessionEvent,
} from "mcp-host";
import type { Details } from "./details.ts";
import { Texts } from "./texts.ts";

/** Params of an operation and headers of a request: UTF-16 units that are kept. */
const MOST = 4_096;

export type Clock = Pick<PluginHost["clock"], "now" | "monotonic">;

/** Makes records of what happens: each a JSON object with `type` and `at` first. Nothing of a request is kept beyond it. */
export class Records {
  readonly #details: Details;
  readonly #clock: Clock;
  readonly #texts = new Texts();

  constructor(details: Details, clock: Clock) {
    this.#details = details;
    this.#clock = clock;
  }

  /** A request, or a question to a client, that is over. */
  settled(exchange: Exchange): string {
    const { outcome, timings, attempts, decisions, sent, resultKind, round, requestBytes, answerBytes } = exchange;
    const now = this.#clock.monotonic();
    const end = timings.end ?? now;
    const failed = outcome && "error" in outcome ? outcome.error : undefined;
    const upstreamMs =
      timings.sent === undefined
        ? undefined
        : (timings.answered !== undefined && timings.answered >= timings.sent ? timings.answered : end) - timings.sent;
    return JSON.stringify({
      type: exchange.isQuestion ? "question" : "request",
      at: this.#time(now - timings.start),
      ...this.#subject(exchange, now),
      outcome: outcomeOf(exchange),
      ...(failed && { error: this.#error(failed, now) }),
      ...(outcome && "cancelled" in outcome && { reason: this.#texts.of(outcome.cancelled, now) }),
      ...(decisions.length > 0 && { by: decisions.map(decisionOf) }),
      ms: rounded(end - timings.start),
      ...(upstreamMs !== undefined && { upstreamMs: rounded(upstreamMs) }),
      sent,
      ...(attempts.length > 1 && { attempts: attempts.map(attemptOf) }),
      ...(requestBytes !== undefined && { bytesIn: requestBytes }),
      ...(answerBytes !== undefined && { bytesOut: answerBytes }),
      ...(resultKind !== "complete" && { kind: resultKind }),
      ...(round > 0 && { round }),
      ...this.#details.of(exchange),
    });
  }

  /** A call that is about to be sent. */
  begun(exchange: Exchange): string {
    const now = this.#clock.monotonic();
    return JSON.stringify({ type: "begun", at: this.#time(now - exchange.timings.start), ...this.#subject(exchange, now) });
  }

  /** What was turned away: a request at the edge, a login, a client's notification. */
  refused({ request, exchange, decision, rule, type, status, message }: RefusedEvent): string {
    const now = this.#clock.monotonic();
    return JSON.stringify({
      type: "refused",
      at: this.#time(0),
      ...(exchange && this.#subject(exchange, now)),
      ...(request && {
        method: this.#texts.of(request.method, now),
        path: this.#texts.of(request.path, now),
        from: this.#texts.of(request.address, now),
        ...this.#headers(request.headers),
      }),
      outcome: "refused",
      error: { type, message: this.#texts.of(message, now) },
      ...(decision && { by: [decisionOf({ ...decision, did: "refused", ...(rule !== undefined && { rule }) })] }),
      ...(status !== undefined && { status }),
    });
  }

  operated({ at, who, via, operation, plugin, params, outcome }: OperatedEvent): string {
    const now = this.#clock.monotonic();
    const isOk = outcome === "ok";
    return JSON.stringify({
      type: "operated",
      at: new Date(at).toISOString(),
      who: this.#texts.of(who, now),
      ...(via !== undefined && { via }),
      operation,
      ...(plugin !== undefined && { plugin }),
      ...brief("params", params), // the host took secrets out of them
      outcome: isOk ? "ok" : "error",
      ...(!isOk && { error: { message: this.#texts.of(outcome, now) } }),
    });
  }

  session({ event, session: { id, principal, client, endpoint, network } }: SessionEvent): string {
    const now = this.#clock.monotonic();
    return JSON.stringify({
      type: "session",
      at: this.#time(0),
      event,
      who: this.#texts.of(principal.id, now),
      ...(principal.roles.length > 0 && { roles: principal.roles }),
      ...(!network && { from: "local" }),
      ...this.#client(client.info, now),
      session: id.slice(0, 8),
      ...(endpoint !== undefined && { endpoint }),
    });
  }

  /** Who asks for what, from where. */
  #subject(exchange: Exchange, now: number) {
    const { id, method, entry, called, route, caller, principal, http, client, plugin, parent } = exchange;
    const name = entry?.name ?? namedBy(exchange.original);
    const target = called ?? entry;
    return {
      id,
      method: this.#texts.of(method, now),
      ...(name !== undefined && { name: this.#texts.of(name, now) }),
      ...(target && target.native !== name && { native: this.#texts.of(target.native, now) }),
      ...(route && { upstream: route.upstream }),
      who: this.#texts.of(principal.id, now),
      ...(principal.roles.length > 0 && { roles: principal.roles }),
      from: http ? this.#texts.of(http.address, now) : caller.network ? "network" : "local",
      ...(http && this.#headers(http.headers)),
      ...this.#client(client.info, now),
      session: caller.id.slice(0, 8), // all of it is a secret
      ...(caller.endpoint !== undefined && { endpoint: caller.endpoint }),
      ...(plugin !== undefined && { plugin }),
      ...(parent && { child: true }),
    };
  }

  /** What it says of itself; of a session that has just begun nothing is known. */
  #client({ name, version }: Readonly<Record<string, unknown>>, now: number): { client?: string } {
    if (typeof name !== "string") return {};
    return { client: this.#texts.of(typeof version === "string" ? `${name} ${version}` : name, now) };
  }

  #headers(headers: Readonly<Record<string, unknown>>): { headers?: unknown } {
    for (const _ in headers) return brief("headers", redactLine(headers));
    return {};
  }

  #error({ code, message, data }: { code: number; message: string; data?: unknown }, now: number) {
    const type =
      typeof data === "object" && data !== null && "origin" in data && data.origin === "mcp-host" && "type" in data ? data.type : undefined;
    return { ...(typeof type === "string" && { type }), code, message: this.#texts.of(message, now) };
  }

  /** So many milliseconds ago, as text. */
  #time(ago: number): string {
    return new Date(this.#clock.now() - ago).toISOString();
  }
}

/** How it ended: `refused` where a plugin said no, `error` for any other error, `tool_error` where the tool itself says that it failed. */
function outcomeOf({ outcome, decisions }: Exchange): string {
  if (!outcome) return "unknown";
  if ("result" in outcome) return outcome.result.isError === true ? "tool_error" : "ok";
  if ("cancelled" in outcome) return "cancelled";
  return decisions.some(({ did }) => did === "refused") ? "refused" : "error";
}

function decisionOf({ plugin, hook, did, rule }: Decision): Decision {
  return { plugin, hook, did, ...(rule !== undefined && { rule }) };
}

function attemptOf({ upstream, error }: Attempt): Attempt {
  return { upstream, ...(error !== undefined && { error }) };
}

/** What a request names that names nothing there is. */
function namedBy({ name, uri, taskId }: Readonly<Record<string, unknown>>): string | undefined {
  return [name, uri, taskId].find((each) => typeof each === "string") as string | undefined; // just looked at
}

/** A field with a value that is not long, or with the beginning of its JSON. */
function brief(field: string, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = JSON.stringify(value);
  return { [field]: text.length <= MOST ? value : { cut: text.slice(0, MOST) } };
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100;
