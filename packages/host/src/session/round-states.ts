import { randomBytes } from "node:crypto";
import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { type Asks, type Brought, stateInvalid } from "../exchange/round.ts";
import { isObject, type Json, type Request } from "../wire/message.ts";
import { digestOf, Seal } from "../wire/sealed-state.ts";

/** How long a person may take to answer. */
const LIFE = 600_000;

/** Which round of which waiting call the answers are for. */
export interface ParkedRound {
  readonly handle: string;
  readonly round: number;
}

/** What a client is given with the questions of a round and brings back with its answers (`requestState`): sealed for it and for its request. */
export class RoundStates {
  readonly #seal: Seal;
  /** Of this host among those that share its keys: what waits here waits nowhere else. */
  readonly #instance = randomBytes(8).toString("hex");

  /** @param secrets of all hosts that serve as one, the newest first */
  constructor(secrets: readonly string[]) {
    this.#seal = new Seal(secrets);
  }

  /** For an upstream that has answered, and knows the call again by its own state. @param key who the client is */
  relayed({ method, original, round }: HostExchange, { isRelayed, upstream, native, state, requests, answers }: Asks, key: string): string {
    const asked = Object.entries(requests).map(([name, question]) => [name, question.method]);
    const kept = { k: isRelayed ? "relay" : "again", u: upstream, v: native, s: state, q: Object.fromEntries(asked), a: answers };
    return this.#seal.seal({ ...kept, n: round + 1, d: digest(method, original), x: Date.now() + LIFE }, key);
  }

  /** For a call that waits in this host. @param life milliseconds */
  parked({ method, original }: HostExchange, { handle, round }: ParkedRound, key: string, life: number): string {
    const kept = { k: "park", h: handle, n: round, i: this.#instance };
    return this.#seal.seal({ ...kept, d: digest(method, original), x: Date.now() + life }, key);
  }

  /** What a client brings back. @throws HostError `state_invalid` unless it was given that for this request */
  open(state: unknown, key: string, { method, params = {} }: Request): Brought | ParkedRound {
    const opened = typeof state === "string" ? this.#seal.open(state, key) : undefined;
    if (!opened || !(Number(opened.x) > Date.now()) || opened.d !== digest(method, params)) throw stateInvalid();
    const { k, u, v, s, q, a, n, h, i } = opened as {
      k: unknown;
      u: string;
      v: string;
      s?: string;
      q: Record<string, string>;
      a: Json;
    } & Json; // as was sealed
    if (k !== "park") {
      const isRelayed = k === "relay";
      const round = { from: { upstream: u, native: v }, asked: q, number: Number(n) };
      return { ...round, ...(isRelayed && { inputResponses: a }), ...(isRelayed && s !== undefined && { requestState: s }) };
    }
    if (i === this.#instance) return { handle: String(h), round: Number(n) };
    throw new HostError(
      "state_invalid",
      "the call waits in another instance of the host, or in one that was started anew; send the request again without the requestState (behind a load balancer keep a client's requests on one instance, or use servers of MCP 2026-07-28)",
    );
  }
}

/** What a client brings with its answers: those to what it was asked, and those that plugins gave. */
export function answered(brought: Brought, responses: Readonly<Record<string, Json>>): Brought {
  if (!brought.inputResponses) return brought; // they were for the person alone
  const own = Object.entries(responses).filter(([name]) => Object.hasOwn(brought.asked, name));
  return { ...brought, inputResponses: { ...Object.fromEntries(own), ...brought.inputResponses } };
}

/** Answers to what nobody asked, as a client may know them beforehand. */
export function unasked(responses: Json): Brought {
  return { from: undefined, asked: {}, number: 1, inputResponses: responses };
}

/** The results that answer a round, by the names of its questions. @throws HostError */
export function responsesIn(given: unknown): Record<string, Json> {
  if (given === undefined) return {};
  if (!isObject(given) || !Object.values(given).every(isObject))
    throw new HostError("invalid_params", "params.inputResponses must be an object whose values are the results");
  return given as Record<string, Json>; // as was checked
}

function digest(method: string, { _meta: _, ...params }: Readonly<Json>): string {
  return digestOf([method, params]);
}
