/** A bounded map of what holds until some time: the oldest goes when it is full. Keys are digests, so that no secret is kept. */
export class Recent<T> {
  readonly #entries = new Map<string, { value: T; until: number }>();
  readonly #size: number;

  /** @param size entries that are kept */
  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    const found = this.#entries.get(key);
    if (!found) return undefined;
    if (Date.now() < found.until) return found.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** @param until milliseconds since 1970 */
  set(key: string, value: T, until: number): void {
    if (until <= Date.now()) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, until });
    if (this.#entries.size > this.#size) this.#entries.delete(this.#entries.keys().next().value as string); // not empty
  }

  clear(): void {
    this.#entries.clear();
  }
}
