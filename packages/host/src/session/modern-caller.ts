import { HostError } from "../errors.ts";
import type { ClientFacts } from "../exchange/caller.ts";
import type { Reply, Sink } from "../exchange/course.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import type { Brought } from "../exchange/round.ts";
import { isPartOf } from "../exchange/uri-part.ts";
import { type Id, isRequest, type Json, type Notification, type Request } from "../wire/message.ts";
import { onSubscription } from "../wire/modern.ts";
import { MODERN_VERSIONS, severity } from "../wire/versions.ts";
import type { Parking, RoundReply } from "./parking.ts";
import type { Question } from "./questions.ts";
import { type ListName, Requester, type RequesterOptions, type RequestHost } from "./requester.ts";
import type { RoundStates } from "./round-states.ts";

/** What a caller of the modern era needs of the host. */
export interface ModernHost extends RequestHost {
  /** Its clients want log messages that are chattier than before. */
  levelLowered(caller: ModernCaller): void;
}

/** What a client wants to hear of on one subscription. */
export interface Listened {
  readonly lists: ReadonlySet<ListName>;
  /** Of resources, as the client names them. */
  readonly uris: readonly string[];
  /** Of tasks likewise. */
  readonly tasks: readonly string[];
}

/** One `subscriptions/listen` that is open. */
export interface Listener extends Listened {
  readonly id: Id;
  readonly sink: Sink;
  /** Ends it for the host's reasons: it is answered. */
  readonly end: () => void;
}

/** Notifications of the legacy era that the modern one has no more. */
const UNKNOWN_NOW = new Set(["notifications/tasks/status", "notifications/elicitation/complete"]);

/** Requests that may be answered with questions (2026-07-28, basic/patterns/mrtr). */
const ROUNDS = new Set(["tools/call", "prompts/get", "resources/read"]);

function notDuringThis(method: string): HostError {
  return new HostError("method_not_found", `${method}: a client of MCP 2026-07-28 can be asked only during ${[...ROUNDS].join(", ")}`);
}

/** Standard streams, or a transport in the same process: its client shares with no other what is kept for it, and that ends with the pipe. */
export interface LocalPipe {
  readonly id: string;
  /** Whether its client is the host's only one, so that its first caller has the connections for itself. Whoever takes that leaves none. */
  isSole: boolean;
}

export interface ModernCallerOptions extends RequesterOptions {
  readonly host: ModernHost;
  readonly parking: Parking;
  readonly states: RoundStates;
  readonly key: string;
  readonly place: string | undefined;
  readonly pipe: LocalPipe | undefined;
  /** What its clients can be asked. */
  readonly capabilities: Json;
  /** Called when a request is over, for a caller of that one request. */
  readonly over?: ((caller: ModernCaller) => void) | undefined;
}

/**
 * Whoever sends requests of the modern era (2026-07-28) as one principal by one endpoint. It has no session: losing it loses
 * nothing but warm connections.
 */
export class ModernCaller extends Requester {
  readonly sole: boolean;
  /** Who asks is told with each request. */
  override client: ClientFacts = { info: {}, version: MODERN_VERSIONS[0], logLevel: undefined };
  readonly #host: ModernHost;
  readonly #listeners = new Set<Listener>();
  readonly #parking: Parking;
  readonly #states: RoundStates;
  /** By which it is known: whatever makes a difference to what its clients may do, see and be asked. */
  readonly key: string;
  /** Where it is found by its clients' next request; undefined where there is none. */
  readonly place: string | undefined;
  readonly pipe: LocalPipe | undefined;
  readonly #over: (() => void) | undefined;
  #latest: ClientFacts | undefined;

  constructor({ host, parking, states, key, place, pipe, capabilities, over, ...options }: ModernCallerOptions) {
    super(host, options);
    this.#host = host;
    this.#parking = parking;
    this.#states = states;
    this.key = key;
    this.place = place;
    this.pipe = pipe;
    this.sole = pipe?.isSole === true;
    if (pipe) pipe.isSole = false; // one has it, and no other
    this.capabilities = capabilities;
    this.#over = over && (() => over(this));
  }

  override get latest(): ClientFacts {
    return this.#latest ?? this.client;
  }

  get isToldOfLists(): boolean {
    return this.#listeners.size > 0;
  }

  /** Whether nothing would be lost with it but what can be made anew. One of a pipe goes with that. */
  get mayGo(): boolean {
    return this.inFlight === 0 && this.pipe === undefined; // what it listens to is in flight, too
  }

