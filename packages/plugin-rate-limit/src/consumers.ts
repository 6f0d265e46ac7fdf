/** So many are told apart; who uses least makes room. */
const MOST = 100;

interface Consumer {
  used: number;
  until: number;
}

/** Who uses most of one rule, as far as this host has seen it: for people, and bounded, not for deciding anything. */
export class Consumers {
  readonly #by = new Map<string, Consumer>();

  /** @param used in the window that is over at `until` */
  note(label: string, used: number, until: number, now: number): void {
    const known = this.#by.get(label);
    if (known) {
      known.used = until === known.until ? Math.max(known.used, used) : used;
      known.until = until;
      return;
    }
    if (this.#by.size >= MOST && !this.#makeRoom(used, now)) return;
    this.#by.set(label, { used, until });
  }

  /** Whether somebody is gone, or has used less. */
  #makeRoom(used: number, now: number): boolean {
    let least: [string, Consumer] | undefined;
    for (const each of this.#by) {
      if (each[1].until <= now) return this.#by.delete(each[0]);
      if (!least || each[1].used < least[1].used) least = each;
    }
    return least !== undefined && least[1].used < used && this.#by.delete(least[0]);
  }

  /** The first of them, with what they have used in their present windows. */
  top(count: number, now: number): { who: string; used: number }[] {
    const present = [...this.#by].filter(([, { until }]) => until > now);
    return present
      .sort(([, a], [, b]) => b.used - a.used)
      .slice(0, count)
      .map(([who, { used }]) => ({ who, used }));
  }

  forget(): void {
    this.#by.clear();
  }
}
