import type { Entry } from "mcp-host";

/** An entry as options and logs name it: the same whatever it is exposed as. */
export function entryKey(entry: Pick<Entry, "upstream" | "native">): string {
  return `${entry.upstream}:${entry.native}`;
}

const CONTESTED = Symbol("contested");

/**
 * Who ever came to which name. It only grows: a name that two entries came to stays out of use, so that neither a slow
 * start nor an upstream that drops an entry can ever make a name mean something else.
 */
export class Claims {
  readonly #owners = new Map<string, string | typeof CONTESTED>();

  /** Notes that an entry comes to a name. Gives the other one when this is what makes it contested. */
  claim(kind: string, name: string, owner: string): string | undefined {
    const key = `${kind} ${name}`;
    const before = this.#owners.get(key);
    if (before === undefined) this.#owners.set(key, owner);
    if (before === undefined || before === owner || before === CONTESTED) return undefined;
    this.#owners.set(key, CONTESTED);
    return before;
  }

  contested(kind: string, name: string): boolean {
    return this.#owners.get(`${kind} ${name}`) === CONTESTED;
  }
}
