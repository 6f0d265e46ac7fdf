import { createHash } from "node:crypto";
import type { Entry, Logger } from "mcp-host";
import { type Claims, entryKey } from "./claims.ts";
import type { Rules } from "./options.ts";

/** Hexadecimal digits of the hash in an alias. */
const DIGITS = 8;

/** The kinds that have names; resources and templates have URIs, which stay native. */
const NAMED = ["tool", "prompt"] as const;

/** An entry on its way to a name. */
interface Candidate {
  readonly entry: Entry;
  readonly owner: string;
  /** How many names it has given up since another entry comes to them too. */
  step: number;
  name: string;
}

/**
 * Gives every tool and prompt a name that no other entry ever comes to. Each entry has a row of names (with the strategy
 * `conflict`: plain, prefixed, alias) and takes the first that it does not share. What comes out depends on which
 * entries there are and never on their order.
 */
export class Naming {
  readonly #rules: Rules;
  readonly #claims: Claims;
  readonly #log: Logger;

  constructor(rules: Rules, claims: Claims, log: Logger) {
    this.#rules = rules;
    this.#claims = claims;
    this.#log = log;
    // Names that the operator gave are taken before anybody lists anything: who starts first must not matter.
    for (const [owner, name] of rules.names) for (const kind of NAMED) claims.reserve(kind, name, owner);
  }

  /** The entries in the same order with their exposed names. */
  name(entries: readonly Entry[]): readonly Entry[] {
    const candidates = new Map<Entry, Candidate>();
    for (const entry of entries)
      if (entry.kind === "tool" || entry.kind === "prompt")
        candidates.set(entry, { entry, owner: entryKey(entry), step: 0, name: this.#choice(entry, 0) as string }); // each has a first name
    this.#settle([...candidates.values()]);
    return entries.map((entry) => {
      const name = candidates.get(entry)?.name;
      return name === undefined || name === entry.name ? entry : { ...entry, name };
    });
  }

  /** Lets entries that share a name go on to their next one, until nobody has to. */
  #settle(candidates: readonly Candidate[]): void {
    let moving = candidates;
    while (moving.length > 0) {
      for (const candidate of moving) this.#claim(candidate);
      moving = candidates.filter((candidate) => {
        if (!this.#claims.contested(candidate.entry.kind, candidate.name)) return false;
        const next = this.#choice(candidate.entry, candidate.step + 1);
        if (next === undefined) return false;
        candidate.step++;
        candidate.name = next;
        return true;
      });
    }
  }

  #claim({ entry, owner, step, name }: Candidate): void {
    const other = this.#claims.claim(entry.kind, name, owner);
    if (other === undefined) return;
    const fields = { kind: entry.kind, name, first: other, second: owner };
    if (this.#rules.strategy === "conflict" && step === 0) this.#log.info("a name that several entries have gets prefixes", fields);
    else this.#log.warn("a name that several entries come to is not used for them; they get aliases", fields);
  }

  /** The names that an entry may have, best first; undefined after the last. */
  #choice(entry: Entry, step: number): string | undefined {
    const given = this.#rules.names.get(entryKey(entry));
    if (given !== undefined) return step === 0 ? given : undefined;
    const { prefixes, separator } = this.#rules;
    // Of an upstream that the config does not have: a plugin offers it.
    const full = `${prefixes.get(entry.upstream) ?? `${entry.upstream}${separator}`}${entry.name}`;
    const first = this.#rules.strategy === "conflict" ? 0 : 1;
    switch (first + step) {
      case 0:
        return this.#fitting(entry.name, entry);
      case 1:
        return this.#fitting(full, entry);
      case 2:
        return this.#alias(full, entry);
      default:
        return undefined;
    }
  }

  #fitting(name: string, entry: Entry): string {
    const allowed = spelled(name);
    return allowed !== "" && allowed.length <= this.#rules.maxLength ? allowed : this.#alias(name, entry);
  }

  /** A readable head and a hash of what the entry is, not of what it is called: it outlives other options and other entries. */
  #alias(name: string, entry: Entry): string {
    const hash = createHash("sha256").update(entryKey(entry)).digest("hex").slice(0, DIGITS);
    return `${spelled(name).slice(0, this.#rules.maxLength - DIGITS - 1)}_${hash}`;
  }
}

/** The name in the characters that the specification allows. */
function spelled(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/gu, "_");
}
