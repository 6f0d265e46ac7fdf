import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  CountBreaker,
  circuitBreaker,
  handleWhen,
  type IBackoff,
} from "cockatiel";
import { type Exchange, type Handler, type HostError, type Json, refuse } from "mcp-host";
import { hostError, isAnswer, isFailure } from "./failures.ts";
import type { BreakerOptions } from "./options.ts";

export type BreakerState = "closed" | "half-open" | "open";

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.HalfOpen]: "half-open",
  [CircuitState.Open]: "open",
  [CircuitState.Isolated]: "open",
};

/** The calls that try a half-open circuit. */
interface Round {
  /** On their way or answered. */
  admitted: number;
  answered: number;
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
  /** When the circuit has taken note. */
  readonly noted: Promise<unknown>;
}

/** What the breaker goes by, and what it tells. */
export interface BreakerParts {
  /** Monotonic milliseconds. */
  now(): number;
  /** @param reason the type of the error that opened it */
  changed(state: BreakerState, reason: string | undefined): void;
  refused(): void;
}

/** The circuit breaker of one upstream, around cockatiel's: which answers count as what, and how many calls try a half-open circuit. */
export class Breaker {
  readonly #upstream: string;
  readonly #options: BreakerOptions;
  readonly #parts: BreakerParts;
  readonly #policy: CircuitBreakerPolicy;
  /** Until when it is open. */
  #until = Number.NEGATIVE_INFINITY;
  #round: Round | undefined;

  constructor(upstream: string, options: BreakerOptions, parts: BreakerParts) {
    this.#upstream = upstream;
    this.#options = options;
    this.#parts = parts;
    const counts = [
      ...(options.consecutive === false ? [] : [new ConsecutiveBreaker(options.consecutive)]),
      ...(options.ratio === false
        ? []
        : [
            new CountBreaker({
              threshold: options.ratio.threshold,
              size: options.ratio.calls,
              minimumNumberOfCalls: options.ratio.minimum,
            }),
          ]),
    ];
    const success = (state: CircuitState): void => {
      for (const each of counts) each.success(state);
    };
    const failure = (state: CircuitState): boolean => {
      // A call from before it opened must not end the try that goes on now.
      if (state === CircuitState.Closed && this.#policy.state !== CircuitState.Closed) return false;
      return counts.map((each) => each.failure(state)).includes(true); // each is to know
    };
    const { openFor, maxOpenFor } = options;
    const isOver = (): boolean => parts.now() >= this.#until;
    const pause: IBackoff<{ attempt: number }> = {
      // cockatiel looks whenever somebody wants to pass, so that the pause can end early.
      get duration() {
        return isOver() ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      },
      next: ({ attempt }) => {
        this.#until = parts.now() + Math.min(openFor * 2 ** (attempt - 1), maxOpenFor);
        return pause;
      },
    };
    this.#policy = circuitBreaker(
      handleWhen((error) => {
        // cockatiel knows failures and what it does not look at; an error that the upstream answered with is a sign of life.
        if (isAnswer(error)) success(CircuitState.Closed);
        return isFailure(error);
      }),
      {
        breaker: { state: undefined, success, failure },
        halfOpenAfter: pause,
      },
    );
    this.#policy.onStateChange((state) => parts.changed(STATES[state], state === CircuitState.Open ? this.lastFailure : undefined));
  }

  get state(): BreakerState {
    return STATES[this.#policy.state];
  }

  /** Milliseconds until an open circuit may be tried. */
  get remaining(): number {
    return this.#policy.state === CircuitState.Open ? Math.max(0, this.#until - this.#parts.now()) : 0;
  }

  /** The upstream has connected anew: an open circuit may be tried at once. */
  ready(): void {
    this.#until = Number.NEGATIVE_INFINITY;
  }

  /** The type of the last failure. */
  get lastFailure(): string | undefined {
    const failure = this.#policy.lastFailure;
    return failure && "error" in failure ? hostError(failure.error)?.type : undefined;
  }

  /** Sends, unless the circuit is open. */
  around(next: Handler): Handler {
    return (exchange) => {
      if (this.#policy.state === CircuitState.Closed) return this.#policy.execute(() => next(exchange));
      const refused = this.#refusal();
      return refused ? this.#refuse(refused) : this.#probe(exchange, next);
    };
  }

  /** Refuses at once what {@link around} would refuse in the end: it is to wait for nothing. */
  before(next: Handler): Handler {
    return (exchange) => {
      const refused = this.#policy.state === CircuitState.Closed ? undefined : this.#refusal();
      return refused ? this.#refuse(refused) : next(exchange);
    };
  }

  #refuse(error: HostError): Promise<never> {
    this.#parts.refused();
    return Promise.reject(error);
  }

  #refusal(): HostError | undefined {
    const { remaining } = this;
    const upstream = this.#upstream;
    const failed = `upstream "${upstream}" failed too often${this.lastFailure ? ` (${this.lastFailure})` : ""}`;
    if (remaining > 0) {
      const retryAfterMs = Math.ceil(remaining);
      return refuse("circuit_open", `${failed} and is left alone for another ${retryAfterMs} ms; nothing was sent`, {
        upstream,
        retryAfterMs,
      });
    }
    if (this.#policy.state !== CircuitState.HalfOpen || (this.#round?.admitted ?? 0) < this.#options.probes) return undefined;
    return refuse("circuit_open", `${failed} and is being tried by another call; nothing was sent`, { upstream });
  }

  /** Tries the upstream again. What says nothing about it (cancelled, refused by a plugin) leaves the place to the next call. */
  #probe(exchange: Exchange, next: Handler): Promise<Json> {
    const round = (this.#round ??= this.#begin());
    round.admitted++;
    const good = (): Promise<unknown> | undefined => {
      if (++round.answered < this.#options.probes) return undefined;
      round.succeed();
      return round.noted;
    };
    return next(exchange).then(
      async (result) => {
        await good();
        return result;
      },
      async (error: unknown) => {
        if (isAnswer(error)) await good();
        else if (isFailure(error)) {
          round.fail(error);
          await round.noted;
        } else round.admitted--;
        throw error;
      },
    );
  }

  #begin(): Round {
    let succeed!: () => void;
    let fail!: (error: unknown) => void;
    const outcome = new Promise<void>((resolve, reject) => {
      succeed = resolve;
      fail = reject;
    });
    const noted = this.#policy
      .execute(() => outcome)
      .catch(() => {}) // whose call it was is told
      .finally(() => {
        this.#round = undefined;
      });
    return { admitted: 0, answered: 0, succeed, fail, noted };
  }
}
