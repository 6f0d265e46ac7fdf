import { createHmac, randomBytes } from "node:crypto";
import { type Lease, registerSecret, type SecretStore, type Store } from "mcp-host";
import { reasonOf, VaultProblem } from "./problem.ts";
import { seal, unseal } from "./sealed.ts";
import { secretIn, setSecrets } from "./secrets.ts";
import type { Vault } from "./vault.ts";

/** The secret of the vault that has the key of what is kept in the host's store. */
export const STORE_KEY = "MCP_HOST_STORE_KEY";
/** Keys of one store that can be listed. */
const MOST = 10_000;

interface Kept {
  readonly key: string;
  readonly value: unknown;
  /** When it goes, in milliseconds since 1970: the store's own times to live nobody authenticates. */
  readonly expires?: number;
}

/** What the host's store is given in place of names and values. */
export class StoreKey {
  readonly #names: Buffer;
  readonly #values: Buffer;

  /** @param secret of any length; 32 random bytes where it was made here */
  constructor(secret: string) {
    this.#names = createHmac("sha256", secret).update("mcp-host-vault 1 names").digest();
    this.#values = createHmac("sha256", secret).update("mcp-host-vault 1 values").digest();
  }

  /** A name that tells nothing of what it stands for. */
  nameOf(...parts: readonly string[]): string {
    return createHmac("sha256", this.#names).update(JSON.stringify(parts)).digest("base64url");
  }

  seal(name: string, value: unknown): string {
    return seal(this.#values, JSON.stringify(value), name).toString("base64");
  }

  /** @throws VaultProblem for what was not written under this name with this key */
  open(name: string, sealed: unknown): unknown {
    if (sealed === undefined) return undefined;
    try {
      return JSON.parse(unseal(this.#values, Buffer.from(sealed as string, "base64"), name).toString());
    } catch (error) {
      throw new VaultProblem(
        "damaged",
        `what the host's store has of a secret does not fit the key ${STORE_KEY} of the vault (${reasonOf(error)}); give all hosts that share the store the same key, or delete it there`,
        error,
      );
    }
  }
}

/** The key of the vault, made where there is none. */
export async function storeKeyOf(vault: Vault): Promise<StoreKey> {
  const known = secretIn((await vault.read())?.document, STORE_KEY);
  if (known !== undefined) {
    registerSecret(known);
    return new StoreKey(known);
  }
  await setSecrets(vault, new Map([[STORE_KEY, randomBytes(32).toString("base64")]]), true);
  return storeKeyOf(vault); // mine, or that of another process
}

/** A store for secrets in the host's own store, such as SQLite or Redis, which sees neither names nor values. */
export class SealedStore implements SecretStore {
  readonly #name: string;
  readonly #inner: Store;
  readonly #key: () => Promise<StoreKey>;

  /** @param key is asked each time, and remembers */
  constructor(name: string, inner: Store, key: () => Promise<StoreKey>) {
    this.#name = name;
    this.#inner = inner;
    this.#key = key;
  }

  async get(key: string): Promise<unknown> {
    const keys = await this.#key();
    const name = keys.nameOf("value", this.#name, key);
    return live(keys.open(name, await this.#inner.get(name)))?.value;
  }

  async keys(): Promise<readonly string[]> {
    const keys = await this.#key();
    const listed = await this.#listed(keys);
    const there = await Promise.all(listed.map(async (key) => (await this.get(key)) !== undefined));
    return listed.filter((_, index) => there[index]);
  }

  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    if (value === undefined) return this.delete(key);
    const keys = await this.#key();
    const name = keys.nameOf("value", this.#name, key);
    await this.#list(keys, key);
    await this.#inner.set(name, keys.seal(name, kept(key, value, endOf(ttl))), ttl);
  }

  async delete(key: string): Promise<void> {
    await this.#inner.delete((await this.#key()).nameOf("value", this.#name, key));
  }

  async increment(key: string, by = 1, ttl?: number): Promise<number> {
    const count = (before: Kept | undefined): Kept => {
      const value = (typeof before?.value === "number" ? before.value : 0) + by;
      if (!Number.isFinite(value)) throw new RangeError(`a counter cannot become ${value}`);
      return kept(key, value, before ? before.expires : endOf(ttl));
    };
    // The life of a counter begins with its first step.
    const isNew = ttl !== undefined && (await this.get(key)) === undefined;
    return (await this.#change(key, count, isNew ? ttl : undefined))?.value as number; // as counted
  }

  async update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
    const changed = (before: Kept | undefined): Kept | undefined => {
      const value = change(before?.value);
      return value === undefined ? undefined : kept(key, value, ttl === undefined ? before?.expires : endOf(ttl));
    };
    return (await this.#change(key, changed, ttl))?.value;
  }

  async #change(key: string, change: (before: Kept | undefined) => Kept | undefined, ttl: number | undefined): Promise<Kept | undefined> {
    const keys = await this.#key();
    const name = keys.nameOf("value", this.#name, key);
    await this.#list(keys, key);
    const sealed = await this.#inner.update(
      name,
      (before) => {
        const after = change(live(keys.open(name, before)));
        return after && keys.seal(name, after);
      },
      ttl,
    );
    return keys.open(name, sealed) as Kept | undefined; // as sealed above
  }

  async #listed(keys: StoreKey): Promise<readonly string[]> {
    const name = keys.nameOf("keys", this.#name);
    return (keys.open(name, await this.#inner.get(name)) ?? []) as string[]; // as #list seals them
  }

  /** A key is listed before it has a value, and stays so: `keys` looks for what has one. */
  async #list(keys: StoreKey, key: string): Promise<void> {
    if ((await this.#listed(keys)).includes(key)) return;
    const name = keys.nameOf("keys", this.#name);
    await this.#inner.update(name, (sealed) => {
      const before = (keys.open(name, sealed) ?? []) as string[]; // as above
      if (before.includes(key)) return sealed;
      if (before.length >= MOST) throw new VaultProblem("refused", `a store for secrets has ${MOST} keys already`);
      return keys.seal(name, [...before, key]);
    });
  }

  async lease(name: string, ttl: number): Promise<Lease | undefined> {
    return this.#inner.lease((await this.#key()).nameOf("lease", this.#name, name), ttl);
  }

  async publish(channel: string, message: unknown): Promise<void> {
    const keys = await this.#key();
    const name = keys.nameOf("channel", this.#name, channel);
    await this.#inner.publish(name, keys.seal(name, message));
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    let stop: (() => void) | undefined;
    let isOver = false;
    this.#key()
      .then((keys) => {
        const name = keys.nameOf("channel", this.#name, channel);
        if (!isOver) stop = this.#inner.subscribe(name, (sealed) => listener(keys.open(name, sealed)));
      })
      .catch(() => {}); // whoever writes or reads is told
    return () => {
      isOver = true;
      stop?.();
    };
  }
}

function kept(key: string, value: unknown, expires: number | undefined): Kept {
  return { key, value, ...(expires !== undefined && { expires }) };
}

function live(found: unknown): Kept | undefined {
  const entry = found as Kept | undefined; // as it was sealed
  return entry?.expires !== undefined && entry.expires <= Date.now() ? undefined : entry;
}

function endOf(ttl: number | undefined): number | undefined {
  return ttl === undefined ? undefined : Date.now() + ttl;
}
