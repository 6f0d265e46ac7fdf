import { PeerError } from "../wire/peer-error.ts";

/** What a live connection lets its upkeep see and do. */
export interface UpkeepEvents {
  /** Sends a request without params. */
  ask(method: string, timeout: number): Promise<unknown>;
  /** When it was last used, on the monotonic clock. */
  lastUse(): number;
  /** When it last answered a call. */
  lastAnswer(): number;
  inFlight(): number;
  /** Whether the last of what was sent failed, and so was no sign of life. */
  inDoubt(): boolean;
  /** Whether somebody depends on the connection although nothing is sent: subscriptions, tasks. */
  needed(): boolean;
  /** It lives. @param latency of the answer that was waited for, where that is what shows it */
  answered(latency?: number): void;
  degraded(reason: string): void;
  dead(): void;
  unused(): void;
}

export interface UpkeepConfig {
  /** Milliseconds between pings; 0 for none. */
  readonly healthInterval: number;
  /** Milliseconds without use after which it is told to be unused; without, it never is. */
  readonly idleTimeout?: number | undefined;
}

/** What is asked in the place of a ping, where the server gives a list at all. */
export type Probe = string | undefined;

const PING_TIMEOUT = 10_000;
const LOST_PINGS = 3;

/**
 * Watches one life of a connection: pings it while it is quiet, and notices when nobody has used it for long. Some servers
 * answer no ping and everything else: before one is given up it is asked for a list, and from then on in the place of pings.
 */
export class Upkeep {
  readonly #events: UpkeepEvents;
  readonly #interval: number;
  readonly #ticker: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #probe: Probe;
  #method = "ping";
  #lost = 0;
  #lostAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(config: UpkeepConfig, events: UpkeepEvents, probe: Probe) {
    this.#events = events;
    this.#probe = probe;
    this.#interval = config.healthInterval;
    if (config.healthInterval > 0) this.#ticker = setInterval(() => void this.#ping(), config.healthInterval).unref();
    if (config.idleTimeout !== undefined) this.#armIdle(config.idleTimeout);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#idle);
  }

  async #ping(): Promise<void> {
    const started = performance.now();
    const answeredAt = this.#events.lastAnswer();
    if (this.#lost > 0 && answeredAt > this.#lostAt) this.#lives();
    // A busy connection shows by its answers that it lives.
    const isBusy = this.#events.inFlight() > 0 || started - answeredAt < this.#interval;
    if (isBusy && !this.#events.inDoubt()) return;
    if (await this.#isAnswered(this.#method)) this.#lives(performance.now() - started);
    else await this.#unanswered(started);
  }

  async #isAnswered(method: string): Promise<boolean> {
    try {
      await this.#events.ask(method, Math.min(PING_TIMEOUT, this.#interval));
      return true;
    } catch (error) {
      return error instanceof PeerError; // an error is an answer too
    }
  }

  #lives(latency?: number): void {
    this.#lost = 0;
    if (!this.#stopped) this.#events.answered(latency);
  }

  async #unanswered(started: number): Promise<void> {
    if (this.#stopped) return;
    this.#lost++;
    this.#lostAt = started;
    if (this.#lost < LOST_PINGS) return this.#events.degraded(`${this.#lost} pings in a row were not answered`);
    const probe = this.#probe;
    this.#probe = undefined; // once
    if (probe !== undefined && (await this.#isAnswered(probe))) {
      this.#method = probe;
      this.#lives();
    } else if (!this.#stopped) this.#events.dead();
  }

  #armIdle(timeout: number): void {
    const needed = this.#events.needed();
    const rest = needed ? timeout : this.#events.lastUse() + timeout - performance.now();
    this.#idle = setTimeout(
      () => {
        if (this.#events.needed() || performance.now() - this.#events.lastUse() < timeout) this.#armIdle(timeout);
        else this.#events.unused();
      },
      Math.max(rest, 1),
    ).unref();
  }
}
