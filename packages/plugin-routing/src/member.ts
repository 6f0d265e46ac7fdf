import type { ConnectionState, Exchange, PluginClock } from "mcp-host";

/** How a server can be used: at once, once it is there, or after it came back. */
export type Standing = "up" | "pending" | "down";

const STANDINGS: Readonly<Partial<Record<ConnectionState | "removed", Standing>>> = {
  connecting: "pending",
  failed: "down",
  "needs sign-in": "down",
  "backing off": "down",
  unconfigured: "down",
};

/** What a call that failed says of its server; what it answered, an error included, says that it works. */
const FAULTS: ReadonlySet<string> = new Set([
  "upstream_down",
  "upstream_lost",
  "upstream_timeout",
  "upstream_protocol",
  "upstream_error",
  "upstream_auth",
  "circuit_open",
]);
/** What ends a call for reasons that are not its server's. */
const ENDED: ReadonlySet<string> = new Set(["cancelled", "client_gone", "shutting_down", "plugin_failure"]);
/** How long a latency is remembered: what is older weighs less and less. */
const MEMORY = 10_000;
/** The share that a server has as it comes back, of its own. */
const FIRST_SHARE = 0.1;
/** How often the time of being left alone doubles. */
const DOUBLINGS = 4;

/** `new`: calls of callers that stay with it still come; `all`: none does. */
export type Drained = "new" | "all";

export interface MemberSettings {
  readonly failures: number;
  readonly ejectFor: number;
  readonly slowStart: number;
}

/** One server as a member of groups: how it does, and how much it has to do. */
export class Member {
  readonly server: string;
  readonly #clock: Pick<PluginClock, "monotonic">;
  readonly #settings: MemberSettings;
  inFlight = 0;
  calls = 0;
  failed = 0;
  /** Whether it gets no new callers, or no calls at all. */
  drained: Drained | undefined;
  #state: Standing = "up";
  #inRow = 0;
  #ejections = 0;
  #ejectedUntil = 0;
  /** Since when it is back; undefined where it was never away. */
  #backSince: number | undefined;
  #latency: number | undefined;
  #measuredAt = 0;

  constructor(server: string, clock: Pick<PluginClock, "monotonic">, settings: MemberSettings) {
    this.server = server;
    this.#clock = clock;
    this.#settings = settings;
  }

  get standing(): Standing {
    return this.isEjected ? "down" : this.#state;
  }

  /** Whether it failed too often, and is left alone for some time. */
  get isEjected(): boolean {
    return this.#ejectedUntil > this.#clock.monotonic();
  }

  /** Milliseconds of its answers lately, the slow ones first of all; undefined while nothing is known. */
  get latency(): number | undefined {
    return this.#latency;
  }

  /** Of its share, as much as it can have now: all of it once it was back for some time. */
  get share(): number {
    const { slowStart } = this.#settings;
    if (this.#backSince === undefined || slowStart === 0) return 1;
    const part = (this.#clock.monotonic() - Math.max(this.#backSince, this.#ejectedUntil)) / slowStart;
    if (part >= 1) this.#backSince = undefined;
    return Math.min(1, Math.max(FIRST_SHARE, part));
  }

  /** How its connection was when somebody looked. */
  found(state: ConnectionState): void {
    this.#state = STANDINGS[state] ?? "up";
  }

  /** Its connection has changed its state. */
  changed(state: ConnectionState | "removed"): void {
    const now = STANDINGS[state] ?? "up";
    // One that connects for the first time is not yet there; one that tries again is still away.
    const next = now === "pending" && this.#state === "down" ? "down" : now;
    if (this.#state === "down" && next === "up") this.#back();
    this.#state = next;
  }

  /** A call begins. @returns ends it: once, whatever is told later */
  begin(): () => void {
    let isOver = false;
    this.inFlight++;
    return () => {
      if (isOver) return;
      isOver = true;
      this.inFlight--;
    };
  }

  answered(milliseconds: number | undefined): void {
    this.calls++;
    this.#inRow = 0;
    this.#ejections = 0;
    if (milliseconds === undefined) return;
    const now = this.#clock.monotonic();
    const before = this.#latency;
    // A slow answer counts at once, and is forgotten with time.
    const weight = before === undefined || milliseconds > before ? 1 : 1 - Math.exp(-(now - this.#measuredAt) / MEMORY);
    this.#latency = (before ?? 0) + weight * (milliseconds - (before ?? 0));
    this.#measuredAt = now;
  }

  /** @param error what a call failed with @param sent whether it came to the server */
  failedWith(error: unknown, sent: boolean): void {
    const type = error instanceof Error && "type" in error ? String(error.type) : "";
    if (!FAULTS.has(type)) {
      // What the server answered says that it works; what a plugin or the client ended says nothing.
      if (sent && !ENDED.has(type)) this.answered(undefined);
      return;
    }
    this.calls++;
    this.failed++;
    const after = error instanceof Error && "retryAfterMs" in error && Number(error.retryAfterMs);
    // A breaker knows when it lets somebody try.
    if (type === "circuit_open" && after) return this.#eject(after);
    if (++this.#inRow < this.#settings.failures) return;
    this.#inRow = 0;
    this.#eject(this.#settings.ejectFor * 2 ** Math.min(this.#ejections++, DOUBLINGS));
  }

  #eject(milliseconds: number): void {
    this.#ejectedUntil = this.#clock.monotonic() + milliseconds;
    this.#back();
  }

  #back(): void {
    this.#backSince = this.#clock.monotonic();
  }
}

/** How long a call took its server; undefined where nothing was sent, or a person was asked on the way. */
export function timeOf(exchange: Exchange, began: number, now: number): number | undefined {
  return exchange.sent === "no" || exchange.asked ? undefined : now - began;
}
