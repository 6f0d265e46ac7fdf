/** A map of at most so many entries: the oldest makes room. A key that is set again counts as new. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #limit: number;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override set(key: K, value: V): this {
    this.delete(key); // to the end
    super.set(key, value);
    if (this.size > this.#limit) this.delete(this.keys().next().value as K); // not empty
    return this;
  }
}
