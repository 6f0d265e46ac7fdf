import { type Clock, type Exchange, type Json, outcomeName, redactText, type TraceFacts } from "mcp-host";

/** One request of a client that is over. */
export interface Call extends TraceFacts {
  /** When it began. */
  readonly time: string;
  readonly ms: number;
}

/** UTF-16 units of a name that a client or a server chose. */
const NAME = 256;

/** A request as it is kept: what is shown of it is made when somebody looks. */
interface Kept {
  readonly id: string;
  /** In milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
  readonly method: string;
  readonly entry: string | undefined;
  readonly upstream: string | undefined;
  readonly principal: string;
  readonly client: unknown;
  readonly outcome: string;
  trace: Json | undefined;
}

/** The newest requests of clients, with what became of them where that is traced. A ring: the hot path only puts one in the place of the oldest. */
export class Calls {
  #ring: Kept[] = [];
  /** Where the next one is put: behind the newest. */
  #next = 0;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  #most: number;

  constructor(most: number, clock: Pick<Clock, "now" | "monotonic">) {
    this.#most = most;
    this.#clock = clock;
  }

  get size(): number {
    return this.#ring.length;
  }

  /** How many are kept from now on. */
  keep(most: number): void {
    if (most === this.#most) return;
    this.#ring = most === 0 ? [] : [...this.#newestFirst()].slice(0, most).reverse();
    this.#most = most;
    this.#next = most === 0 ? 0 : this.#ring.length % most;
  }

  settled(exchange: Exchange): void {
    if (this.#most === 0 || exchange.parent) return; // what plugins and servers ask is in the trace of its request
    const { id, timings, method, entry, route, caller, outcome } = exchange;
    if (!outcome) return; // only what is over is told of
    const now = this.#clock.monotonic();
    this.#ring[this.#next] = {
      id,
      at: this.#clock.now() - (now - timings.start),
      ms: (timings.end ?? now) - timings.start,
      method,
      entry: entry?.name,
      upstream: route?.upstream,
      principal: caller.principal.id,
      client: caller.client.info.name,
      outcome: outcomeName(outcome),
      trace: undefined,
    };
    this.#next = (this.#next + 1) % this.#most;
  }

  /** @param line a record of the host's trace */
  traced(line: string): void {
    const record = JSON.parse(line) as Json; // the host wrote it
    const kept = this.#find(record.id);
    if (kept) kept.trace = record;
  }

  /** The newest first. */
  *all(): Iterable<Call> {
    for (const kept of [...this.#newestFirst()]) yield shown(kept);
  }

  get(id: string): { readonly call: Call; readonly trace: Json | undefined } | undefined {
    const kept = this.#find(id);
    return kept && { call: shown(kept), trace: kept.trace };
  }

  #find(id: unknown): Kept | undefined {
    for (const kept of this.#newestFirst()) if (kept.id === id) return kept;
    return undefined;
  }

  *#newestFirst(): Iterable<Kept> {
    const { length } = this.#ring;
    for (let back = 1; back <= length; back++) yield this.#ring[(this.#next - back + length) % length] as Kept; // as many as there are
  }
}

function shown({ id, at, ms, method, entry, upstream, principal, client, outcome }: Kept): Call {
  return {
    id,
    time: new Date(at).toISOString(),
    ms: Math.round(ms * 1_000) / 1_000,
    method: brief(method),
    ...(entry !== undefined && { entry: brief(entry) }),
    ...(upstream !== undefined && { upstream }),
    principal: brief(principal),
    client: brief(client),
    outcome,
  };
}

function brief(text: unknown): string {
  return redactText(String(text).slice(0, NAME));
}
