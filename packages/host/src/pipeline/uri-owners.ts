import type { Caller } from "../exchange/caller.ts";
import { BoundedMap } from "../wire/bounded-map.ts";

/**
 * Which upstream a URI came from, for each caller: results name resources that no list has, and a read of one must go
 * back to where it was named. Bounded; the oldest is forgotten first.
 */
export class UriOwners {
  readonly #limit: number;
  readonly #length: number;
  readonly #byCaller = new WeakMap<Caller, Map<string, string>>();

  /**
   * @param limit URIs of one caller
   * @param length of a URI; a longer one could not be asked for
   */
  constructor(limit: number, length: number) {
    this.#limit = limit;
    this.#length = length;
  }

  add(caller: Caller, uri: string, upstream: string): void {
    if (uri.length > this.#length) return;
    let seen = this.#byCaller.get(caller);
    if (!seen) this.#byCaller.set(caller, (seen = new BoundedMap(this.#limit)));
    // Whoever named it first keeps it: a second upstream must not draw reads to itself.
    if (!seen.has(uri)) seen.set(uri, upstream);
  }

  owner(caller: Caller, uri: string): string | undefined {
    return this.#byCaller.get(caller)?.get(uri);
  }
}
