import { createHash } from "node:crypto";
import type { CallerToken, CallerTokens, Principal } from "mcp-host";
import { Recent } from "./recent.ts";

/** Principals whose tokens are held at once; the oldest leave first. */
const MOST = 10_000;

/** The tokens that callers came with, held in memory while somebody needs them. Of several of one principal the one that ends last. */
export class HeldTokens implements CallerTokens {
  readonly #held = new Recent<CallerToken>(MOST);
  #keepers = 0;

  /** Told of each token that was accepted. */
  note(principal: Principal, value: string, issuer: string, expires: number): void {
    if (this.#keepers === 0) return;
    const key = keyOf(principal);
    const before = this.#held.get(key);
    if (before && (before.value === value || before.expires > expires)) return;
    this.#held.set(key, Object.freeze({ value, issuer, expires }), expires);
  }

  keep(): () => void {
    this.#keepers++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      if (--this.#keepers === 0) this.clear();
    };
  }

  of(principal: Pick<Principal, "id" | "binding">): CallerToken | undefined {
    return this.#held.get(keyOf(principal));
  }

  clear(): void {
    this.#held.clear();
  }
}

function keyOf({ id, binding }: Pick<Principal, "id" | "binding">): string {
  return createHash("sha256")
    .update(JSON.stringify([id, binding]))
    .digest("base64");
}
