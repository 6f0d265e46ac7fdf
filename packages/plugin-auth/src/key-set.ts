import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { fetchJson } from "./fetch-json.ts";

/** An issuer's keys could not be had. */
export class KeysUnavailable extends Error {}

export interface KeySetOptions {
  readonly url: string;
  /** All in milliseconds. */
  readonly timeout: number;
  /** Keys that are older are fetched again, while they go on being used. */
  readonly maxAge: number;
  /** Keys that were not fetched again are used up to this age. */
  readonly maxStale: number;
  /** Between two tries, whatever tokens come. */
  readonly cooldown: number;
  /** Told of every try. */
  readonly fetched: (error: Error | undefined) => void;
}

const MAX_KEYS = 100;

/**
 * The public keys of an issuer, fetched on first use and again when they are old or a token names one that is unknown
 * (rotation). Nobody waits for an issuer while there are keys that may be used, and tokens cannot make it ask more often than once in
 * `cooldown`.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #keys: ReturnType<typeof createLocalJWKSet> | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** When the keys were fetched, in milliseconds since 1970; undefined before. */
  get fetchedAt(): number | undefined {
    return this.#keys && this.#fetchedAt;
  }

  /** For jose: the key that a token's header names. @throws KeysUnavailable, or an error of jose's for a key that there is not */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    const refreshed = this.#age > this.#options.maxAge ? this.refresh() : undefined;
    if (this.#age > this.#options.maxStale) await refreshed;
    if (!this.#keys || this.#age > this.#options.maxStale) throw new KeysUnavailable("the issuer's keys cannot be fetched");
    try {
      return await this.#keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.refresh())) throw error;
      return this.#keys(header, token);
    }
  };

  /** In milliseconds; before there are any it is without end. */
  get #age(): number {
    return Date.now() - this.#fetchedAt;
  }

  /** Fetches unless it was tried a moment ago. False when they are the same as before. Never rejects. */
  async refresh(): Promise<boolean> {
    if (!this.#fetching && Date.now() - this.#triedAt < this.#options.cooldown) return false;
    const before = this.#keys;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
    return this.#keys !== before;
  }

  async #fetch(): Promise<void> {
    this.#triedAt = Date.now();
    const { url, timeout, fetched } = this.#options;
    try {
      const { status, body } = await fetchJson(url, timeout, { headers: { accept: "application/json" } });
      if (status !== 200) throw new Error(`HTTP ${status}`);
      if (!Array.isArray(body.keys) || body.keys.length > MAX_KEYS) throw new Error(`the answer has no "keys", or more than ${MAX_KEYS}`);
      this.#keys = createLocalJWKSet(body as unknown as JSONWebKeySet); // it checks the keys itself
      this.#fetchedAt = Date.now();
      fetched(undefined);
    } catch (error) {
      fetched(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
