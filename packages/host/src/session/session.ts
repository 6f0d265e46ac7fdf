import { randomBytes } from "node:crypto";
import { counted } from "../counted.ts";
import { ERRORS, HostError, toRpcError } from "../errors.ts";
import type { Caller, ClientFacts, Principal } from "../exchange/caller.ts";
import { carry } from "../exchange/carry.ts";
import type { Reply, Sink } from "../exchange/course.ts";
import type { Outcome } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { type Id, isNotification, isObject, isRequest, type Json, type Message, type Notification, type Request } from "../wire/message.ts";
import { Questions } from "./questions.ts";

/** What a session needs of the host. */
export interface SessionHost {
  run(exchange: HostExchange): Promise<Json>;
  /** Fires `settled` and logs; called once per exchange, when its outcome is known. */
  settled(exchange: HostExchange): void;
  /** The same for a request that was refused before it ran. */
  refused(exchange: HostExchange): void;
  /** A client's notification that concerns upstreams. @param sink that of the request that it came in */
  notification(session: Session, notification: Notification, sink: Sink): void;
  /** Gives the error in the place of an answer that is no JSON, which is logged. @param thrown why it cannot be written */
  unwritable(exchange: HostExchange, thrown: unknown): HostError;
  /** Whether another request may begin. */
  admit(): HostError | undefined;
}

export interface SessionOptions {
  readonly host: SessionHost;
  readonly principal: Principal;
  readonly network: boolean;
  /** Whether it is closed when it was quiet for long. Default: a network client's is. */
  readonly expires?: boolean | undefined;
  readonly sole: boolean;
  /** The name of the endpoint that its client came in by. */
  readonly endpoint?: string | undefined;
  /** Requests in flight at most. */
  readonly inFlight: number;
  /** Whether one id may be in flight twice: over HTTP the answer's stream tells them apart, elsewhere nothing does. */
  readonly duplicateIds: boolean;
}

/** The lists whose changes are announced, each with the notification for it. */
export type ListName = "tools" | "prompts" | "resources";

const NOBODY: ClientFacts = { info: {}, version: "", logLevel: undefined };

