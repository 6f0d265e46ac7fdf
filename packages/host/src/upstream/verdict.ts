/** What was found out of how a server is spoken to, and when. */
export interface Verdict {
  readonly era: "legacy" | "modern";
  /** Whether one of the modern era can be initialized, too, as those of both can; undefined while nobody needed that. */
  readonly initializes?: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What a server does not do today it may do tomorrow, and nothing else would ever show that. */
const DAY = 86_400_000;

/** What is known of an upstream's era, by all its connections. */
export class KnownEra {
  /** Whether its process was started once more because it ended at `initialize`. */
  wasRestarted = false;
  #verdict: Verdict | undefined;
  #asking: Promise<unknown> | undefined;
  readonly #now: () => number;
  readonly #changed: (verdict: Verdict | undefined) => void;

  /** @param changed told of what is found out, or that it is not true any more */
  constructor(now: () => number, changed: (verdict: Verdict | undefined) => void) {
    this.#now = now;
    this.#changed = changed;
  }

  /** Takes what another host has found out, where this one knows nothing. */
  recall(verdict: Verdict | undefined): void {
    this.#verdict ??= verdict;
  }

  /** Undefined where it is to be asked. */
  get era(): Verdict["era"] | undefined {
    return this.#verdict?.era === "legacy" && this.#isOld ? undefined : this.#verdict?.era;
  }

  /** Of a server of the modern era, whether it can be initialized; undefined where that is to be tried. */
  get initializes(): boolean | undefined {
    const { initializes } = this.#verdict ?? {};
    return initializes === false && this.#isOld ? undefined : initializes;
  }

  get #isOld(): boolean {
    const age = this.#now() - (this.#verdict?.at ?? 0);
    return age > DAY || age < 0; // of a clock that was wrong then, or is now
  }

  /** @param era undefined where what was known turned out to be wrong */
  found(era: Verdict["era"] | undefined): void {
    if (era === this.era) return;
    this.#is(era && { era, at: this.#now() });
  }

  /** A server of the modern era was tried with `initialize`. */
  tried(initializes: boolean): void {
    if (initializes !== this.initializes) this.#is({ era: "modern", initializes, at: this.#now() });
  }

  #is(verdict: Verdict | undefined): void {
    this.#verdict = verdict;
    this.#changed(verdict);
  }

  /** While a connection asks the server, others wait for what it finds out. */
  get asking(): Promise<unknown> | undefined {
    return this.#asking;
  }

  asked<T>(asking: Promise<T>): Promise<T> {
    this.#asking = asking;
    const over = (): void => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    asking.then(over, over);
    return asking;
  }
}
