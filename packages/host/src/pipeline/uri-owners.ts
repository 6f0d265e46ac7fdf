import type { SessionFacts } from "../exchange/caller.ts";
import { BoundedMap } from "../wire/bounded-map.ts";

/**
 * Which upstream a URI came from, for each session: results name resources that no list has, and a read of one must go
 * back to where it was named. Bounded; the oldest is forgotten first.
 */
export class UriOwners {
  readonly #limit: number;
  readonly #bySession = new WeakMap<SessionFacts, Map<string, string>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(session: SessionFacts, uri: string, upstream: string): void {
    let seen = this.#bySession.get(session);
    if (!seen) this.#bySession.set(session, (seen = new BoundedMap(this.#limit)));
    // Whoever named it first keeps it: a second upstream must not draw reads to itself.
    if (!seen.has(uri)) seen.set(uri, upstream);
  }

  owner(session: SessionFacts, uri: string): string | undefined {
    return this.#bySession.get(session)?.get(uri);
  }
}
