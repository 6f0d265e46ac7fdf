import { randomBytes } from "node:crypto";
import { HostError } from "../errors.ts";
import type { ClientFacts } from "../exchange/caller.ts";
import type { Reply } from "../exchange/course.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { stateInvalid } from "../exchange/round.ts";
import type { Limits } from "../wire/limits.ts";
import { type Id, type Json, type Message, metaOf, QUESTION_NAME, type Request } from "../wire/message.ts";
import { modernQuestion } from "../wire/modern.ts";
import type { Question } from "./questions.ts";
import type { ParkedRound, RoundStates } from "./round-states.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
/** Questions that come so close together are asked together. */
const BEAT = 10;

/** How a front takes the answers to a request that may be answered in rounds. */
export interface RoundReply extends Reply {
  /** Answers that the client has something to answer first, and then is to ask again with the state. Gives the size as `answer` does. */
  ask(id: Id, inputRequests: Json, requestState: string): number | undefined;
}

/** What a client that asks again brings. */
export interface Retry {
  readonly request: Request;
  readonly client: ClientFacts;
  readonly reply: RoundReply;
  readonly parked: ParkedRound;
  readonly responses: Readonly<Record<string, Json>>;
  /** Who it is, and for which clients the same may be kept. */
  readonly key: string;
}

export type ParkingLimits = Pick<Limits, "parked" | "parkedPerCaller" | "parkTime" | "clientQueueBytes">;

interface Pending {
  readonly method: string;
  readonly params: Json;
  readonly resolve: (result: Json) => void;
  readonly reject: (error: Error) => void;
}

/** An exchange that waits for answers of its client, or has waited for some. */
interface Parked {
  readonly exchange: HostExchange;
  readonly handle: string;
  readonly key: string;
  /** What is asked, by key, until it is answered. */
  readonly questions: Map<string, Pending>;
  readonly token: unknown;
  round: number;
  lastQuestion: number;
  /** Its client has been asked and has not come back. */
  isAsked: boolean;
  /** How the client is to be answered, where that became known while it was not there. */
  kept: ((reply: RoundReply, id: Id) => void) | undefined;
  keptSize: number;
  beat: NodeJS.Timeout | undefined;
  patience: NodeJS.Timeout | undefined;
}

