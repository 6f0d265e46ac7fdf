import { ExponentialBackoff, type GeneratorFn, noJitterGenerator } from "cockatiel";
import { type ErrorType, type Exchange, type Handler, type HostError, isRefusal, type Json } from "mcp-host";
import { hostError } from "./failures.ts";
import type { RetryOptions } from "./options.ts";
import type { Waits } from "./waits.ts";

/** Retries that are there before any call has earned one. */
const RESERVE = 10;

/** How many retries the calls of one upstream may add: each call earns a part of one. */
export class Budget {
  readonly #share: number;
  #left = RESERVE;

  constructor(share: number) {
    this.#share = share;
  }

  get left(): number {
    return Math.floor(this.#left);
  }

  earn(): void {
    if (this.#left < RESERVE) this.#left += this.#share;
  }

  /** False when nothing is left. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** Provably not sent: a later try may find the upstream there. With 429 only if it says when. */
const UNSENT: ReadonlySet<ErrorType> = new Set(["upstream_down", "upstream_lost", "upstream_timeout", "rate_limited"]);
/** Perhaps sent. */
const LOST: ReadonlySet<ErrorType> = new Set(["upstream_lost", "upstream_timeout", "upstream_error"]);

export interface RetryParts {
  readonly budget: Budget;
  readonly waits: Waits;
  /** Whether a request may be sent again although it may have run. */
  readonly repeatable: (exchange: Exchange) => boolean;
  /** At least 0 and below 1. */
  readonly chance: () => number;
  readonly retrying: () => void;
}

/**
 * Tries again after errors that allow it: a call that may have run is never sent twice, unless it changes nothing or the
 * config says that it may be. As long as all goes well it costs one `then`.
 */
export class Retry {
  readonly #options: RetryOptions;
  readonly #parts: RetryParts;
  readonly #backoff: ExponentialBackoff<number>;

  constructor(options: RetryOptions, parts: RetryParts) {
    this.#options = options;
    this.#parts = parts;
    /** Any part of a pause that doubles each time, so that those who failed together do not come back together. */
    const jitter: GeneratorFn<number> = (tries, bounds) => {
      const [most, next] = noJitterGenerator(tries, bounds);
      return [Math.floor(parts.chance() * most), next];
    };
    this.#backoff = new ExponentialBackoff({
      generator: jitter,
      initialDelay: options.backoff,
      maxDelay: options.maxBackoff,
    });
  }

  around(next: Handler): Handler {
    const { budget } = this.#parts;
    return (exchange) => {
      budget.earn();
      return next(exchange).then(undefined, (error: unknown) => this.#again(exchange, next, error));
    };
  }

  async #again(exchange: Exchange, next: Handler, first: unknown): Promise<Json> {
    let error = first;
    /** What is told if no try succeeds: that one of them may have run outweighs that the last was not sent. */
    let told = first;
    let backoff = this.#backoff.next();
    for (let retries = 1; ; retries++) {
      const failed = hostError(error);
      const wait =
        failed && this.#mayRetry(exchange, failed, retries)
          ? Math.min(backoff.duration + (failed.retryAfterMs ?? 0), this.#options.maxBackoff)
          : undefined;
      if (!failed || wait === undefined || performance.now() + wait >= exchange.deadline || !this.#parts.budget.spend()) throw told;
      this.#parts.retrying();
      exchange.touch(); // the pause is no silence of the upstream
      try {
        await this.#parts.waits.pause(exchange, wait);
      } catch {
        throw told; // stopped, or the host closes
      }
      exchange.touch();
      exchange.retry(failed.type);
      try {
        return await next(exchange);
      } catch (again) {
        error = again;
        if (!wasSent(told) || wasSent(again)) told = again;
      }
      backoff = backoff.next(undefined);
    }
  }

  #mayRetry(exchange: Exchange, { type, sent, retryAfterMs }: HostError, retries: number): boolean {
    const { method, asked, signal } = exchange;
    // A read that was lost is tried once more; what the operator calls idempotent, as often as configured.
    const most = sent !== "no" && method !== "tools/call" ? Math.min(1, this.#options.retries) : this.#options.retries;
    if (retries > most || asked || signal.aborted) return false;
    if (retryAfterMs === undefined ? type === "rate_limited" : retryAfterMs > this.#options.maxBackoff) return false;
    return sent === "no" ? UNSENT.has(type) : LOST.has(type) && this.#parts.repeatable(exchange);
  }
}

function wasSent(error: unknown): boolean {
  const failed = hostError(error);
  return failed ? failed.sent !== "no" : !isRefusal(error);
}
