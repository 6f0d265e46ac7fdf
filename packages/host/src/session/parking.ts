import { randomBytes } from "node:crypto";
import { HostError, type RpcError } from "../errors.ts";
import type { ClientFacts } from "../exchange/caller.ts";
import type { Reply } from "../exchange/course.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Limits } from "../wire/limits.ts";
import { type Id, isObject, type Json, type Message, metaOf, type Request, type Response } from "../wire/message.ts";
import { modernQuestion } from "../wire/modern.ts";
import { digestOf, Seal } from "../wire/sealed-state.ts";
import type { Question } from "./questions.ts";

/** Key in the `_meta` of a legacy server's question: the name that it has in `inputRequests`. */
const NAME_KEY = "io.mcp-host/name";
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;
/** Questions that come so close together are asked together. */
const BEAT = 10;

/** How a front takes the answers to a request that may be answered in rounds. */
export interface RoundReply extends Reply {
  /** Answers that the client has something to answer first, and then is to ask again with the state. */
  ask(id: Id, inputRequests: Json, requestState: string): void;
}

/** What a client that asks again brings. */
export interface Retry {
  readonly request: Request;
  readonly client: ClientFacts;
  readonly reply: RoundReply;
  readonly state: unknown;
  readonly responses: unknown;
  /** Who it is, and for which clients the same may be kept. */
  readonly key: string;
}

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
  readonly digest: string;
  /** What is asked, by key, until it is answered. */
  readonly questions: Map<string, Pending>;
  readonly token: unknown;
  round: number;
  lastQuestion: number;
  /** Its client has been asked and has not come back. */
  isAsked: boolean;
  /** What the upstream answered while nobody was there to be told. */
  kept: Response | undefined;
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
  readonly #limits: Pick<Limits, "parked" | "parkedPerCaller" | "parkTime" | "clientQueueBytes">;
  readonly #seal = new Seal();
  readonly #byHandle = new Map<string, Parked>();
  readonly #byExchange = new WeakMap<HostExchange, Parked>();

  constructor(limits: Pick<Limits, "parked" | "parkedPerCaller" | "parkTime" | "clientQueueBytes">) {
    this.#limits = limits;
  }

  /** How many calls wait for their clients. */
  get size(): number {
    return this.#byHandle.size;
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
    const given = metaOf(params as Json)?.[NAME_KEY];
    if (typeof given === "string" && NAME.test(given) && !parked.questions.has(given)) return given;
    return `q${++parked.lastQuestion}`;
  }

  #make(exchange: HostExchange, key: string): Parked {
    const { parked: most, parkedPerCaller } = this.#limits;
    const own = [...this.#byHandle.values()].filter((each) => each.key === key).length;
    const isShared = exchange.principal.id === "anonymous"; // nobody can tell those apart
    if (this.#byHandle.size >= most || (!isShared && own >= parkedPerCaller))
      throw new HostError("overloaded", "too many calls wait for answers of clients already");
    const parked: Parked = {
      exchange,
      key,
      handle: randomBytes(16).toString("hex"),
      digest: digestOf([exchange.method, bare(exchange.original)]),
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
    const state = this.#seal.seal({ k: "park", h: handle, n: parked.round, x: Date.now() + parkTime }, parked.key);
    const reply = exchange.sink as RoundReply; // only calls of clients of the modern era come here
    const id = exchange.wireId as Id; // as above
    exchange.reattach(this.#away(parked), id, exchange.client);
    parked.patience = setTimeout(() => this.#abandon(parked), parkTime).unref();
    reply.ask(id, requests, state);
  }

  /** What a call is answered on while its client is away. */
  #away(parked: Parked): Reply {
    const { exchange } = parked;
    return {
      send: () => false,
      answer: (response) => {
        const size = JSON.stringify(response).length; // may throw, and then nothing has happened yet
        parked.keptSize = size;
        const all = [...this.#byHandle.values()].reduce((sum, { keptSize }) => sum + keptSize, 0);
        const isTooMuch = all > this.#limits.clientQueueBytes;
        if (isTooMuch) parked.keptSize = 0;
        parked.kept = isTooMuch ? { jsonrpc: "2.0", id: response.id, error: tooMuch(exchange.id) } : response;
        return size;
      },
      end: () => this.#forget(parked),
    };
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
  resume({ request, client, reply, state, responses, key }: Retry): HostExchange | undefined {
    const parked = this.#opened(state, key, request);
    const { exchange, questions } = parked;
    const answers = answersIn(responses);
    clearTimeout(parked.patience);
    parked.isAsked = false;
    if (parked.kept) {
      this.#forget(parked);
      reply.answer({ ...parked.kept, id: request.id }, undefined, exchange.resultKind);
      return undefined;
    }
    exchange.reattach(withToken(reply, parked.token, metaOf(request.params)?.progressToken), request.id, client);
    for (const [name, answer] of Object.entries(answers)) {
      const pending = questions.get(name);
      questions.delete(name);
      pending?.resolve(answer);
    }
    // What was left unanswered is asked again.
    if (questions.size > 0) this.#soon(parked);
    return exchange;
  }

  #opened(state: unknown, key: string, { method, params }: Request): Parked {
    const opened = typeof state === "string" ? this.#seal.open(state, key) : undefined;
    const parked = opened && opened.k === "park" && Number(opened.x) > Date.now() ? this.#byHandle.get(String(opened.h)) : undefined;
    const isCurrent = parked?.isAsked === true && parked.round === opened?.n && parked.key === key;
    // The same words for whatever is wrong with it.
    if (!parked || !isCurrent || parked.digest !== digestOf([method, bare(params ?? {})]))
      throw new HostError(
        "state_invalid",
        "the requestState is not valid for this request, or not any more; send the request again without it",
      );
    return parked;
  }

  /** A call is over: nothing of it waits any more, unless its answer does. */
  settled(exchange: HostExchange): void {
    const parked = this.#byExchange.get(exchange);
    if (parked && !parked.kept) this.#forget(parked);
  }
}

function tooMuch(requestId: string): RpcError {
  return new HostError("payload_too_large", "the answer came before its client did, and was too large to be kept", { sent: "yes" }).toRpc(
    requestId,
  );
}

function bare({ _meta, ...params }: Readonly<Json>): Json {
  return params;
}

/** @throws HostError */
function answersIn(responses: unknown): Record<string, Json> {
  if (responses === undefined) return {};
  if (!isObject(responses) || !Object.values(responses).every(isObject))
    throw new HostError("invalid_params", "params.inputResponses must be an object whose values are the results");
  return responses as Record<string, Json>; // as was checked
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
    get http() {
      return reply.http;
    },
  };
}
