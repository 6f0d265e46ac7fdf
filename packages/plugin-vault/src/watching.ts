import type { OpenedVault } from "./opened-vaults.ts";
import { reasonOf } from "./problem.ts";
import { secretIn } from "./secrets.ts";
import { digestOf } from "./vault-file.ts";

export interface WatchingOptions {
  readonly opened: OpenedVault;
  /** Milliseconds between two looks. */
  readonly poll: number;
  /** Has the host read its config again. */
  readonly reload: (names: readonly string[]) => Promise<unknown>;
  readonly warn: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

/** Sees when a secret that the config was given is another one, whoever set it. */
export class Watching {
  readonly #options: WatchingOptions;
  #timer: NodeJS.Timeout | undefined;
  #stamp: string | undefined;
  #isLooking = false;
  #isFirst = true;

  constructor(options: WatchingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), this.#options.poll).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { opened, reload, warn } = this.#options;
    const stamp = opened.vault.stamp();
    if (this.#isLooking || opened.given.size === 0 || (stamp === this.#stamp && !this.#isFirst)) return;
    this.#isLooking = true;
    this.#isFirst = false;
    this.#stamp = stamp;
    try {
      const document = (await opened.vault.read())?.document;
      const changed = [...opened.given]
        .filter(([name, digest]) => digestOfSecret(secretIn(document, name)) !== digest)
        .map(([name]) => name);
      if (changed.length === 0) return;
      // Once for each change, whatever comes of it: who asks again asks by another change.
      for (const name of changed) opened.given.set(name, digestOfSecret(secretIn(document, name)));
      await reload(changed);
    } catch (error) {
      warn("a change of the vault cannot be taken on; the servers go on with the secrets that they have", { reason: reasonOf(error) });
    } finally {
      this.#isLooking = false;
    }
  }
}

/** What tells whether a secret is the same, without being it. */
export function digestOfSecret(value: string | undefined): string | undefined {
  return value === undefined ? undefined : digestOf(value);
}