  /** Takes one request. @param request without the envelope, which is what `client` tells @param bytes of the message, if known */
  receive(request: Request, client: ClientFacts, reply: RoundReply, bytes: number | undefined, brought?: Brought): HostExchange {
    this.#latest = client;
    const { id, method, params } = request;
    const exchange = new HostExchange({ method, params, caller: this, sink: reply, client, brought });
    this.seen = exchange.timings.start;
    exchange.wireId = id;
    exchange.requestBytes = bytes;
    const refused = this.overload();
    if (refused) {
      this.refuse(exchange, refused);
      this.#over?.();
      return exchange;
    }
    const { logLevel } = client;
    const before = this.client.logLevel;
    if (logLevel !== undefined && (before === undefined || severity(logLevel) < severity(before))) {
      this.client = { ...this.client, logLevel };
      this.#host.levelLowered(this);
    }
    this.carry(exchange, () => {
      this.#parking.settled(exchange);
      this.#over?.();
    });
    return exchange;
  }

  protected override give(reply: Reply, id: Id, result: Json, exchange: HostExchange): number | undefined {
    const { asks } = exchange;
    if (!asks) return super.give(reply, id, result, exchange);
    const state = this.#states.relayed(exchange, asks, this.key);
    return (reply as RoundReply).ask(id, result.inputRequests as Json, state); // `receive` takes no others, and only questions come so
  }

  /** Asks the client in the answer to the request that `origin` belongs to, which goes on under the next. */
  ask(method: string, params: Readonly<Json>, origin: HostExchange | undefined): Question {
    if (origin?.asker) return origin.asker.ask(method, params);
    let call = origin;
    while (call && call.wireId === undefined) call = call.parent;
    if (!call || !ROUNDS.has(call.method)) throw notDuringThis(method);
    return this.#parking.ask(call, this.key, method, params);
  }

  /** Those of one call: many clients may be this caller. */
  override askedAs(origin: HostExchange | undefined): string {
    return `${this.id} ${origin?.id}`;
  }

  /** The only call to that server which may be answered in rounds. Are there several, nothing is guessed. */
  attribute(upstream: string): HostExchange | HostError {
    const calls = this.exchanges()
      .flatMap((exchange) => [exchange, ...(exchange.ownCalls?.underWay ?? [])])
      .filter(({ method, route }) => ROUNDS.has(method) && route?.upstream === upstream);
    if (calls.length === 1 && calls[0]) return calls[0];
    if (calls.length === 0) return notDuringThis("the question");
    return new HostError(
      "unattributable",
      `${calls.length} calls are in flight over this connection, and nothing tells to which the question belongs; reach upstream "${upstream}" over HTTP, or set "concurrency": 1 for it in the host's config`,
      { upstream },
    );
  }

  // --- what its clients are told ---

  /** Messages before an answer go with it. Nobody can be asked anything on the way. */
  sinkFor(exchange: HostExchange | undefined): Sink {
    return { send: (message) => !isRequest(message) && exchange?.outcome === undefined && exchange?.sink?.send(message) === true };
  }

  notify(notification: Notification, exchange: HostExchange | undefined): void {
    if (!exchange || UNKNOWN_NOW.has(notification.method)) return;
    if (notification.method === "notifications/message") {
      // Each request says which it wants; one that says nothing wants none (2026-07-28, server/utilities/logging).
      const { logLevel } = exchange.client;
      const level = severity(notification.params?.level);
      if (logLevel === undefined || (level !== -1 && level < severity(logLevel))) return;
    }
    this.sinkFor(exchange).send(notification);
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  unlisten(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Whether somebody listens to a resource. */
  hears(uri: string): boolean {
    return [...this.#listeners].some(({ uris }) => uris.includes(uri));
  }

  listChanged(list: ListName): void {
    this.#tell(`notifications/${list}/list_changed`, undefined, ({ lists }) => lists.has(list));
  }

  updated(uri: string, params: Json): void {
    this.#tell("notifications/resources/updated", params, ({ uris }) => uris.some((subscribed) => isPartOf(uri, subscribed)));
  }

  #tell(method: string, params: Json | undefined, concerns: (listener: Listener) => boolean): void {
    for (const listener of this.#listeners)
      if (concerns(listener)) listener.sink.send({ jsonrpc: "2.0", method, params: onSubscription(params, listener.id) });
  }

  /** Answers what listens; nothing more will be told. */
  endListeners(): void {
    for (const { end } of [...this.#listeners]) end();
  }

  override close(error: HostError): void {
    this.endListeners();
    super.close(error);
  }
}
