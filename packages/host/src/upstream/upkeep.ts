import { PeerError } from "../errors.ts";

/** What a live connection lets its upkeep see and do. */
export interface UpkeepEvents {
  /** Sends a ping. */
  ping(timeout: number): Promise<unknown>;
  /** When it was last used, on the monotonic clock. */
  lastUse(): number;
  inFlight(): number;
  /** Whether the last of what was sent failed, and so was no sign of life. */
  inDoubt(): boolean;
  /** Whether somebody depends on the connection although nothing is sent: subscriptions, tasks. */
  needed(): boolean;
  answered(latency: number): void;
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

const PING_TIMEOUT = 10_000;
const LOST_PINGS = 3;

/** Watches one life of a connection: pings it while it is quiet, and notices when nobody has used it for long. */
export class Upkeep {
  readonly #events: UpkeepEvents;
  readonly #interval: number;
  readonly #ticker: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lost = 0;
  #stopped = false;

  constructor(config: UpkeepConfig, events: UpkeepEvents) {
    this.#events = events;
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
    // A busy connection shows by its answers that it lives.
    if (!this.#events.inDoubt() && (this.#events.inFlight() > 0 || started - this.#events.lastUse() < this.#interval)) return;
    try {
      await this.#events.ping(Math.min(PING_TIMEOUT, this.#interval));
    } catch (error) {
      // An error is an answer too.
      if (!(error instanceof PeerError)) return this.#unanswered();
    }
    this.#lost = 0;
    if (!this.#stopped) this.#events.answered(performance.now() - started);
  }

  #unanswered(): void {
    if (this.#stopped) return;
    this.#lost++;
    if (this.#lost >= LOST_PINGS) this.#events.dead();
    else this.#events.degraded(`${this.#lost} pings in a row were not answered`);
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
