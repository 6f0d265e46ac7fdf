import type { Json } from "mcp-host";
import { reasonOf } from "./problem.ts";
import { secretsIn } from "./secrets.ts";
import type { Vault, VaultFacts } from "./vault.ts";

export const OLDER = "the vault is older than it was: somebody put an earlier copy back";

/** What operators see of a vault: where it is and how things stand with it, and nothing that is in it. */
export class Report {
  readonly #vault: Vault;
  #stamp: string | undefined;
  #facts: VaultFacts | undefined;
  #problem: unknown;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Looks again. Gives why the vault cannot be opened, if it cannot. */
  async look(): Promise<unknown> {
    this.#stamp = this.#vault.stamp();
    try {
      this.#facts = await this.#vault.read();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error;
    }
    return this.#problem;
  }

  /** As of the last look; one that has something else to see is begun. */
  now(): Readonly<Json> {
    if (this.#vault.stamp() !== this.#stamp) void this.look();
    const { path, source } = this.#vault;
    const place = { vault: path, key: source.name, keyIn: source.place };
    if (this.#problem !== undefined) return { ...place, problem: reasonOf(this.#problem) };
    if (!this.#facts) return { ...place, has: "nothing: there is no vault yet" };
    const { header, document, isOlder } = this.#facts;
    const stores = [...document.stores.keys()].filter((name) => name.startsWith("store:")).length;
    return {
      ...place,
      keySince: header.since,
      // Not by fields of their own: what is called a secret is shown to nobody.
      has: `${count(secretsIn(document).length, "secret")}, ${count(stores, "store")} of plugins`,
      ...(isOlder && { problem: OLDER }),
    };
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
