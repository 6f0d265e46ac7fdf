import type { SessionFacts } from "../exchange/caller.ts";
import { BoundedMap } from "../wire/bounded-map.ts";

/**
 * Which upstream a URI came from, for each session: results name resources that no list has, and a read of one must go
 * back to where it was named. Bounded; the oldest is forgotten first.
 */
export class UriOwners {
  readonly #limit: number;
  readonly #length: number;
  readonly #bySession = new WeakMap<SessionFacts, Map<string, string>>();

  /**
   * @param limit URIs of one session
   * @param length of a URI; a longer one could not be asked for
   */
  constructor(limit: number, length: number) {
    this.#limit = limit;
    this.#length = length;
  }

  add(session: SessionFacts, uri: string, upstream: string): void {
    if (uri.length > this.#length) return;
    let seen = this.#bySession.get(session);
    if (!seen) this.#bySession.set(session, (seen = new BoundedMap(this.#limit)));
    // Whoever named it first keeps it: a second upstream must not draw reads to itself.
    if (!seen.has(uri)) seen.set(uri, upstream);
  }

  owner(session: SessionFacts, uri: string): string | undefined {
    return this.#bySession.get(session)?.get(uri);
  }
}
