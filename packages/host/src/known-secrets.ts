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

  /**
   * The text with something else in the place of each secret; those that overlap are one.
   * @param cut where the text was cut: what may be half a secret there goes, too
   */
  replace(text: string, replacement: string, cut?: "start" | "end"): string {
    if (this.#times.size === 0) return text;
    const parts: Part[] = [];
    let begin = 0;
    let end = text.length;
    if (cut === "start") {
      const half = this.#endedAtStart(text);
      if (half > 0) join(parts, 0, half);
    }
    for (let to = SHORTEST; to <= text.length; to++) {
      const lengths = this.#byEnd.at(text, to - SHORTEST)?.flatMap((secret) => (text.endsWith(secret, to) ? secret.length : []));
      if (lengths?.length) join(parts, to - Math.max(...lengths), to);
    }
    if (cut === "end") {
      const half = this.#begunAtEnd(text);
      if (half > 0) join(parts, end - half, end);
    }
    // A shorter half cannot be looked up, and is missed by nobody in what is cut anyway.
    if (cut === "start") begin = Math.min(SHORTEST - 1, parts[0]?.from ?? end);
    if (cut === "end") end = Math.max(end - SHORTEST + 1, parts.at(-1)?.to ?? 0);
    let clean = "";
    for (const { from, to } of parts) {
      clean += text.slice(begin, from) + replacement;
      begin = to;
    }
    return clean + text.slice(begin, end);
  }

  /** How many units at the end of a text are the beginning of a secret. */
  #begunAtEnd(text: string): number {
    const { length } = text;
    for (let from = 0; from <= length - SHORTEST; from++)
      if (this.#byStart.at(text, from)?.some((secret) => secret.length > length - from && secret.startsWith(text.slice(from))))
        return length - from;
    return 0;
  }

  /** How many units at the beginning of a text are the end of a secret. */
  #endedAtStart(text: string): number {
    for (let to = text.length; to >= SHORTEST; to--)
      if (this.#byEnd.at(text, to - SHORTEST)?.some((secret) => secret.length > to && secret.endsWith(text.slice(0, to)))) return to;
    return 0;
  }
}

interface Part {
  readonly from: number;
  readonly to: number;
}

/** Adds a part that ends last, as one with those that it overlaps. */
function join(parts: Part[], from: number, to: number): void {
  let first = from;
  for (let last = parts.at(-1); last && last.to > from; last = parts.at(-1)) {
    first = Math.min(first, last.from);
    parts.pop();
  }
  parts.push({ from: first, to });
}
