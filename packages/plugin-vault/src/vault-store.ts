import { randomUUID } from "node:crypto";
import type { Lease, SecretStore } from "mcp-host";
import { entryOf, put } from "./document.ts";
import { within } from "./live.ts";
import type { Messages } from "./messages.ts";
import type { Vault } from "./vault.ts";

const MAX_LEASES = 10_000;

/** One store of a vault: what all hosts of a machine that use the vault have in common. */
export class VaultStore implements SecretStore {
  readonly #name: string;
  readonly #vault: Vault;
  readonly #messages: Messages;

  /** @param name what its values are filed under */
  constructor(name: string, vault: Vault, messages: Messages) {
    this.#name = name;
    this.#vault = vault;
    this.#messages = messages;
  }

  async get(key: string): Promise<unknown> {
    return entryOf((await this.#vault.read())?.document, this.#name, key)?.value;
  }

  async keys(): Promise<readonly string[]> {
    const document = (await this.#vault.read())?.document;
    const keys = [...(document?.stores.get(this.#name)?.keys() ?? [])];
    return keys.filter((key) => entryOf(document, this.#name, key));
  }

  set(key: string, value: unknown, ttl?: number): Promise<void> {
    const kept = plain(value);
    return this.#vault.change(({ document, changed }) => {
      put(document, this.#name, key, kept, endOf(ttl));
      changed();
    });
  }

  delete(key: string): Promise<void> {
    return this.set(key, undefined);
  }

  increment(key: string, by = 1, ttl?: number): Promise<number> {
    return this.#vault.change(({ document, changed }) => {
      const entry = entryOf(document, this.#name, key);
      const value = (typeof entry?.value === "number" ? entry.value : 0) + by;
      if (!Number.isFinite(value)) throw new RangeError(`a counter cannot become ${value}`);
      put(document, this.#name, key, value, entry ? entry.expires : endOf(ttl));
      changed();
      return value;
    });
  }

  update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
    return this.#vault.change(({ document, changed }) => {
      const entry = entryOf(document, this.#name, key);
      const value = plain(change(entry?.value));
      put(document, this.#name, key, value, ttl === undefined && entry ? entry.expires : endOf(ttl));
      changed();
      return value;
    });
  }

  async lease(name: string, ttl: number): Promise<Lease | undefined> {
    const place = within(this.#name, name);
    const owner = randomUUID();
    const isTaken = await this.#vault.change(({ live }) => {
      const now = Date.now();
      const taken = live.leases.get(place);
      if (taken && taken.expires > now) return false;
      if (live.leases.size >= MAX_LEASES) throw new Error(`${MAX_LEASES} leases of the vault are taken; release what is not needed`);
      live.leases.set(place, { owner, expires: now + ttl });
      live.isChanged = true;
      return true;
    });
    if (!isTaken) return undefined;
    return {
      renew: (more) =>
        this.#vault.change(({ live }) => {
          const taken = live.leases.get(place);
          if (taken?.owner !== owner || taken.expires <= Date.now()) return false;
          taken.expires = Date.now() + more;
          live.isChanged = true;
          return true;
        }),
      release: () =>
        this.#vault.change(({ live }) => {
          if (live.leases.get(place)?.owner !== owner) return;
          live.leases.delete(place);
          live.isChanged = true;
        }),
    };
  }

  publish(channel: string, message: unknown): Promise<void> {
    return this.#messages.publish(within(this.#name, channel), plain(message));
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    return this.#messages.subscribe(within(this.#name, channel), listener);
  }
}

function endOf(ttl: number | undefined): number | undefined {
  return ttl === undefined ? undefined : Date.now() + ttl;
}

/** A copy as JSON has it: whoever gave it may change it later. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
