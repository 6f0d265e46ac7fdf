import { type Exchange, type Json, redactText } from "mcp-host";

/** One request of a client that is over. */
export interface Call {
  readonly id: string;
  /** When it began. */
  readonly time: string;
  readonly ms: number;
  readonly method: string;
  readonly entry?: string;
  readonly upstream?: string;
  readonly principal: string;
  readonly client: string;
  /** `ok`, `tool_error`, `cancelled`, the type of an error of the host's, or `error` with the code of a server's own. */
  readonly outcome: string;
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

/** The newest requests of clients, with what became of them where that is traced. */
export class Calls {
  readonly #kept = new Map<string, Kept>();
  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** How many are kept from now on. */
  keep(most: number): void {
    this.#most = most;
    this.#trim();
  }

  settled(exchange: Exchange): void {
    if (this.#most === 0 || exchange.parent) return; // what plugins and servers ask is in the trace of its request
    const { id, timings, method, entry, route, caller } = exchange;
    const now = performance.now();
    const ms = (timings.end ?? now) - timings.start;
    this.#kept.set(id, {
      id,
      at: Date.now() - (now - timings.start),
      ms,
      method,
      entry: entry?.name,
      upstream: route?.upstream,
      principal: caller.principal.id,
      client: caller.client.info.name,
      outcome: outcomeOf(exchange),
      trace: undefined,
    });
    this.#trim();
  }

  /** @param line a record of the host's trace */
  traced(line: string): void {
    const record = JSON.parse(line) as Json; // the host wrote it
    const kept = typeof record.id === "string" ? this.#kept.get(record.id) : undefined;
    if (kept) kept.trace = record;
  }

  /** The newest first. */
  *all(): Iterable<Call> {
    for (const kept of [...this.#kept.values()].reverse()) yield shown(kept);
  }

  get(id: string): { readonly call: Call; readonly trace: Json | undefined } | undefined {
    const kept = this.#kept.get(id);
    return kept && { call: shown(kept), trace: kept.trace };
  }

  #trim(): void {
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) return;
      this.#kept.delete(oldest);
    }
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

function outcomeOf({ outcome }: Exchange): string {
  if (!outcome) return "unknown";
  if ("result" in outcome) return outcome.result.isError === true ? "tool_error" : "ok";
  if ("cancelled" in outcome) return "cancelled";
  const { data, code } = outcome.error;
  // The host takes its mark off upstreams' errors, so this one is its own.
  const isOwn = typeof data === "object" && data !== null && "origin" in data && data.origin === "mcp-host" && "type" in data;
  return isOwn ? String(data.type) : `error ${code}`;
}

function brief(text: unknown): string {
  return redactText(String(text).slice(0, NAME));
}
