import { failureFields, type LogFields, type Logger } from "../log.ts";
import { PeerError } from "../wire/peer-error.ts";
import type { Clock } from "./clock.ts";

/** How long a failure that was told is only counted when it comes again, in milliseconds. */
const QUIET = 60_000;
/** How many failures are told apart: the oldest makes room. */
const MOST = 200;
/** UTF-16 units of an error's words that tell one failure from another. */
const WORDS = 200;

/** Whose failure it is. */
export interface At {
  /** Undefined where it is one of several. */
  readonly plugin: string | undefined;
  /** Which tap, where it is one. */
  readonly hook?: string;
}

/** What is told of a failure, where debugging lines are, that was told in full already. */
export const REPEATED = "as a plugin failed before";

interface Told {
  readonly what: string;
  readonly at: At;
  /** How often it came since it was told. */
  times: number;
  /** The last time. */
  error: unknown;
  cancel: () => void;
}

/**
 * What plugins fail with, in the log: with file and line of where it was thrown. The same failure is told in full once; as long as
 * it goes on coming, a line a minute says how often.
 */
export class Failures {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #told = new Map<string, Told>();
  /** What was thrown and told, for whoever finds it on its way out. */
  readonly #known = new WeakSet<object>();

  /** @param signal aborted when the host closes: what was only counted is told then */
  constructor(log: Logger, clock: Clock, signal: AbortSignal) {
    this.#log = log;
    this.#clock = clock;
    signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  /** @param more what the first line says besides */
  tell(what: string, at: At, thrown: unknown, more: LogFields = {}): void {
    if (typeof thrown === "object" && thrown !== null) this.#known.add(thrown);
    const fields = failureFields(thrown);
    const { error, stack } = fields as { error: string; stack?: readonly string[] }; // as failureFields has them
    // Where it was thrown says better which it is than words that tell of one call.
    const key = [what, at.plugin, at.hook, stack?.[0] ?? error.slice(0, WORDS)].join("\n");
    const told = this.#told.get(key);
    if (told) {
      told.times++;
      told.error = error;
      // Whoever debugs looks for it by the request that it ended.
      if (this.#log.debugs) this.#log.debug(REPEATED, { ...at, ...more, ...fields });
      return;
    }
    this.#log.error(what, { ...at, ...more, ...fields });
    this.#told.set(key, { what, at, times: 0, error, cancel: this.#later(key) });
    const [oldest] = this.#told.keys();
    if (this.#told.size > MOST && oldest !== undefined) this.#forget(oldest);
  }

  /** Tells of what is no failure, and most likely not meant. */
  remark(what: string, at: At, more: LogFields): void {
    this.#log.warn(what, { ...at, ...more });
  }

  /** A plugin is gone: what the next one of that name fails with is told in full. */
  gone(plugin: string): void {
    for (const [key, { at }] of [...this.#told]) if (at.plugin === plugin) this.#forget(key);
  }

  /** Whether this, or what it was made of, was told: an error passes several hands before a client is answered, and as an answer to a plugin. */
  knows(error: unknown): boolean {
    for (let depth = 0, cause = error; cause instanceof Error && depth < 5; depth++, cause = cause.cause)
      if (this.#known.has(cause) || cause instanceof PeerError) return true;
    return false;
  }

  #later(key: string): () => void {
    return this.#clock.setTimeout(() => {
      const told = this.#told.get(key);
      if (!told) return;
      if (told.times === 0) return void this.#told.delete(key);
      this.#count(told);
      told.cancel = this.#later(key);
    }, QUIET);
  }

  #count(told: Told): void {
    const { what, at, times, error } = told;
    if (times > 0) this.#log.error(`${what} again`, { ...at, times, error });
    told.times = 0;
  }

  #forget(key: string): void {
    const told = this.#told.get(key);
    if (!told) return;
    told.cancel();
    this.#count(told);
    this.#told.delete(key);
  }

  #end(): void {
    for (const key of [...this.#told.keys()]) this.#forget(key);
  }
}
