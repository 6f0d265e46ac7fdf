import type { Challenge } from "./challenge.ts";
import type { Owner } from "./grants.ts";
import { digest } from "./records.ts";

/** How somebody stands with a server that wants a sign-in. */
export interface Standing {
  readonly state: "needs sign-in" | "needs more scope" | "stopped" | "degraded";
  readonly why: string;
  /** What the server said last, for whoever signs in. */
  readonly challenge: Challenge | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What more is wanted, with all that was asked for before. */
  readonly stepUp: readonly string[] | undefined;
}

/** Those who are remembered: the ones that came last. */
const KEPT = 10_000;
/** How often one may be asked for more scope within an hour. */
const STEP_UPS = 3;
const HOUR = 3_600_000;

/** Who has to sign in where. In memory: after a restart the servers say it again, once. */
export class Standings {
  readonly #all = new Map<string, { readonly owner: Owner; readonly standing: Standing }>();
  readonly #stepUps = new Map<string, number[]>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  of(owner: Owner): Standing | undefined {
    return this.#all.get(keyOf(owner))?.standing;
  }

  set(owner: Owner, standing: Standing): void {
    const key = keyOf(owner);
    this.#all.delete(key);
    this.#all.set(key, { owner, standing });
    if (this.#all.size <= KEPT) return;
    const [oldest = ""] = this.#all.keys();
    this.#all.delete(oldest);
  }

  /** Notes that somebody signed out, and asks for nothing until somebody signs in. Gives whether that was not known. */
  signedOut(owner: Owner): boolean {
    const before = this.of(owner);
    if (before?.state === "needs sign-in") return false;
    this.set(owner, {
      state: "needs sign-in",
      why: "somebody signed out",
      challenge: before?.challenge,
      stepUp: undefined,
      at: this.#now(),
    });
    return true;
  }

  /** How many stand so with a server, whoever they are. */
  count(url: string, state: Standing["state"]): number {
    return [...this.#all.values()].filter(({ owner, standing }) => owner.url === url && standing.state === state).length;
  }

  /** All is well again. Gives whether it was not. */
  clear(owner: Owner): boolean {
    return this.#all.delete(keyOf(owner));
  }

  /** Notes that a server wants more scope; false where it has wanted that too often. */
  mayStepUp(owner: Owner): boolean {
    const key = keyOf(owner);
    const now = this.#now();
    const lately = (this.#stepUps.get(key) ?? []).filter((at) => now - at < HOUR);
    if (lately.length >= STEP_UPS) return false;
    this.#stepUps.set(key, [...lately, now]);
    if (this.#stepUps.size > KEPT) this.#stepUps.delete([...this.#stepUps.keys()][0] ?? "");
    return true;
  }
}

function keyOf({ who, url, options }: Owner): string {
  return digest(who, url, options.account);
}
