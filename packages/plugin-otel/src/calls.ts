import type { Exchange, Handler, Json, PluginHost, UpstreamFacts } from "mcp-host";
import { Addresses } from "./addresses.ts";
import { type Failure, failureOfAttempt, nativeName } from "./conventions.ts";
import type { Figures } from "./figures.ts";
import type { Exemplar } from "./metric-figures.ts";
import type { Options, TraceSettings } from "./options.ts";
import { Stages } from "./stages.ts";
import type { TracedCall, TracedExchanges } from "./traced.ts";
import { Tracing } from "./tracing.ts";

/** Taps what is told of requests. */
export function tapCalls(host: PluginHost, options: Options, exchanges: TracedExchanges | undefined, figures: Figures | undefined): void {
  const { traces, context } = options;
  if (exchanges && traces) {
    const tracing = traced(host, options, traces, exchanges);
    host.hooks.call.for("*").tap("otel", aroundTraced(tracing, traces, figures));
    // What goes to nobody else changes no question.
    if (context.questions) host.hooks.ask.tap("otel", (request, exchange) => tracing.ask(request, exchange));
    host.hooks.settled.tap("otel", (exchange) => {
      const { traced: of, isTold } = tracing.settled(exchange);
      figures?.settled(exchange, isTold ? exemplarOf(of.call, of.spanId) : undefined);
    });
  } else if (figures) {
    host.hooks.call.for("*").tap("otel", around(figures));
    host.hooks.settled.tap("otel", (exchange) => figures.settled(exchange, undefined));
  }
}

function traced(host: PluginHost, { context }: Options, settings: TraceSettings, exchanges: TracedExchanges): Tracing {
  if (context.in !== "ignore") host.keepHeaders("traceparent", "tracestate");
  const stages = settings.stages ? new Stages(host.id, exchanges) : undefined;
  if (stages) host.trace(stages.listener, { only: stages.wants });
  return new Tracing({ settings, context, exchanges, addresses: new Addresses(host), stages });
}

/** Each attempt as a span, and measured. */
function aroundTraced(tracing: Tracing, settings: TraceSettings, figures: Figures | undefined) {
  return (next: Handler, upstream: UpstreamFacts): Handler =>
    (exchange) => {
      const attempt = tracing.begin(exchange, upstream);
      const over = (failure: Failure | undefined): void => {
        const end = performance.now();
        tracing.end(exchange, attempt, upstream, failure, end);
        const took = end - attempt.start;
        const { call } = attempt.traced;
        const isTold = call.isTold ?? ((settings.errors && call.hasFailed) || (settings.slow !== false && took >= settings.slow));
        figures?.attempted(exchange, attempt.name, upstream, failure, took, isTold ? exemplarOf(call, attempt.spanId) : undefined);
      };
      return finished(tracing.send(exchange, attempt, upstream, next), over);
    };
}

/** Each attempt measured. */
function around(figures: Figures) {
  return (next: Handler, upstream: UpstreamFacts): Handler =>
    (exchange: Exchange) => {
      const start = performance.now();
      const name = nativeName(exchange);
      return finished(next(exchange), (failure) =>
        figures.attempted(exchange, name, upstream, failure, performance.now() - start, undefined),
      );
    };
}

function finished(sent: Promise<Json>, over: (failure: Failure | undefined) => void): Promise<Json> {
  return sent.then(
    (result) => {
      over(failureOfAttempt(result, undefined));
      return result;
    },
    (error: unknown) => {
      over(failureOfAttempt(undefined, error));
      throw error;
    },
  );
}

function exemplarOf({ traceId }: TracedCall, spanId: string): (value: number) => Exemplar {
  return (value) => ({ value, at: Date.now(), traceId, spanId });
}
