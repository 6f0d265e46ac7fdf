import type { Ask, Exchange, Handler, Json, UpstreamFacts } from "mcp-host";
import type { Addresses } from "./addresses.ts";
import { attemptAttributes, type Failure, failureOf, listedName, nativeName, requestAttributes, spanName } from "./conventions.ts";
import type { ContextSettings, TraceSettings } from "./options.ts";
import { type FinishedSpan, KIND, type Kind } from "./span.ts";
import type { Stages } from "./stages.ts";
import { metaOf, newId, type TraceContext } from "./trace-context.ts";
import type { TracedExchange, TracedExchanges } from "./traced.ts";

/** An attempt that has begun. */
export interface Attempt {
  readonly traced: TracedExchange;
  readonly spanId: string;
  readonly parentId: string;
  readonly start: number;
  /** What the server calls it. */
  readonly name: string | undefined;
  /** No question is about it any more. */
  readonly over: () => void;
}

export interface TracingOptions {
  readonly settings: TraceSettings;
  readonly context: ContextSettings;
  readonly exchanges: TracedExchanges;
  readonly addresses: Addresses;
  /** Undefined where they are not told. */
  readonly stages: Stages | undefined;
}

/** Makes spans of requests, attempts and questions. */
export class Tracing {
  readonly #settings: TraceSettings;
  readonly #context: ContextSettings;
  readonly #exchanges: TracedExchanges;
  readonly #addresses: Addresses;
  readonly #stages: Stages | undefined;

  constructor({ settings, context, exchanges, addresses, stages }: TracingOptions) {
    this.#addresses = addresses;
    this.#settings = settings;
    this.#context = context;
    this.#exchanges = exchanges;
    this.#stages = stages;
  }

  /** An attempt begins. */
  begin(exchange: Exchange, { key }: UpstreamFacts): Attempt {
    const traced = this.#exchanges.of(exchange);
    const spanId = newId(8);
    const parentId = this.#stages?.attempt(exchange, spanId) ?? traced.spanId;
    traced.attempt = spanId;
    const over = this.#exchanges.attempt(exchange, key, { traced, spanId });
    return { traced, spanId, parentId, start: performance.now(), name: nativeName(exchange), over };
  }

  /** Sends an attempt, with its context where its server is told. */
  send(exchange: Exchange, { traced, spanId }: Attempt, { key, wire }: UpstreamFacts, next: Handler): Promise<Readonly<Json>> {
    const { out } = this.#context;
    const isTold = wire !== "plugin" && (out === true || (Array.isArray(out) && out.includes(key)));
    return isTold ? exchange.withMeta(metaOf(traced.call.context(spanId), exchange.params._meta), next) : next(exchange);
  }

  /** An attempt is over. */
  end(
    exchange: Exchange,
    { traced, spanId, parentId, start, name, over }: Attempt,
    upstream: UpstreamFacts,
    failure: Failure | undefined,
    end: number,
  ): void {
    const { call } = traced;
    over();
    if (traced.attempt === spanId) traced.attempt = undefined;
    if (failure && !failure.isCancelled) call.hasFailed = true;
    call.add(() => ({
      context: call.context(spanId),
      parentId,
      isRemote: false,
      name: spanName(exchange, name),
      kind: upstream.wire === "plugin" ? KIND.internal : KIND.client,
      start: call.at(start),
      end: call.at(end),
      attributes: { ...attemptAttributes(exchange, upstream, name, failure), ...this.#addresses.of(upstream.key) },
      ...endOf(failure),
      links: [],
      events: traced.moments(spanId),
    }));
  }

  /** A question goes to the client, who is told its context. */
  ask(request: Ask, exchange: Exchange): Ask {
    const traced = this.#exchanges.of(exchange);
    const question = { spanId: newId(8), start: performance.now() };
    traced.question = question;
    if (exchange.parent) this.#exchanges.of(exchange.parent).open.add(exchange);
    const was = (request.params as Json)._meta as Json | undefined;
    const meta = { ...was, ...metaOf(traced.call.context(question.spanId), was) };
    const told = Object.fromEntries(Object.entries(meta).filter(([, value]) => value !== undefined));
    return { ...request, params: { ...request.params, _meta: told } } as Ask; // another of the same method
  }

  /** An exchange is over. @returns whether its trace is told; undefined while that is open */
  settled(exchange: Exchange): { readonly traced: TracedExchange; readonly isTold: boolean | undefined } {
    const traced = this.#exchanges.of(exchange);
    const { call } = traced;
    if (exchange.parent) this.#exchanges.of(exchange.parent).open.delete(exchange);
    // In the modern era questions go out as the result, and their answers come with the next request.
    for (const question of traced.open) this.#add(question, this.#exchanges.of(question), exchange.timings.end);
    traced.open.clear();
    this.#add(exchange, traced, exchange.timings.end);
    const failure = failureOf(exchange.outcome);
    if (failure && !failure.isCancelled) call.hasFailed = true;
    if (traced.isFirst) call.decide(this.#isTold(exchange, call.hasFailed));
    return { traced, isTold: call.isTold };
  }

  #isTold({ timings: { start, end = performance.now() } }: Exchange, hasFailed: boolean): boolean {
    const { errors, slow } = this.#settings;
    return (errors && hasFailed) || (slow !== false && end - start >= slow);
  }

  /** The spans of a whole exchange, and of asking the client if it is a question. */
  #add(exchange: Exchange, traced: TracedExchange, end = performance.now()): void {
    const { call, question } = traced;
    const { start } = exchange.timings;
    const failure = failureOf(exchange.outcome);
    const span = (context: TraceContext, parentId: string | undefined, kind: Kind, from: number): FinishedSpan => ({
      context,
      parentId,
      isRemote: traced.isRemote && context.spanId === traced.spanId,
      name: spanName(exchange, listedName(exchange)),
      kind,
      start: call.at(from),
      end: call.at(end),
      attributes: requestAttributes(exchange, call.traceId, this.#settings),
      ...endOf(failure),
      links: context.spanId === traced.spanId ? traced.links : [],
      events: traced.moments(context.spanId),
    });
    // What a plugin asks comes from nowhere else.
    const kind = exchange.plugin === undefined && !(exchange.parent && !exchange.isQuestion) ? KIND.server : KIND.internal;
    call.add(() => span(call.context(traced.spanId), traced.parentId, kind, start));
    if (question) call.add(() => span(call.context(question.spanId), traced.spanId, KIND.client, question.start));
  }
}

function endOf(failure: Failure | undefined): Pick<FinishedSpan, "failed"> {
  if (!failure || failure.isCancelled) return { failed: false };
  return { failed: failure.words ?? true };
}
