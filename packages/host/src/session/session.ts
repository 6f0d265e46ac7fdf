import { ERRORS, HostError } from "../errors.ts";
import type { Reply, Sink } from "../exchange/course.ts";
import type { Outcome } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { isNotification, isObject, isRequest, type Json, type Message, type Notification, type Request } from "../wire/message.ts";
import { type Question, Questions } from "./questions.ts";
import { type ListName, Requester, type RequesterOptions, type RequestHost } from "./requester.ts";

/** What a session needs of the host. */
export interface SessionHost extends RequestHost {
  /** A client's notification that concerns upstreams. @param sink that of the request that it came in */
  notification(session: Session, notification: Notification, sink: Sink): void;
}

export interface SessionOptions extends RequesterOptions {
  readonly host: SessionHost;
  /** Whether it is closed when it was quiet for long. Default: a network client's is. */
  readonly expires?: boolean | undefined;
  readonly sole: boolean;
  /** Whether one id may be in flight twice: over HTTP the answer's stream tells them apart, elsewhere nothing does. */
  readonly duplicateIds: boolean;
}

/** One client's conversation with the host, and what is owed to that client. */
export class Session extends Requester {
  readonly expires: boolean;
  readonly sole: boolean;
  /** `initialize` was answered. */
  initialized = false;
  /** The client said `initialized`, or went on as if it had. */
  active = false;
  readonly questions = new Questions();
  readonly #host: SessionHost;
  readonly #duplicateIds: boolean;
  #initializing = false;
  /** Requests that came while initialize was being answered. */
  readonly #early: (() => void)[] = [];
  #standing: Sink | undefined;
  /** Keeps for a client that is away what nothing else keeps for it. */
  #away: Sink | undefined;
  readonly #owedLists = new Set<ListName>();
  /** By URI, with the params of the last update. */
  readonly #owedUpdates = new Map<string, Json>();

  constructor(options: SessionOptions) {
    super(options.host, options);
    this.#host = options.host;
    this.#duplicateIds = options.duplicateIds;
    this.expires = options.expires ?? options.network;
    this.sole = options.sole;
  }

  get isToldOfLists(): boolean {
    return this.initialized;
  }

  get hasStream(): boolean {
    return this.#standing !== undefined;
  }

  /** Whether its client has asked nothing of it. */
  get isUnused(): boolean {
    return !this.initialized && this.inFlight === 0;
  }

  /** Whether a request with this id is in flight. */
  has(wireId: unknown): boolean {
    return this.inFlightAs(wireId).length > 0;
  }

  /** Takes one message of the client's, of this many bytes if that is known. `reply` is where a request is answered. */
  receive(message: Message, reply: Reply, bytes?: number): void {
    this.seen = performance.now();
    if (isRequest(message)) return this.#request(message, reply, bytes);
    if (!isNotification(message)) return this.questions.answered(message);
    this.#notification(message, reply);
  }

  #request(request: Request, reply: Reply, bytes: number | undefined): void {
    if (this.#initializing && request.method !== "initialize" && request.method !== "ping" && this.#early.length < this.most) {
      // A client need not wait for the answer to initialize before it writes on; the host does that for it.
      this.#early.push(() => this.#request(request, reply, bytes));
      return;
    }
    const refused = this.#refusal(request);
    if (!this.active && request.method !== "initialize" && request.method !== "ping") this.#activate();
    const exchange = new HostExchange({ method: request.method, params: request.params, caller: this, sink: reply });
    exchange.wireId = request.id;
    exchange.requestBytes = bytes;
    if (refused) return this.refuse(exchange, refused);
    if (request.method !== "initialize") return this.carry(exchange);
    this.#initializing = true;
    this.carry(exchange, (outcome) => this.#begin(outcome));
  }

  /** The answer to initialize is out: what came meanwhile has its turn. */
  #begin(outcome: Outcome): void {
    if ("result" in outcome && isObject(outcome.result.capabilities)) this.declared = outcome.result.capabilities;
    this.#initializing = false;
    for (const early of this.#early.splice(0)) early();
  }

