import { randomBytes } from "node:crypto";
import { HostError } from "../errors.ts";
import type { Caller, ClientFacts, Principal } from "../exchange/caller.ts";
import { carry } from "../exchange/carry.ts";
import type { Reply, Sink } from "../exchange/course.ts";
import type { Outcome } from "../exchange/exchange.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { counted } from "../wire/counted.ts";
import { Idle } from "../wire/idle.ts";
import type { Id, Json, Notification } from "../wire/message.ts";
import { toRpcError } from "../wire/peer-error.ts";
import type { Question } from "./questions.ts";

/** What becomes of requests that clients send. */
export interface RequestHost {
  run(exchange: HostExchange): Promise<Json>;
  /** Fires `settled` and logs; called once per exchange, when its outcome is known. */
  settled(exchange: HostExchange): void;
  /** The same for a request that was refused before it ran. */
  refused(exchange: HostExchange): void;
  /** Gives the error in the place of an answer that is no JSON, which is logged. @param thrown why it cannot be written */
  unwritable(exchange: HostExchange, thrown: unknown): HostError;
  /** Whether another request may begin. */
  admit(): HostError | undefined;
}

/** The lists whose changes are announced, each with the notification for it. */
export type ListName = "tools" | "prompts" | "resources";

export interface RequesterOptions {
  readonly principal: Principal;
  readonly network: boolean;
  /** The name of the endpoint that its clients come in by. */
  readonly endpoint?: string | undefined;
  /** Requests in flight at most. */
  readonly inFlight: number;
}

const NOBODY: ClientFacts = { info: {}, version: "", logLevel: undefined };

/** A caller as the host serves it: its requests are carried to their answers, and it is told what it is owed. */
export abstract class Requester implements Caller {
  /** 128 random bits, visible ASCII. */
  readonly id = randomBytes(16).toString("hex");
  /** When it came, in milliseconds since 1970. */
  readonly since = Date.now();
  readonly principal: Principal;
  readonly network: boolean;
  readonly endpoint: string | undefined;
  abstract readonly sole: boolean;
  client: ClientFacts = NOBODY;
  capabilities: Readonly<Json> = {};
  /** The capabilities that its client was told the host has. */
  declared: Readonly<Json> = {};
  closed = false;
  /** Last sign of life, on the monotonic clock. */
  seen = performance.now();
  /** What its clients were last shown of each list. */
  readonly shown = new Map<ListName, string>();
  /** Whether a plugin shows this one something else than others like it. */
  hasOwnLists = false;
  protected readonly most: number;
  readonly #host: RequestHost;
  /** No `Map` or `Set`, for the reason of `Roster`; but there are only so many, and the oldest is usually the first that is done. */
  readonly #inFlight: HostExchange[] = [];
  readonly #idle = new Idle();

  constructor(host: RequestHost, { principal, network, endpoint, inFlight }: RequesterOptions) {
    this.#host = host;
    this.principal = principal;
    this.network = network;
    this.endpoint = endpoint;
    this.most = inFlight;
  }

  /** The client that its last request came from. */
  get latest(): ClientFacts {
    return this.client;
  }

  /** Whether its clients wait for news of lists. */
  abstract readonly isToldOfLists: boolean;
  /** Where a message goes that `exchange` caused. */
  abstract sinkFor(exchange: HostExchange | undefined): Sink;
  /** Asks its client something on behalf of `origin`. @throws HostError where that cannot be */
  abstract ask(
    method: string,
    params: Readonly<Json>,
    origin: HostExchange | undefined,
    progress: ((params: Json) => void) | undefined,
  ): Question;
  /** The exchange that a question belongs to which came on a wire of its own that does not tell; an error where it must be known. */
  abstract attribute(upstream: string): HostExchange | HostError | undefined;
  /** Of what it is asked, what counts together. */
  askedAs(_origin: HostExchange | undefined): string {
    return this.id;
  }

  abstract notify(notification: Notification, exchange: HostExchange | undefined): void;
  /** A list has changed for it. */
  abstract listChanged(list: ListName): void;
  /** A resource that it subscribed to has changed. */
  abstract updated(uri: string, params: Json): void;

  get inFlight(): number {
    return this.#inFlight.length;
  }

  /** What is in flight. */
  exchanges(): readonly HostExchange[] {
    return [...this.#inFlight];
  }

  /** Why another request may not begin. */
  protected overload(): HostError | undefined {
    return this.#inFlight.length >= this.most
      ? new HostError(
          "overloaded",
          `${counted(this.#inFlight.length, "request")} of this session ${this.#inFlight.length === 1 ? "is" : "are"} in flight already`,
        )
      : this.#host.admit();
  }

  protected inFlightAs(wireId: unknown): HostExchange[] {
    return this.#inFlight.filter((exchange) => exchange.wireId === wireId);
  }

  /** Carries a request to its answer. @param over called when it is over, once it was answered */
  protected carry(exchange: HostExchange, over?: (outcome: Outcome) => void): void {
    this.#inFlight.push(exchange);
    const finish = (outcome: Outcome): void => {
      if (!exchange.settle(outcome, (settled) => this.#answer(exchange, settled))) return;
      this.#inFlight.splice(this.#inFlight.indexOf(exchange), 1);
      this.seen = exchange.timings.end ?? this.seen;
      this.#host.settled(exchange);
      over?.(outcome);
      if (this.#inFlight.length === 0) this.#idle.reached();
    };
    carry(exchange, this.#host, finish);
  }

  /** Answers a request that does not begin. */
  protected refuse(exchange: HostExchange, cause: HostError): void {
    exchange.settle(exchange.outcomeOf(cause), (outcome) => this.#answer(exchange, outcome));
    this.#host.refused(exchange);
  }

  /** Gives a result to the client, in the answer to its request. */
  protected give(reply: Reply, id: Id, result: Json, { freshness, resultKind }: HostExchange): number | undefined {
    return reply.answer({ jsonrpc: "2.0", id, result }, freshness, resultKind);
  }

  /** Answers the request on the wire that an exchange belongs to now. */
  #answer(exchange: HostExchange, outcome: Outcome): void {
    const reply = exchange.sink as Reply; // every request of a client has one
    const id = exchange.wireId as Id; // as above
    if ("cancelled" in outcome) return reply.end();
    try {
      exchange.answerBytes =
        "error" in outcome ? reply.answer({ jsonrpc: "2.0", id, error: outcome.error }) : this.give(reply, id, outcome.result, exchange);
    } catch (thrown) {
      const cause = this.#host.unwritable(exchange, thrown);
      const error = toRpcError(cause, exchange.id);
      exchange.outcome = { error, cause };
      exchange.answerBytes = reply.answer({ jsonrpc: "2.0", id, error });
    }
  }

  /** Resolves when nothing is in flight, or after `milliseconds`. */
  drained(milliseconds: number): Promise<void> {
    return this.#inFlight.length === 0 ? Promise.resolve() : this.#idle.within(milliseconds);
  }

  /** Ends it: what is in flight is cancelled upstream and answered with `error`. */
  close(error: HostError): void {
    if (this.closed) return;
    this.closed = true;
    for (const exchange of [...this.#inFlight]) exchange.cancel(new HostError(error.type, error.message, { sent: exchange.sent }));
  }
}
