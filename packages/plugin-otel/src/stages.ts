import type { Exchange, TraceSpan } from "mcp-host";
import { type Attributes, KIND } from "./span.ts";
import { newId } from "./trace-context.ts";
import type { TracedExchange, TracedExchanges } from "./traced.ts";

/**
 * Stages and taps, as `host.trace` tells them, as spans below those of their requests. The plugin's own taps are not among them: that of
 * `call` stands for the attempt, and has the id of its span.
 */
export class Stages {
  readonly #plugin: string;
  readonly #exchanges: TracedExchanges;
  readonly #ids = new WeakMap<TraceSpan, string>();
  /** Stages of `ask` in which others are asked than the plugin itself. */
  readonly #shared = new WeakSet<TraceSpan>();
  /** The plugin's own tap of `call` that begins: its handler is called next. */
  #begun: TraceSpan | undefined;

  /** @param plugin the plugin's id in its host */
  constructor(plugin: string, exchanges: TracedExchanges) {
    this.#plugin = plugin;
    this.#exchanges = exchanges;
  }

  readonly wants = (exchange: Exchange): boolean => this.#exchanges.of(exchange).call.isSampled;

  readonly listener = (span: TraceSpan, phase: "begin" | "end"): void => {
    const traced = this.#exchanges.of(span.exchange);
    if (phase === "begin") this.#begins(span, traced);
    else this.#ended(span, traced);
  };

  /** Has the span of an attempt stand for the tap that begins it. Gives the id of the span that it is in; undefined where nothing is told. */
  attempt(exchange: Exchange, spanId: string): string | undefined {
    const span = this.#begun;
    if (span?.exchange !== exchange) return undefined;
    this.#begun = undefined;
    this.#ids.set(span, spanId);
    return this.#idOf(span.parent, this.#exchanges.of(exchange));
  }

  #begins(span: TraceSpan, traced: TracedExchange): void {
    if (this.#isWhole(span, traced)) {
      this.#ids.set(span, traced.spanId);
      if (span.parent && !traced.isRemote) traced.parentId = this.#idOf(span.parent, this.#exchanges.of(span.parent.exchange));
    } else if (span.plugin === this.#plugin) {
      if (span.name === "call") this.#begun = span;
    } else if (span.name === "ask" && span.plugin !== undefined && span.parent) this.#shared.add(span.parent);
  }

  #ended(span: TraceSpan, traced: TracedExchange): void {
    const { call } = traced;
    const { name, plugin, start, end = start, did, error, route } = span;
    if (name === "retry") {
      const attributes: Attributes = {
        ...(error !== undefined && { "error.type": error }),
        ...(plugin !== undefined && { "mcp_host.plugin": plugin }),
      };
      traced.happened(this.#idOf(span.parent, traced), { name: "retry", at: call.at(start), attributes });
    }
    if (this.#isWhole(span, traced) || this.#isLeftOut(span)) return;
    const spanId = this.#idOf(span, traced);
    const parentId = this.#idOf(span.parent, traced);
    call.add(() => ({
      context: call.context(spanId),
      parentId,
      isRemote: false,
      name: plugin === undefined ? name : `${name} ${plugin}`,
      kind: KIND.internal,
      start: call.at(start),
      end: call.at(end),
      attributes: {
        "mcp_host.hook": name,
        ...(plugin !== undefined && { "mcp_host.plugin": plugin }),
        ...(did !== undefined && { "mcp_host.did": did }),
        ...(route && { "mcp_host.upstream": route.upstream }),
        ...(error !== undefined && { "error.type": error }),
      },
      failed: error !== undefined,
      links: [],
      events: traced.moments(spanId),
    }));
  }

  /** That of an exchange, and not of a part of it. */
  #isWhole({ parent }: TraceSpan, traced: TracedExchange): boolean {
    return parent === undefined || this.#exchanges.of(parent.exchange) !== traced;
  }

  /** The plugin's own taps; moments; what follows the answer; and the sending, which is what an attempt or a question is about. */
  #isLeftOut(span: TraceSpan): boolean {
    const { name, plugin } = span;
    if (plugin === this.#plugin || name === "retry" || name === "settled") return true;
    return plugin === undefined && (name === "send" || (name === "ask" && !this.#shared.has(span)));
  }

  /** The id of a span; of one that is left out that of what it is in. */
  #idOf(span: TraceSpan | undefined, traced: TracedExchange): string {
    if (!span) return traced.spanId;
    const known = this.#ids.get(span);
    if (known !== undefined) return known;
    if (this.#isWhole(span, traced)) return traced.spanId;
    if (this.#isLeftOut(span)) return this.#idOf(span.parent, traced);
    const made = newId(8);
    this.#ids.set(span, made);
    return made;
  }
}
