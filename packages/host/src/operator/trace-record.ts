import type { Exchange } from "../exchange/exchange.ts";
import { changeOf, type TraceDeed, type TraceListener, type TraceSpan } from "../exchange/trace.ts";
import { briefText } from "../redact.ts";
import { outcomeName } from "../session/session.ts";
import { editsOf, type TraceEdit } from "./trace-changes.ts";

/** Who asked for what, and what came of it. */
export interface TraceFacts {
  /** The correlation id. */
  readonly id: string;
  readonly method: string;
  /** The exposed name of what it named. */
  readonly entry?: string;
  readonly upstream?: string;
  readonly principal: string;
  /** The name of the client's program. */
  readonly client: string;
  /** `ok`, `tool_error`, `cancelled`, the type of an error of the host's, or `error` with the code of an upstream's. */
  readonly outcome: string;
}

/** One request that is over, with all that became of it on its way. */
export interface TraceRecord extends TraceFacts {
  /** When it began. */
  readonly time: string;
  readonly ms: number;
  readonly spans: readonly TraceNode[];
  /** Parts that are not in the record, which holds so many at most. */
  readonly leftOut?: number;
}

/** A part of its way. */
export interface TraceNode {
  readonly name: string;
  readonly plugin?: string;
  /** Milliseconds after the request began. */
  readonly at: number;
  /** How long it took; missing where it was still at work when the request was over. */
  readonly ms?: number;
  readonly did?: TraceDeed;
  readonly error?: string;
  /** Where a route leads, or what is sent goes. */
  readonly route?: { readonly upstream: string; readonly native?: string };
  /** What a request of a plugin's own, or a question, names. */
  readonly entry?: string;
  readonly changes?: readonly TraceEdit[];
  /** There may be more changes than these. */
  readonly cut?: true;
  readonly spans?: readonly TraceNode[];
}

/** Requests that are followed at once, parts of each that are kept, and UTF-16 units of a record beyond which no changes are. */
const OPEN = 1_000;
const SPANS = 500;
const CHANGES = 64 * 1024;
/** UTF-16 units of a name. */
const NAME = 256;

/** A request that is followed. */
interface Open {
  readonly whole: TraceSpan;
  /** In the order in which they began, the whole first. */
  readonly spans: TraceSpan[];
  leftOut: number;
}

/** Makes a record of each request that is over. */
export class TraceRecorder {
  readonly #wants: (facts: TraceFacts) => boolean;
  readonly #finished: (record: TraceRecord) => void;
  readonly #open = new Set<Open>();
  readonly #of = new WeakMap<TraceSpan, Open>();

  /** @param wants whether a record of such a request is to be made */
  constructor(wants: (facts: TraceFacts) => boolean, finished: (record: TraceRecord) => void) {
    this.#wants = wants;
    this.#finished = finished;
  }

  /** For `host.trace`. */
  readonly listener: TraceListener = (span, phase) => {
    if (phase === "begin") this.#begun(span);
    else if (span.parent === undefined) this.#ended(span);
  };

  #begun(span: TraceSpan): void {
    if (span.parent === undefined) {
      if (this.#open.size >= OPEN) return;
      const open: Open = { whole: span, spans: [span], leftOut: 0 };
      this.#open.add(open);
      this.#of.set(span, open);
      return;
    }
    const open = this.#of.get(span.parent);
    if (!open || !this.#open.has(open)) return; // begun before anybody listened, or over
    this.#of.set(span, open);
    if (open.spans.length <= SPANS) open.spans.push(span);
    else open.leftOut++;
  }

  #ended(whole: TraceSpan): void {
    const open = this.#of.get(whole);
    if (!open || !this.#open.delete(open)) return;
    const facts = factsOf(whole.exchange);
    if (this.#wants(facts)) this.#finished(recordOf(open, facts));
  }
}

function factsOf(exchange: Exchange): TraceFacts {
  const { id, method, entry, route, caller, outcome } = exchange;
  return {
    id,
    method: name(method),
    ...(entry && { entry: name(entry.name) }),
    ...(route && { upstream: route.upstream }),
    principal: name(caller.principal.id),
    client: name(caller.client.info.name),
    outcome: outcome ? outcomeName(outcome) : "unknown",
  };
}

function recordOf({ whole, spans, leftOut }: Open, facts: TraceFacts): TraceRecord {
  const { start, end = performance.now() } = whole;
  const within = new Map<TraceSpan | undefined, TraceSpan[]>(spans.map((span) => [span, []]));
  for (const span of spans) within.get(span.parent)?.push(span);
  let characters = CHANGES;
  const changesOf = (span: TraceSpan): Pick<TraceNode, "did" | "changes" | "cut"> => {
    const change = span.did === "changed" ? changeOf(span) : undefined;
    if (!change) return span.did ? { did: span.did } : {};
    if (characters <= 0) return { did: span.did, cut: true };
    const { edits, isCut } = editsOf(change.before, change.after);
    characters -= JSON.stringify(edits).length;
    // Another object that holds the same is no change to whoever reads this.
    return edits.length === 0 && !isCut
      ? {}
      : { did: span.did, ...(edits.length > 0 && { changes: edits }), ...(isCut && { cut: true as const }) };
  };
  const nodeOf = (span: TraceSpan): TraceNode => {
    const { exchange, plugin, error, route } = span;
    const isWhole = span.parent?.exchange !== exchange && span.name === exchange.method;
    const parts = (within.get(span) ?? []).map(nodeOf);
    return {
      name: name(span.name),
      ...(isWhole && exchange.entry && { entry: name(exchange.entry.name) }),
      ...(plugin !== undefined && { plugin }),
      at: round(span.start - start),
      ...(span.end !== undefined && { ms: round(span.end - span.start) }),
      ...changesOf(span),
      ...(error !== undefined && { error }),
      ...(route && { route }),
      ...(parts.length > 0 && { spans: parts }),
    };
  };
  const time = new Date(Date.now() - (performance.now() - start)).toISOString();
  const parts = (within.get(whole) ?? []).map(nodeOf);
  return { time, ...facts, ms: round(end - start), spans: parts, ...(leftOut > 0 && { leftOut }) };
}

/** Clients and servers choose names. */
function name(text: unknown): string {
  return briefText(String(text), NAME);
}

/** To a microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
