import { mkdirSync, readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Clock, definePlugin, type Lease, STORE, type Store } from "mcp-host";
import { z } from "zod";

interface Kept {
  readonly value: unknown;
  readonly until: number | undefined;
}

/** A store in one file, which is written anew after changes. For one host: what another writes meanwhile is lost. */
export class FileStore implements Store {
  readonly #path: string;
  readonly #clock: Pick<Clock, "now">;
  readonly #values: Map<string, Kept>;
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(path: string, clock: Pick<Clock, "now">) {
    this.#path = path;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#values = new Map(JSON.parse(readIfThere(path) ?? "[]") as [string, Kept][]); // what #save wrote
  }

  get(key: string): unknown {
    return structuredClone(this.#kept(`v${key}`)?.value);
  }

  set(key: string, value: unknown, ttl?: number): Promise<void> {
    return this.#put(`v${key}`, value, this.#until(ttl));
  }

  delete(key: string): Promise<void> {
    return this.#put(`v${key}`, undefined, undefined);
  }

  async increment(key: string, by = 1, ttl?: number): Promise<number> {
    const kept = this.#kept(`v${key}`);
    const isCounter = typeof kept?.value === "number";
    const value = isCounter ? kept.value + by : by;
    if (!Number.isFinite(value)) throw new RangeError(`a counter cannot become ${value}`);
    await this.#put(`v${key}`, value, isCounter ? kept.until : this.#until(ttl));
    return value;
  }

  async update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
    const kept = this.#kept(`v${key}`);
    const value = change(structuredClone(kept?.value));
    await this.#put(`v${key}`, value, ttl === undefined ? kept?.until : this.#until(ttl));
    return structuredClone(value);
  }

  async lease(name: string, ttl: number): Promise<Lease | undefined> {
    const key = `l${name}`;
    if (this.#kept(key)) return undefined;
    const token = `${this.#clock.now()}.${Math.random()}`;
    const isMine = () => this.#kept(key)?.value === token;
    await this.#put(key, token, this.#until(ttl));
    return {
      renew: async (more) => {
        if (!isMine()) return false;
        await this.#put(key, token, this.#until(more));
        return true;
      },
      release: async () => {
        if (isMine()) await this.#put(key, undefined, undefined);
      },
    };
  }

  publish(channel: string, message: unknown): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(structuredClone(message));
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    const own = (message: unknown) => listener(message);
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(own));
    return () => {
      listeners.delete(own);
      if (listeners.size === 0) this.#listeners.delete(channel);
    };
  }

  /** Resolves when all is in the file. */
  async close(): Promise<void> {
    await (this.#next ?? this.#writing);
  }

  #until(ttl: number | undefined): number | undefined {
    return ttl === undefined ? undefined : this.#clock.now() + ttl;
  }

  #kept(key: string): Kept | undefined {
    const kept = this.#values.get(key);
    if (kept?.until === undefined || kept.until > this.#clock.now()) return kept;
    this.#values.delete(key);
    return undefined;
  }

  #put(key: string, value: unknown, until: number | undefined): Promise<void> {
    this.#values.delete(key);
    if (value !== undefined) this.#values.set(key, { value: JSON.parse(JSON.stringify(value)), until });
    if (this.#values.size > 100_000) this.#values.delete(this.#values.keys().next().value!);
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return (this.#writing = this.#save());
      });
    return this.#next;
  }

  /** In the place of the old file at once, so that there is never half of one. */
  async #save(): Promise<void> {
    for (const key of this.#values.keys()) this.#kept(key);
    await writeFile(`${this.#path}.new`, JSON.stringify([...this.#values]), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Keeps what plugins store in files of a folder, so that it outlives the host. */
export default definePlugin({
  name: "file-store",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({ folder: z.string().min(1).default(".mcp-store") }),
  apply(host, { folder }) {
    const stores = new Set<FileStore>();
    host.provide(STORE, (name) => {
      const store = new FileStore(join(resolve(host.folder, folder), `${encodeURIComponent(name)}.json`), host.clock);
      stores.add(store);
      return store;
    });
    host.hooks.close.tap("file-store", async () => {
      for (const store of stores) await store.close();
    });
  },
});
