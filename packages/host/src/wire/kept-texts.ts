export interface KeptTextsOptions {
  /** Bytes kept in all; one scope has at most a quarter. */
  readonly size: number;
  /** Milliseconds that a text is kept. */
  readonly time: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Gives bytes that nobody can guess. */
  readonly bytes: (count: number) => Uint8Array;
}

/** A text that is kept, and what it is about. */
export interface KeptText<About> {
  readonly text: string;
  readonly about: About;
}

interface Kept<About> extends KeptText<About> {
  readonly scope: string;
  readonly bytes: number;
  readonly expires: number;
}

/** One scope's share of what is kept: others must not be pushed out by one. */
const SHARE = 4;

/** Texts that somebody may come back for, such as what was cut off results, until their time is up. Each can be read only in its own scope. */
export class KeptTexts<About = undefined> {
  readonly #options: KeptTextsOptions;
  /** Oldest first: all are kept equally long. */
  readonly #kept = new Map<string, Kept<About>>();
  readonly #scopes = new Map<string, number>();
  #bytes = 0;

  constructor(options: KeptTextsOptions) {
    this.#options = options;
  }

  /**
   * Keeps a text. Gives the id under which it is read, or undefined where it is too large to keep.
   * @param scope whose it is: an exchange's `scope`
   */
  keep(scope: string, text: string, about: About): string | undefined {
    const { size, time, now } = this.#options;
    // A string may take two bytes for each unit, whatever it holds.
    const bytes = 2 * text.length;
    this.#expire();
    if (bytes > size / SHARE) return undefined;
    for (const [id, kept] of this.#kept) {
      if ((this.#scopes.get(scope) ?? 0) + bytes <= size / SHARE) break;
      if (kept.scope === scope) this.#drop(id, kept);
    }
    for (const [id, kept] of this.#kept) {
      if (this.#bytes + bytes <= size) break;
      this.#drop(id, kept);
    }
    const id = Buffer.from(this.#options.bytes(16)).toString("base64url");
    this.#kept.set(id, { scope, text, about, bytes, expires: now() + time });
    this.#bytes += bytes;
    this.#scopes.set(scope, (this.#scopes.get(scope) ?? 0) + bytes);
    return id;
  }

  /** What is kept under an id for this scope; undefined where nothing is, or it is another's. */
  read(id: string, scope: string): KeptText<About> | undefined {
    this.#expire();
    const kept = this.#kept.get(id);
    return kept?.scope === scope ? kept : undefined;
  }

  get bytes(): number {
    this.#expire();
    return this.#bytes;
  }

  get count(): number {
    this.#expire();
    return this.#kept.size;
  }

  clear(): void {
    this.#kept.clear();
    this.#scopes.clear();
    this.#bytes = 0;
  }

  #expire(): void {
    const now = this.#options.now();
    for (const [id, kept] of this.#kept) {
      if (kept.expires > now) return;
      this.#drop(id, kept);
    }
  }

  #drop(id: string, { scope, bytes }: Kept<About>): void {
    this.#kept.delete(id);
    this.#bytes -= bytes;
    const left = (this.#scopes.get(scope) ?? 0) - bytes;
    if (left > 0) this.#scopes.set(scope, left);
    else this.#scopes.delete(scope);
  }
}