/**
 * Asks clients of the modern era on behalf of servers that wait for the answer: the request that the question belongs to is
 * answered with it (`input_required`), the server's call stays open, and goes on under the request that brings the answers.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export class Parking {
  readonly #limits: ParkingLimits;
  readonly #states: RoundStates;
  readonly #byHandle = new Map<string, Parked>();
  readonly #byExchange = new WeakMap<HostExchange, Parked>();

  constructor(limits: ParkingLimits, states: RoundStates) {
    this.#limits = limits;
    this.#states = states;
  }

  /** How many calls wait for their clients. */
  get size(): number {
    return [...this.#byHandle.values()].filter(({ isAsked }) => isAsked).length;
  }

  /** Asks the client of a call. @param key who it is @throws HostError */
  ask(exchange: HostExchange, key: string, method: string, params: Readonly<Json>): Question {
    const parked = this.#byExchange.get(exchange) ?? this.#make(exchange, key);
    const name = this.#nameOf(params, parked);
    const answer = new Promise<Json>((resolve, reject) => {
      parked.questions.set(name, { method, params: modernQuestion(method, params), resolve, reject });
    });
    if (!parked.isAsked) this.#soon(parked);
    const cancel = (error: HostError): void => {
      const pending = parked.questions.get(name);
      parked.questions.delete(name);
      pending?.reject(error);
    };
    return { answer, cancel };
  }

  /** A server may say under which name its question goes, so that programs know it; by itself it has none. */
  #nameOf(params: Readonly<Json>, parked: Parked): string {
    const given = metaOf(params as Json)?.[QUESTION_NAME];
    if (typeof given === "string" && NAME.test(given) && !parked.questions.has(given)) return given;
    return `q${++parked.lastQuestion}`;
  }

  #make(exchange: HostExchange, key: string): Parked {
    const { parked: most, parkedPerCaller } = this.#limits;
    const own = [...this.#byHandle.values()].filter((each) => each.key === key).length;
    const isShared = exchange.principal.id === "anonymous"; // nobody can tell those apart
    const limit = this.#byHandle.size >= most ? "parked" : !isShared && own >= parkedPerCaller ? "parkedPerCaller" : undefined;
    if (limit)
      throw new HostError("overloaded", `${this.#limits[limit]} calls wait for answers of their clients already (limits.${limit})`);
    const parked: Parked = {
      exchange,
      key,
      handle: randomBytes(16).toString("hex"),
      questions: new Map(),
      token: metaOf(exchange.original)?.progressToken,
      round: 0,
      lastQuestion: 0,
      isAsked: false,
      kept: undefined,
      keptSize: 0,
      beat: undefined,
      patience: undefined,
    };
    this.#byExchange.set(exchange, parked);
    this.#byHandle.set(parked.handle, parked);
    // Whatever ends the call ends what waits for it.
    exchange.onStop(() => this.#forget(parked));
    return parked;
  }

  /** Asks all that is to be asked, once those that come close behind are there. */
  #soon(parked: Parked): void {
    parked.beat ??= setTimeout(() => {
      parked.beat = undefined;
      this.#park(parked);
    }, BEAT);
  }

  #park(parked: Parked): void {
    const { exchange, questions, handle } = parked;
    if (exchange.outcome || questions.size === 0) return;
    parked.isAsked = true;
    parked.round++;
    const { parkTime } = this.#limits;
    const requests = Object.fromEntries(
      [...questions].map(([name, { method, params }]) => [name, { method, ...(Object.keys(params).length > 0 && { params }) }]),
    );
    const state = this.#states.parked(exchange, { handle, round: parked.round }, parked.key, parkTime);
    const reply = exchange.sink as RoundReply; // only calls of clients of the modern era come here
    const id = exchange.wireId as Id; // as above
    exchange.reattach(this.#away(parked), id, exchange.client);
    parked.patience = setTimeout(() => this.#abandon(parked), parkTime).unref();
    reply.ask(id, requests, state);
  }

  /** What a call is answered on while its client is away. */
  #away(parked: Parked): RoundReply {
    return {
      send: () => false,
      answer: (response, ...what) => this.#keep(parked, response, (reply, id) => reply.answer({ ...response, id }, ...what)),
      ask: (_, ...round) => this.#keep(parked, round, (reply, id) => reply.ask(id, ...round)),
      end: () => this.#forget(parked),
    };
  }

  #keep(parked: Parked, what: unknown, kept: Parked["kept"]): number {
    const size = JSON.stringify(what).length; // may throw, and then nothing has happened yet
    parked.keptSize = size;
    const all = [...this.#byHandle.values()].reduce((sum, { keptSize }) => sum + keptSize, 0);
    if (all <= this.#limits.clientQueueBytes) parked.kept = kept;
    else {
      parked.keptSize = 0;
      const error = new HostError("payload_too_large", "the answer came before its client did, and was too large to be kept", {
        sent: "yes",
      });
      parked.kept = (reply, id) => reply.answer({ jsonrpc: "2.0", id, error: error.toRpc(parked.exchange.id) });
    }
    return size;
  }

  /** Nobody came back. */
  #abandon(parked: Parked): void {
    const { exchange } = parked;
    const { parkTime } = this.#limits;
    if (exchange.outcome) return this.#forget(parked);
    exchange.cancel(
      new HostError("cancelled", `the client did not come back with its answers within ${parkTime} ms (limits.parkTime)`, {
        sent: exchange.sent,
      }),
    );
  }

  #forget(parked: Parked): void {
    clearTimeout(parked.beat);
    clearTimeout(parked.patience);
    this.#byHandle.delete(parked.handle);
    for (const { reject } of parked.questions.values()) reject(new HostError("client_gone", "the client that was asked is gone"));
    parked.questions.clear();
  }

  /** Goes on with a call under the request that brings its answers. Gives its exchange; undefined when it was answered at once. @throws HostError */
  resume({ request, client, reply, parked: { handle, round }, responses, key }: Retry): HostExchange | undefined {
    const parked = this.#byHandle.get(handle);
    if (!parked?.isAsked || parked.round !== round || parked.key !== key) throw stateInvalid();
    const { exchange, questions, kept } = parked;
    const mismatch = exchange.entry && reply.mismatch?.(exchange.entry, request.params ?? {});
    if (mismatch) throw mismatch;
    clearTimeout(parked.patience);
    parked.isAsked = false;
    if (kept) {
      this.#forget(parked);
      kept(reply, request.id);
      return undefined;
    }
    exchange.reattach(withToken(reply, parked.token, metaOf(request.params)?.progressToken), request.id, client);
    for (const [name, answer] of Object.entries(responses)) {
      const pending = questions.get(name);
      questions.delete(name);
      pending?.resolve(answer);
    }
    // What was left unanswered is asked again.
    if (questions.size > 0) this.#soon(parked);
    return exchange;
  }

  /** A call is over: nothing of it waits any more, unless its answer does. */
  settled(exchange: HostExchange): void {
    const parked = this.#byExchange.get(exchange);
    if (parked && !parked.kept) this.#forget(parked);
  }
}

/** The reply to a later request, on which progress has that one's token. */
function withToken(reply: RoundReply, before: unknown, now: unknown): RoundReply {
  const send = (message: Message): boolean => {
    if (!("method" in message) || message.method !== "notifications/progress" || message.params?.progressToken !== before)
      return reply.send(message);
    return now !== undefined && reply.send({ ...message, params: { ...message.params, progressToken: now } } as Message);
  };
  return {
    send,
    answer: (...answer) => reply.answer(...answer),
    end: () => reply.end(),
    ask: (...round) => reply.ask(...round),
    give: (headers) => reply.give?.(headers) ?? false,
    get http() {
      return reply.http;
    },
  };
}