/** One client's conversation with the host, and what is owed to that client. */
export class Session implements Caller {
  /** 128 random bits, visible ASCII. */
  readonly id = randomBytes(16).toString("hex");
  readonly principal: Principal;
  readonly network: boolean;
  readonly expires: boolean;
  readonly sole: boolean;
  readonly endpoint: string | undefined;
  /** When it was opened, in milliseconds since 1970. */
  readonly since = Date.now();
  client: ClientFacts = NOBODY;
  capabilities: Readonly<Json> = {};
  /** The capabilities that the answer to `initialize` gave the client. */
  declared: Readonly<Json> = {};
  /** `initialize` was answered. */
  initialized = false;
  /** The client said `initialized`, or went on as if it had. */
  active = false;
  closed = false;
  /** Last sign of life, on the monotonic clock. */
  seen = performance.now();
  /** What the client was last shown of each list. */
  readonly shown = new Map<ListName, string>();
  readonly questions = new Questions();
  readonly #host: SessionHost;
  readonly #options: SessionOptions;
  /** No `Map` or `Set`, for the reason of `Roster`; but there are only so many, and the oldest is usually the first that is done. */
  readonly #inFlight: HostExchange[] = [];
  #initializing = false;
  /** Requests that came while initialize was being answered. */
  readonly #early: (() => void)[] = [];
  #standing: Sink | undefined;
  /** Keeps for a client that is away what nothing else keeps for it. */
  #away: Sink | undefined;
  readonly #owedLists = new Set<ListName>();
  /** By URI, with the params of the last update. */
  readonly #owedUpdates = new Map<string, Json>();
  #idle: (() => void)[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#host = options.host;
    this.principal = options.principal;
    this.network = options.network;
    this.expires = options.expires ?? options.network;
    this.sole = options.sole;
    this.endpoint = options.endpoint;
  }

  get inFlight(): number {
    return this.#inFlight.length;
  }

  /** What is in flight. */
  exchanges(): readonly HostExchange[] {
    return [...this.#inFlight];
  }

  get hasStream(): boolean {
    return this.#standing !== undefined;
  }

  /** Takes one message of the client's, of this many bytes if that is known. `reply` is where a request is answered. */
  receive(message: Message, reply: Reply, bytes?: number): void {
    this.seen = performance.now();
    if (isRequest(message)) return this.#request(message, reply, bytes);
    if (!isNotification(message)) return this.questions.answered(message);
    this.#notification(message, reply);
  }

  #request(request: Request, reply: Reply, bytes: number | undefined): void {
    if (this.#initializing && request.method !== "initialize" && request.method !== "ping" && this.#early.length < this.#options.inFlight) {
      // A client need not wait for the answer to initialize before it writes on; the host does that for it.
      this.#early.push(() => this.#request(request, reply, bytes));
      return;
    }
    const refused = this.#refusal(request);
    if (!this.active && request.method !== "initialize" && request.method !== "ping") this.#activate();
    const exchange = new HostExchange({ method: request.method, params: request.params, caller: this, sink: reply });
    exchange.wireId = request.id;
    exchange.requestBytes = bytes;
    if (refused) return this.#refuse(exchange, refused);
    if (request.method === "initialize") this.#initializing = true;
    this.#inFlight.push(exchange);
    const finish = (outcome: Outcome): void => {
      if (!exchange.settle(outcome, (settled) => this.#answer(exchange, settled))) return;
      this.#inFlight.splice(this.#inFlight.indexOf(exchange), 1);
      this.seen = exchange.timings.end ?? this.seen;
      this.#host.settled(exchange);
      if (request.method === "initialize") this.#begin(outcome);
      if (this.#inFlight.length === 0) for (const idle of this.#idle.splice(0)) idle();
    };
    carry(exchange, this.#host, finish);
  }

  /** Answers a request that does not begin. */
  #refuse(exchange: HostExchange, cause: HostError): void {
    exchange.settle(exchange.outcomeOf(cause), (outcome) => this.#answer(exchange, outcome));
    this.#host.refused(exchange);
  }

  /** The answer to initialize is out: what came meanwhile has its turn. */
  #begin(outcome: Outcome): void {
    if ("result" in outcome && isObject(outcome.result.capabilities)) this.declared = outcome.result.capabilities;
    this.#initializing = false;
    for (const early of this.#early.splice(0)) early();
  }

  /** Answers the request on the wire that an exchange belongs to now. */
  #answer(exchange: HostExchange, outcome: Outcome): void {
    const reply = exchange.sink as Reply; // every request of a client has one
    const id = exchange.wireId as Id; // as above
    if ("cancelled" in outcome) return reply.end();
    try {
      exchange.answerBytes = reply.answer(
        "error" in outcome ? { jsonrpc: "2.0", id, error: outcome.error } : { jsonrpc: "2.0", id, result: outcome.result },
      );
    } catch (thrown) {
      const cause = this.#host.unwritable(exchange, thrown);
      const error = toRpcError(cause, exchange.id);
      exchange.outcome = { error, cause };
      exchange.answerBytes = reply.answer({ jsonrpc: "2.0", id, error });
    }
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
    if (this.#inFlight.length >= this.#options.inFlight)
      return new HostError(
        "overloaded",
        `${counted(this.#inFlight.length, "request")} of this session ${this.#inFlight.length === 1 ? "is" : "are"} in flight already`,
      );
    if (!this.#options.duplicateIds && this.#inFlight.some(({ wireId }) => wireId === id))
      return new HostError("invalid_request", `a request with id ${JSON.stringify(id)} is in flight already`);
    return this.#host.admit();
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
    const [exchange, another] = this.#inFlight.filter(({ wireId }) => wireId === requestId);
    if (!exchange || another) return;
    if (exchange.method === "initialize") return; // the specification forbids cancelling it
    exchange.cancel(
      new HostError("cancelled", typeof reason === "string" ? reason.slice(0, 256) : "cancelled by the client", { sent: exchange.sent }),
    );
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

  // --- the end ---

  /** Resolves when nothing is in flight, or after `milliseconds`. */
  drained(milliseconds: number): Promise<void> {
    if (this.#inFlight.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Ends the session: what is in flight is cancelled upstream and answered with `error`. */
  close(error: HostError): void {
    if (this.closed) return;
    this.closed = true;
    for (const exchange of [...this.#inFlight]) exchange.cancel(new HostError(error.type, error.message, { sent: exchange.sent }));
    this.questions.close(new HostError("client_gone", "the client's session has ended"));
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
