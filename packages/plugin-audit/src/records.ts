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
    let json = this.#begin(exchange.isQuestion ? "question" : "request", now - timings.start, exchange, now);
    json += `,"outcome":"${outcomeOf(exchange)}"`;
    if (failed) json += `,"error":${JSON.stringify(this.#error(failed, now))}`;
    if (outcome && "cancelled" in outcome) json += `,"reason":${this.#texts.json(outcome.cancelled, now)}`;
    if (decisions.length > 0) json += `,"by":${JSON.stringify(decisions.map(decisionOf))}`;
    json += `,"ms":${rounded(end - timings.start)}`;
    if (upstreamMs !== undefined) json += `,"upstreamMs":${rounded(upstreamMs)}`;
    json += `,"sent":"${exchange.sent}"`;
    if (attempts.length > 1) json += `,"attempts":${JSON.stringify(attempts.map(attemptOf))}`;
    if (exchange.requestBytes !== undefined) json += `,"bytesIn":${exchange.requestBytes}`;
    if (exchange.answerBytes !== undefined) json += `,"bytesOut":${exchange.answerBytes}`;
    if (resultKind !== "complete") json += `,"kind":"${resultKind}"`;
    if (round > 0) json += `,"round":${round}`;
    const details = this.#details.of(exchange);
    return details ? joined(json, JSON.stringify(details)) : `${json}}`;
  }

  /** A call that is about to be sent. */
  begun(exchange: Exchange): string {
    const now = this.#clock.monotonic();
    return `${this.#begin("begun", now - exchange.timings.start, exchange, now)}}`;
  }

  /** What was turned away: a request at the edge, a login, a client's notification. */
  refused({ request, exchange, decision, rule, type, status, message }: RefusedEvent): string {
    const now = this.#clock.monotonic();
    const record: Json = {};
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
    const begin = exchange ? this.#begin("refused", 0, exchange, now) : `{"type":"refused","at":"${this.#time(0)}"`;
    return joined(begin, JSON.stringify(record));
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
    const program = this.#client(client.info, now);
    return JSON.stringify({
      type: "session",
      at: this.#time(0),
      event,
      who: this.#texts.of(principal.id, now),
      ...(principal.roles.length > 0 && { roles: principal.roles }),
      ...(!network && { from: "local" }),
      client: program === undefined ? undefined : JSON.parse(program),
      session: id.slice(0, 8),
      ...(endpoint !== undefined && { endpoint }),
    });
  }

  /**
   * The JSON of a record of an exchange, so far, without its end: who asks for what, from where. It is put together as text, since
   * the names in it come again and again, and to write an object of so many fields costs three times as much.
   * @param ago milliseconds
   */
  #begin(type: string, ago: number, exchange: Exchange, now: number): string {
    const { id, method, entry, called, route, caller, principal, http, client, plugin, parent } = exchange;
    const texts = this.#texts;
    const name = entry?.name ?? namedBy(exchange.original);
    const target = called ?? entry;
    let json = `{"type":"${type}","at":"${this.#time(ago)}","id":${JSON.stringify(id)},"method":${texts.json(method, now)}`;
    if (name !== undefined) json += `,"name":${texts.json(name, now)}`;
    if (target && target.native !== name) json += `,"native":${texts.json(target.native, now)}`;
    if (route) json += `,"upstream":${JSON.stringify(route.upstream)}`;
    json += `,"who":${texts.json(principal.id, now)}`;
    if (principal.roles.length > 0) json += `,"roles":${JSON.stringify(principal.roles)}`;
    json += `,"from":${http ? texts.json(http.address, now) : caller.network ? '"network"' : '"local"'}`;
    const headers = http && headersOf(http.headers);
    if (headers) json += `,"headers":${JSON.stringify(headers)}`;
    const program = this.#client(client.info, now);
    if (program !== undefined) json += `,"client":${program}`;
    json += `,"session":${JSON.stringify(caller.id.slice(0, 8))}`; // all of it is a secret
    if (caller.endpoint !== undefined) json += `,"endpoint":${JSON.stringify(caller.endpoint)}`;
    if (plugin !== undefined) json += `,"plugin":${JSON.stringify(plugin)}`;
    return parent ? `${json},"child":true` : json;
  }

  /** What it says of itself, as JSON; of a session that has just begun nothing is known. */
  #client({ name, version }: Readonly<Json>, now: number): string | undefined {
    if (typeof name !== "string") return undefined;
    const program = this.#texts.json(name, now);
    return typeof version === "string" ? `${program.slice(0, -1)} ${this.#texts.json(version, now).slice(1)}` : program;
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

/** The JSON of an object that has no end yet, with the members of another behind it. */
const joined = (begin: string, members: string): string => (members === "{}" ? `${begin}}` : `${begin},${members.slice(1)}`);

const rounded = (ms: number): number => Math.round(ms * 100) / 100;
