import { BoundedMap, type Caller } from "mcp-host";

/** Callers whose found tools are kept. Who is pushed out finds them by searching again. */
const MOST_CALLERS = 10_000;

/** Tools that searches found, by caller, which are listed from then on. */
export class Found {
  readonly #most: number;
  readonly #by = new BoundedMap<string, ReadonlySet<string>>(MOST_CALLERS);

  /** @param most of one caller; the oldest make room */
  constructor(most: number) {
    this.#most = most;
  }

  get callers(): number {
    return this.#by.size;
  }

  of(caller: Pick<Caller, "id">): ReadonlySet<string> | undefined {
    return this.#by.get(caller.id);
  }

  /** @param names exposed ones, best first. Gives whether others are listed now */
  add({ id }: Pick<Caller, "id">, names: readonly string[]): boolean {
    if (this.#most === 0 || names.length === 0) return false;
    const before = this.#by.get(id) ?? new Set();
    const after = new Set([...[...before].filter((name) => !names.includes(name)), ...[...names].reverse()].slice(-this.#most));
    this.#by.set(id, after);
    return after.size !== before.size || [...after].some((name) => !before.has(name));
  }

  forget(id: string): void {
    this.#by.delete(id);
  }
}
