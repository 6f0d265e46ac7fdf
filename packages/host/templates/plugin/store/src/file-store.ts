import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { BoundedMap, type Clock, type Lease, type Store } from "mcp-host";

/** Of one store; the oldest makes room. */
const MOST_KEYS = 100_000;

interface Kept {
  readonly value: unknown;
  /** When its time is up, in milliseconds since 1970. */
  readonly until?: number | undefined;
}

/** A store in one file, which is written anew after changes. For one host: what another writes meanwhile is lost. */
export class FileStore implements Store {
  readonly #path: string;
  readonly #clock: Pick<Clock, "now">;
  /** Values by `v` and their key, leases by `l` and their name. */
  readonly #kept = new BoundedMap<string, Kept>(MOST_KEYS);
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();
  #writing: Promise<void> = Promise.resolve();
  /** The write that will have what is put now. */
  #next: Promise<void> | undefined;

  /** @throws Error where the file is there and cannot be read */
  constructor(path: string, clock: Pick<Clock, "now">) {
    this.#path = path;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    for (const [key, kept] of read(path)) this.#kept.set(key, kept);
  }

  get(key: string): unknown {
    return structuredClone(this.#of(`v${key}`)?.value);
  }

  set(key: string, value: unknown, ttl?: number): Promise<void> {
    return this.#put(`v${key}`, value, this.#until(ttl));
  }

  delete(key: string): Promise<void> {
    return this.#put(`v${key}`, undefined);
  }

  async increment(key: string, by = 1, ttl?: number): Promise<number> {
    const kept = this.#of(`v${key}`);
    const isCounter = typeof kept?.value === "number";
    const value = isCounter ? (kept.value as number) + by : by;
    if (!Number.isFinite(value)) throw new RangeError(`a counter cannot become ${value}`);
    await this.#put(`v${key}`, value, isCounter ? kept.until : this.#until(ttl));
    return value;
  }

  async update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
    const kept = this.#of(`v${key}`);
    const value = change(structuredClone(kept?.value));
    await this.#put(`v${key}`, value, ttl === undefined ? kept?.until : this.#until(ttl));
    return structuredClone(value);
  }

  async lease(name: string, ttl: number): Promise<Lease | undefined> {
    const key = `l${name}`;
    if (this.#of(key)) return undefined;
    const token = randomUUID();
    const isMine = (): boolean => this.#of(key)?.value === token;
    await this.#put(key, token, this.#until(ttl));
    return {
      renew: async (more) => {
        if (!isMine()) return false;
        await this.#put(key, token, this.#until(more));
        return true;
      },
      release: async () => {
        if (isMine()) await this.#put(key, undefined);
      },
    };
  }

  publish(channel: string, message: unknown): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(structuredClone(message));
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    const own = (message: unknown): void => listener(message);
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

  #of(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept?.until === undefined || kept.until > this.#clock.now()) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  /** Changes what is in memory at once, and resolves when it is in the file: what is put while one write runs goes with the next. */
  #put(key: string, value: unknown, until?: number): Promise<void> {
    if (value === undefined) this.#kept.delete(key);
    else this.#kept.set(key, { value: JSON.parse(JSON.stringify(value)), until });
    this.#next ??= this.#writing
      .catch(() => undefined) // told to those who waited for it
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#next;
  }

  /** In the place of the old file at once, so that there is never half of one. */
  async #write(): Promise<void> {
    for (const key of [...this.#kept.keys()]) this.#of(key); // drops what is over
    await writeFile(`${this.#path}.new`, JSON.stringify([...this.#kept]), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }
}

function read(path: string): [string, Kept][] {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as [string, Kept][]; // as #write has it
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Error(`the store ${path} cannot be read: ${(error as Error).message}; put it aside to begin anew`);
  }
}
