import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Limits } from "../wire/limits.ts";
import { ModernCaller, type ModernHost } from "./modern-caller.ts";

/** How often those that are not used any more are looked for. */
const SWEEP = 60_000;

export interface CallersOptions {
  readonly host: ModernHost;
  readonly limits: Pick<Limits, "callers" | "callerIdle" | "inFlightPerSession">;
  /** Whether some server keeps its clients apart, so that those that nobody can tell apart may share nothing. */
  readonly isolates: () => boolean;
  /** Something that was kept for one is to go with it. */
  readonly closed: (caller: ModernCaller) => void;
}

/** Every caller of the modern era for whom something is kept, within bounds of number and idleness. */
export class Callers {
  readonly #options: CallersOptions;
  readonly #byKey = new Map<string, ModernCaller>();
  readonly #byId = new Map<string, ModernCaller>();
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  [Symbol.iterator](): IterableIterator<ModernCaller> {
    return this.#byId.values();
  }

  get(id: string): ModernCaller | undefined {
    return this.#byId.get(id);
  }

  /** The caller that a request comes from. @throws HostError where there are too many, or the host stops */
  find(principal: Principal, endpoint: string | undefined): ModernCaller {
    if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
    // Nobody can tell anonymous clients apart, so that a server that keeps clients apart gets one for each request.
    if (principal.id === "anonymous" && this.#options.isolates()) return this.#open(principal, endpoint, undefined);
    const key = keyOf(principal, endpoint);
    return this.#byKey.get(key) ?? this.#open(principal, endpoint, key);
  }

  #open(principal: Principal, endpoint: string | undefined, key: string | undefined): ModernCaller {
    const { host, limits } = this.#options;
    if (this.#byId.size >= limits.callers && !this.#makeRoom())
      throw new HostError("overloaded", `${this.#byId.size} clients are being served already`, { retryAfterMs: SWEEP });
    const options = { principal, network: true, endpoint, inFlight: limits.inFlightPerSession };
    const caller = new ModernCaller(host, options, key === undefined ? (one) => this.close(one) : undefined);
    this.#byId.set(caller.id, caller);
    if (key !== undefined) this.#byKey.set(key, caller);
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP).unref();
    return caller;
  }

  close(caller: ModernCaller, error = new HostError("shutting_down", "its client is gone")): void {
    if (!this.#byId.delete(caller.id)) return;
    const key = keyOf(caller.principal, caller.endpoint);
    if (this.#byKey.get(key) === caller) this.#byKey.delete(key);
    caller.close(error);
    this.#options.closed(caller);
  }

  /** Lets the one go that was not used for longest. */
  #makeRoom(): boolean {
    let oldest: ModernCaller | undefined;
    for (const caller of this.#byId.values()) if (caller.isIdle && (!oldest || caller.seen < oldest.seen)) oldest = caller;
    if (oldest) this.close(oldest);
    return oldest !== undefined;
  }

  #expire(): void {
    const since = performance.now() - this.#options.limits.callerIdle;
    for (const caller of [...this.#byId.values()]) if (caller.isIdle && caller.seen < since) this.close(caller);
  }

  /** Refuses new ones, ends subscriptions, lets what else is in flight finish, then closes all. */
  async end(drain: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#sweep);
    for (const caller of this.#byId.values()) caller.endListeners();
    await Promise.all([...this.#byId.values()].map((caller) => caller.drained(drain)));
    for (const caller of [...this.#byId.values()]) this.close(caller, new HostError("shutting_down", "the host is stopping"));
  }
}

/** Whatever makes a difference to what a client may do and see. */
function keyOf({ id, binding, roles, claims }: Principal, endpoint: string | undefined): string {
  return JSON.stringify([id, binding, [...roles].sort(), claims, endpoint]);
}
