import {
  type Attempt,
  type Decision,
  type Exchange,
  type Json,
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
  #at: number | undefined;
  #timeText = "";

  constructor(details: Details, clock: Clock) {
    this.#details = details;
    this.#clock = clock;
  }

  /** A request, or a question to a client, that is over. */
  settled(exchange: Exchange): string {
    const { outcome, timings, attempts, decisions, resultKind, round } = exchange;
    const now = this.#clock.monotonic();
    const end = timings.end ?? now;
    const failed = outcome && "error" in outcome ? outcome.error : undefined;
    const { sent, answered } = timings;
    const upstreamMs = sent === undefined ? undefined : (answered !== undefined && answered >= sent ? answered : end) - sent;
    const record = this.#record(exchange.isQuestion ? "question" : "request", now - timings.start, exchange, now);
    record.outcome = outcomeOf(exchange);
    if (failed) record.error = this.#error(failed, now);
    if (outcome && "cancelled" in outcome) record.reason = this.#texts.of(outcome.cancelled, now);
    if (decisions.length > 0) record.by = decisions.map(decisionOf);
    record.ms = rounded(end - timings.start);
    if (upstreamMs !== undefined) record.upstreamMs = rounded(upstreamMs);
    record.sent = exchange.sent;
    if (attempts.length > 1) record.attempts = attempts.map(attemptOf);
    record.bytesIn = exchange.requestBytes;
    record.bytesOut = exchange.answerBytes;
    if (resultKind !== "complete") record.kind = resultKind;
    if (round > 0) record.round = round;
    const details = this.#details.of(exchange);
    return JSON.stringify(details ? Object.assign(record, details) : record);
  }

  /** A call that is about to be sent. */
  begun(exchange: Exchange): string {
    const now = this.#clock.monotonic();
    return JSON.stringify(this.#record("begun", now - exchange.timings.start, exchange, now));
  }

  /** What was turned away: a request at the edge, a login, a client's notification. */
  refused({ request, exchange, decision, rule, type, status, message }: RefusedEvent): string {
    const now = this.#clock.monotonic();
    const record: Json = exchange ? this.#record("refused", 0, exchange, now) : { type: "refused", at: this.#time(0) };
    if (request) {
      record.method = this.#texts.of(request.method, now);
      record.path = this.#texts.of(request.path, now);
      record.from = this.#texts.of(request.address, now);
      record.headers = headersOf(request.headers);
    }
    record.outcome = "refused";
    record.error = { type, message: this.#texts.of(message, now) };
    if (decision) record.by = [decisionOf({ ...decision, did: "refused", ...(rule !== undefined && { rule }) })];
    record.status = status;
    return JSON.stringify(record);
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
      params: brief(params), // the host took secrets out of them
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
      client: this.#client(client.info, now),
      session: id.slice(0, 8),
      ...(endpoint !== undefined && { endpoint }),
    });
  }

  /**
   * A record of an exchange, so far: who asks for what, from where. One literal with all its fields, since each that is spread
   * into it costs more than all of them; what is undefined is not written.
   * @param ago milliseconds
   */
  #record(type: string, ago: number, exchange: Exchange, now: number): Json {
    const { id, method, entry, called, route, caller, principal, http, client, plugin, parent } = exchange;
    const name = entry?.name ?? namedBy(exchange.original);
    const target = called ?? entry;
    return {
      type,
      at: this.#time(ago),
      id,
      method: this.#texts.of(method, now),
      name: name === undefined ? undefined : this.#texts.of(name, now),
      native: target && target.native !== name ? this.#texts.of(target.native, now) : undefined,
      upstream: route?.upstream,
      who: this.#texts.of(principal.id, now),
      roles: principal.roles.length > 0 ? principal.roles : undefined,
      from: http ? this.#texts.of(http.address, now) : caller.network ? "network" : "local",
      headers: http && headersOf(http.headers),
      client: this.#client(client.info, now),
      session: caller.id.slice(0, 8), // all of it is a secret
      endpoint: caller.endpoint,
      plugin,
      child: parent ? true : undefined,
    };
  }

  /** What it says of itself; of a session that has just begun nothing is known. */
  #client({ name, version }: Readonly<Json>, now: number): string | undefined {
    if (typeof name !== "string") return undefined;
    const program = this.#texts.of(name, now);
    return typeof version === "string" ? `${program} ${this.#texts.of(version, now)}` : program;
  }

  #error({ code, message, data }: { code: number; message: string; data?: unknown }, now: number) {
    const type =
      typeof data === "object" && data !== null && "origin" in data && data.origin === "mcp-host" && "type" in data ? data.type : undefined;
    return { ...(typeof type === "string" && { type }), code, message: this.#texts.of(message, now) };
  }

  /** So many milliseconds ago, as text. Of what happens at once many have the same. */
  #time(ago: number): string {
    const at = Math.floor(this.#clock.now() - ago);
    if (at === this.#at) return this.#timeText;
    this.#at = at;
    return (this.#timeText = new Date(at).toISOString());
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

/** A value that is not long, or the beginning of its JSON. */
function brief(value: Readonly<Json>): Json {
  const text = JSON.stringify(value);
  return text.length <= MOST ? value : { cut: text.slice(0, MOST) };
}

/** Without secrets; undefined where there are none. */
function headersOf(headers: Readonly<Json>): Json | undefined {
  for (const _ in headers) return brief(redactLine(headers));
  return undefined;
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100;
