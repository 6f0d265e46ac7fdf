/** UTF-16 units of the shortest secret: a shorter value would hit harmless text. */
const SHORTEST = 6;

/** Secrets by the six units that they begin with, or end with. */
class Anchors {
  readonly #secrets = new Map<string, string[]>();
  /** How many there are by a hash of their last two units: most places of a text have none, and cost no more than this look. */
  readonly #counts = new Uint32Array(4_096);

  add(anchor: string, secret: string): void {
    this.#counts[slotOf(anchor, 0)]!++;
    const known = this.#secrets.get(anchor);
    if (known) known.push(secret);
    else this.#secrets.set(anchor, [secret]);
  }

  remove(anchor: string, secret: string): void {
    this.#counts[slotOf(anchor, 0)]!--;
    const left = this.#secrets.get(anchor)?.filter((each) => each !== secret) ?? [];
    if (left.length > 0) this.#secrets.set(anchor, left);
    else this.#secrets.delete(anchor);
  }

  /** The secrets whose six units stand at a place. */
  at(text: string, place: number): readonly string[] | undefined {
    return this.#counts[slotOf(text, place)] === 0 ? undefined : this.#secrets.get(text.slice(place, place + SHORTEST));
  }
}

function slotOf(text: string, place: number): number {
  return (text.charCodeAt(place + SHORTEST - 2) * 31 + text.charCodeAt(place + SHORTEST - 1)) & 4_095;
}

/**
 * Texts that are to be found in others. However many there are, a search looks once at each place of a text: one regular
 * expression of them all would try each secret at each place, and could not be compiled for a thousand tokens.
 */
export class KnownSecrets {
  /** How often each was added. */
  readonly #times = new Map<string, number>();
  readonly #byStart = new Anchors();
  readonly #byEnd = new Anchors();

  /** @returns whether it is long enough to be looked for */
  add(secret: string): boolean {
    if (secret.length < SHORTEST) return false;
    const times = this.#times.get(secret) ?? 0;
    this.#times.set(secret, times + 1);
    if (times > 0) return true;
    this.#byStart.add(secret.slice(0, SHORTEST), secret);
    this.#byEnd.add(secret.slice(-SHORTEST), secret);
    return true;
  }

  /** Takes back one {@link add}. */
  remove(secret: string): void {
    const times = this.#times.get(secret) ?? 0;
    if (times > 1) this.#times.set(secret, times - 1);
    else if (this.#times.delete(secret)) {
      this.#byStart.remove(secret.slice(0, SHORTEST), secret);
      this.#byEnd.remove(secret.slice(-SHORTEST), secret);
    }
  }

  /** The text with something else in the place of each secret. Those that overlap are one. */
  replace(text: string, replacement: string): string {
    if (this.#times.size === 0) return text;
    const found: { from: number; to: number }[] = [];
    for (let to = SHORTEST; to <= text.length; to++) {
      const fitting = this.#byEnd.at(text, to - SHORTEST)?.filter((secret) => text.endsWith(secret, to));
      if (!fitting?.length) continue;
      let from = to - Math.max(...fitting.map(({ length }) => length));
      for (let last = found.at(-1); last && last.to > from; last = found.at(-1)) {
        from = Math.min(from, last.from);
        found.pop();
      }
      found.push({ from, to });
    }
    let clean = "";
    let done = 0;
    for (const { from, to } of found) {
      clean += text.slice(done, from) + replacement;
      done = to;
    }
    return done === 0 ? text : clean + text.slice(done);
  }

  /** How many units at the end of a text that was cut there may be the beginning of a secret. */
  begunAtEnd(text: string): number {
    const { length } = text;
    for (let from = 0; from <= length - SHORTEST; from++)
      if (this.#byStart.at(text, from)?.some((secret) => secret.length > length - from && secret.startsWith(text.slice(from))))
        return length - from;
    return Math.min(SHORTEST - 1, length);
  }

  /** How many units at the beginning of a text that was cut there may be the end of a secret. */
  endedAtStart(text: string): number {
    for (let to = text.length; to >= SHORTEST; to--)
      if (this.#byEnd.at(text, to - SHORTEST)?.some((secret) => secret.length > to && secret.endsWith(text.slice(0, to)))) return to;
    return Math.min(SHORTEST - 1, text.length);
  }
}