  #refusal({ id, method }: Request): HostError | undefined {
    if (this.closed) return new HostError("shutting_down", "the session is closed");
    // A second one counts from the moment the first came, not from its answer.
    const begun = this.initialized || this.#initializing;
    if (method === "initialize" ? begun : !this.initialized && method !== "ping") {
      return new HostError(
        "invalid_request",
        method === "initialize" ? "the session is initialized already" : `send initialize before ${method.slice(0, 64)}`,
      );
    }
    const overload = this.overload();
    if (overload) return overload;
    if (!this.#duplicateIds && this.has(id))
      return new HostError("invalid_request", `a request with id ${JSON.stringify(id)} is in flight already`);
    return undefined;
  }

  #notification(notification: Notification, sink: Sink): void {
    const params = notification.params ?? {};
    switch (notification.method) {
      case "notifications/initialized":
        return this.#activate();
      case "notifications/cancelled":
        return this.#cancelled(params);
      case "notifications/progress":
        return this.questions.progressed(params);
      default:
        // What a server is told at its start depends on initialize; before that there is no server to tell.
        if (this.initialized) this.#host.notification(this, notification, sink);
    }
  }

  #activate(): void {
    this.active = true;
    this.#flush();
  }

  #cancelled({ requestId, reason }: Json): void {
    // Where one id is in flight twice, nobody can tell which is meant; none is cancelled rather than the wrong one.
    const [exchange, another] = this.inFlightAs(requestId);
    if (!exchange || another) return;
    if (exchange.method === "initialize") return; // the specification forbids cancelling it
    exchange.cancel(
      new HostError("cancelled", typeof reason === "string" ? reason.slice(0, 256) : "cancelled by the client", { sent: exchange.sent }),
    );
  }

  ask(method: string, params: Readonly<Json>, origin: HostExchange | undefined, progress: ((params: Json) => void) | undefined): Question {
    return this.questions.ask(method, params, this.sinkFor(origin), progress);
  }

  /** What is asked without a call goes to the session's own stream. */
  attribute(): undefined {
    return undefined;
  }

  override close(error: HostError): void {
    if (this.closed) return;
    super.close(error);
    this.questions.close(new HostError("client_gone", "the client's session has ended"));
  }

  // --- what is owed to the client ---

  /** The session's own stream is open: a GET stream, or standard output. */
  attach(sink: Sink): void {
    this.#standing = sink;
    this.#away = undefined;
    this.#flush();
  }

  /** The session's own stream is closed. @param away keeps messages until it is attached again; what the session owes anyway waits here */
  detach(sink: Sink, away?: Sink): void {
    if (this.#standing !== sink && this.#away !== sink) return;
    this.#standing = undefined;
    this.#away = away;
  }

  /** Where a message goes that `exchange` caused: its own stream while that is open, else the session's. */
  sinkFor(exchange: HostExchange | undefined): Sink {
    return {
      send: (message) =>
        (exchange?.outcome === undefined && exchange?.sink?.send(message)) || (this.#standing ?? this.#away)?.send(message) || false,
    };
  }

  notify(notification: Notification, exchange: HostExchange | undefined): void {
    this.sinkFor(exchange).send(notification);
  }

  /** Owes the client news of a list; told once, as soon as there is a stream to tell it on. */
  listChanged(list: ListName): void {
    this.#owedLists.add(list);
    this.#flush();
  }

  /** Owes the client one update of a subscribed resource, with the params of the last. */
  updated(uri: string, params: Json): void {
    if (this.#owedUpdates.size < MAX_OWED_UPDATES || this.#owedUpdates.has(uri)) this.#owedUpdates.set(uri, params);
    this.#flush();
  }

  #flush(): void {
    const sink = this.#standing;
    if (!sink || !this.active) return;
    for (const list of this.#owedLists)
      if (sink.send({ jsonrpc: "2.0", method: `notifications/${list}/list_changed` })) this.#owedLists.delete(list);
    for (const [uri, params] of this.#owedUpdates) {
      if (sink.send({ jsonrpc: "2.0", method: "notifications/resources/updated", params })) this.#owedUpdates.delete(uri);
    }
  }
}

const MAX_OWED_UPDATES = 1_000;

/** What an operator sees of an outcome. */
export function outcomeName(outcome: Outcome): string {
  if ("cancelled" in outcome) return "cancelled";
  if ("result" in outcome) return outcome.result.isError === true ? "tool_error" : "ok";
  const { cause } = outcome;
  return cause instanceof HostError && cause.type in ERRORS ? cause.type : `error ${outcome.error.code}`;
}
