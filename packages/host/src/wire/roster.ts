/** What may be in one {@link Roster} at a time. */
export interface Member {
  /** Where it is in its roster; undefined while it is in none. Nobody else's business. */
  place: number | undefined;
}

/**
 * A set, in no order, of what comes and goes with every call.
 *
 * No `Set`, which leaves a table behind whenever it makes room, with a pointer to the next. Once one of them is in the old
 * generation all that come after it outlive each collection of young objects, and so does what is in them: half of the time of a call.
 */
export class Roster<T extends Member> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Takes it in, unless it is there already. */
  add(member: T): void {
    member.place ??= this.#members.push(member) - 1;
  }

  delete(member: T): void {
    const { place } = member;
    if (place === undefined) return;
    member.place = undefined;
    const last = this.#members.pop() as T; // it is there itself, so there is one
    if (last === member) return;
    this.#members[place] = last;
    last.place = place;
  }

  /** Gives each to `look`, which may delete any of them. Those that it adds are not looked at. */
  forEach(look: (member: T) => void): void {
    // From the end, since whatever takes the place of one that is gone was looked at already.
    for (let place = this.#members.length - 1; place >= 0; place--) {
      const member = this.#members[place];
      if (member) look(member);
    }
  }
}
