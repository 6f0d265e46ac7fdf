import { createHash } from "node:crypto";
import type { Entry } from "mcp-host";

/** An entry as options and logs name it: the same whatever it is exposed as. */
export function entryKey(entry: Pick<Entry, "upstream" | "native">): string {
  return `${entry.upstream}:${entry.native}`;
}

const CONTESTED = Symbol("contested");

/** Names that one upstream keeps: several times what it may list at once, so that only names long gone come free. */
const CLAIMS_PER_UPSTREAM = 50_000;

/**
 * Who came to which name. A name that two entries came to stays out of use, so that neither a slow start nor an upstream
 * that drops an entry makes a name mean something else. It is forgotten only when the upstream that came to it last has
 * come to many others since.
 */
export class Claims {
  readonly #owners = new Map<string, string | typeof CONTESTED>();
  /** The upstream that came to a name last; none for a name that is never forgotten. */
  readonly #last = new Map<string, string>();
  /** The names of each upstream, those first that it has not come to for longest. */
  readonly #names = new Map<string, Set<string>>();
  readonly #reserved = new Set<string>();
  readonly #quota: number;

  /** @param quota names that one upstream keeps; default 50,000 */
  constructor(quota = CLAIMS_PER_UPSTREAM) {
    this.#quota = quota;
  }

  /** Notes a name that the operator gave: it is never forgotten. */
  reserve(kind: string, name: string, owner: string): void {
    this.#reserved.add(`${kind} ${name}`);
    this.claim(kind, name, owner);
  }

  /** Notes that an entry comes to a name. Gives the other one when this is what makes it contested. */
  claim(kind: string, name: string, owner: string): string | undefined {
    const key = `${kind} ${name}`;
    const own = short(owner);
    const before = this.#owners.get(key);
    if (before === undefined) this.#owners.set(key, own);
    this.#touch(key, upstreamOf(owner));
    if (before === undefined || before === own || before === CONTESTED) return undefined;
    this.#owners.set(key, CONTESTED);
    return before;
  }

  contested(kind: string, name: string): boolean {
    return this.#owners.get(`${kind} ${name}`) === CONTESTED;
  }

  #touch(key: string, upstream: string): void {
    if (this.#reserved.has(key)) return;
    const last = this.#last.get(key);
    if (last !== undefined) this.#names.get(last)?.delete(key);
    this.#last.set(key, upstream);
    let names = this.#names.get(upstream);
    if (!names) this.#names.set(upstream, (names = new Set()));
    names.add(key);
    if (names.size <= this.#quota) return;
    const [oldest] = names as Iterable<string> as [string]; // more than the quota, so not empty
    names.delete(oldest);
    this.#last.delete(oldest);
    this.#owners.delete(oldest);
  }
}

const LONGEST_PLAIN = 200;

/** An owner as it is kept: servers can make native names as long as a message. */
function short(owner: string): string {
  if (owner.length <= LONGEST_PLAIN) return owner;
  return `${owner.slice(0, LONGEST_PLAIN)}… ${createHash("sha256").update(owner).digest("base64")}`;
}

/** The upstream in `<upstream>:<native>`; an upstream's key holds no colon. */
function upstreamOf(owner: string): string {
  return owner.slice(0, owner.indexOf(":"));
}
