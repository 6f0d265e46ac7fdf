import { HostExchange } from "../exchange/host-exchange.ts";
import { type Asks, type InputRequests, isRoundOfClient } from "../exchange/round.ts";
import type { Tracer } from "../exchange/tracer.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Connection } from "../upstream/connection.ts";
import { failure, incapable } from "../upstream/failure.ts";
import { isObject, type Json } from "../wire/message.ts";
import { PeerError } from "../wire/peer-error.ts";
import { lacks } from "./client-abilities.ts";

/** A server that asks more often asks for ever. */
const ROUNDS = 10;
/** Code of a legacy server for a page that the person must have been at first (2025-11-25, client/elicitation). */
const URL_REQUIRED = -32042;
/** Pages that one error may ask for. */
const PAGES = 20;

export interface ClientRoundsOptions {
  readonly hooks: SealedHooks;
  readonly tracer: Tracer;
  /** Told of each question when it is over. */
  readonly settled: (exchange: HostExchange) => void;
}

/**
 * Questions in the answers to requests of clients of the modern era, who send them again with their answers: the upstream's
 * pass `ask` on their way out, the client's answers `answer` on their way in. Nothing is kept meanwhile.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export class ClientRounds {
  readonly #options: ClientRoundsOptions;

  constructor(options: ClientRoundsOptions) {
    this.#options = options;
  }

  /** Takes what an upstream of the modern era asks, its shape checked already. Gives the result that plugins see. @throws HostError */
  asked(exchange: HostExchange, { facts }: Connection, { inputRequests, requestState }: Json): Json {
    return begin(exchange, facts.key, inputRequests as InputRequests, true, requestState as string | undefined); // as was checked
  }

  /** Takes the pages that a legacy server wants visited before it is called again; undefined where an error is none of that. @throws HostError */
  visits(exchange: HostExchange, { facts }: Connection, error: unknown): Json | undefined {
    if (!(error instanceof PeerError) || error.rpc.code !== URL_REQUIRED || !isRoundOfClient(exchange)) return undefined;
    const { data } = error.rpc;
    const listed: readonly unknown[] = isObject(data) && Array.isArray(data.elicitations) ? data.elicitations.slice(0, PAGES) : [];
    const pages = listed.flatMap((each) => (isObject(each) && typeof each.url === "string" ? [each] : []));
    if (pages.length === 0)
      throw failure(facts.key, "upstream_protocol", "wants a page to be visited (-32042) and does not say which", "yes", error);
    const requests = pages.map(({ url, message }, index): [string, InputRequests[string]] => [
      `page${index + 1}`,
      { method: "elicitation/create", params: { mode: "url", url, message: typeof message === "string" ? message : "" } },
    ]);
    return begin(exchange, facts.key, Object.fromEntries(requests), false, undefined);
  }

  /** Shows plugins what is asked; gives the result with what is left for the client, or undefined where nothing is. Rejects where one of them refuses. */
  async ask(exchange: HostExchange, asks: Asks): Promise<Json | undefined> {
    const { hooks } = this.#options;
    if (!hooks.ask) return { inputRequests: asks.requests };
    const requests: Record<string, InputRequests[string]> = {};
    const answers: Json = {};
    for (const [key, { method, params = {} }] of Object.entries(asks.requests)) {
      const question = this.#question(exchange, asks.upstream, method, params);
      const shown = await this.#through(question, "ask", () => hooks.ask?.({ method, params }, question));
      if (shown && "answer" in shown) {
        answers[key] = shown.answer;
        question.settle({ result: shown.answer }, this.#options.settled.bind(undefined, question));
      } else requests[key] = shown ? { method, ...(Object.keys(shown.params).length > 0 && { params: shown.params as Json }) } : { method };
    }
    exchange.asks = { ...asks, requests, answers };
    return Object.keys(requests).length > 0 ? { inputRequests: requests } : undefined;
  }

  /** What plugins answered is all that was asked: the request is the next of itself. */
  goOn(exchange: HostExchange, { upstream, native, state, answers, isRelayed }: Asks): void {
    exchange.brought = {
      from: { upstream, native },
      asked: {},
      number: exchange.round + 1,
      ...(isRelayed && { inputResponses: answers }),
      ...(isRelayed && state !== undefined && { requestState: state }),
    };
    exchange.asks = undefined;
    exchange.resultKind = "complete";
    exchange.unclaim();
  }

  /** Shows plugins what the client answers, before it is sent. */
  async answer(exchange: HostExchange): Promise<void> {
    const { brought } = exchange;
    if (!brought?.inputResponses) return;
    const { hooks, settled } = this.#options;
    // Of what nobody asked, no plugin has seen the question.
    if (!brought.from && (hooks.ask || hooks.answer)) {
      exchange.brought = undefined;
      return;
    }
    const responses = { ...brought.inputResponses };
    for (const [key, method] of Object.entries(brought.asked)) {
      const given = responses[key] as Json | undefined;
      if (!given) continue;
      const question = this.#question(exchange, String(brought.from?.upstream), method, {});
      question.sent = "yes";
      const result = (await this.#through(question, "answer", () => hooks.answer?.(given, question))) ?? given;
      responses[key] = result;
      question.settle({ result: result as Json }, () => {});
      settled(question);
    }
    exchange.brought = { ...brought, inputResponses: responses };
  }

  async #through<T>(question: HostExchange, stage: "ask" | "answer", taps: () => Promise<T> | undefined): Promise<T | undefined> {
    const span = question.trace?.begin(stage);
    try {
      const given = await taps();
      span?.finish();
      return given;
    } catch (cause) {
      question.trace?.unwind(cause);
      question.settle(question.outcomeOf(cause), () => {});
      this.#options.settled(question);
      throw cause;
    }
  }

  #question(parent: HostExchange, upstream: string, method: string, params: Json): HostExchange {
    const question = new HostExchange({ method, params, caller: parent.caller, sink: undefined, isQuestion: true, parent });
    question.route = { upstream };
    this.#options.tracer.trace(question);
    return question;
  }
}

function begin(exchange: HostExchange, upstream: string, requests: InputRequests, isRelayed: boolean, state: string | undefined): Json {
  if (exchange.round >= ROUNDS) throw failure(upstream, "upstream_protocol", `asked more than ${ROUNDS} times before its answer`, "yes");
  for (const request of Object.values(requests)) {
    const [name, part] = lacks(exchange.caller.capabilities, request)?.split(".") ?? [];
    if (name !== undefined) throw incapable(upstream, { [name]: part === undefined ? {} : { [part]: {} } });
  }
  exchange.asked = true;
  exchange.resultKind = "input_required";
  const native = exchange.route?.native ?? exchange.called?.native ?? "";
  exchange.asks = { isRelayed, upstream, native, state, requests, answers: {} };
  return { inputRequests: requests };
}
