import { randomUUID } from "node:crypto";
import type { Awaitable, Lease, Store } from "mcp-host";
import type { StoreFile } from "./store-file.ts";

/** So often somebody else may be faster. */
const MAX_TRIES = 1_000;

/** One of a file's stores: its keys begin with its name. */
export class SqliteStore implements Store {
  readonly #file: StoreFile;
  readonly #name: string;
  /** The last update of each key that is under way here: they wait for each other instead of getting in each other's way. */
  readonly #updates = new Map<string, Promise<unknown>>();

  constructor(file: StoreFile, name: string) {
    this.#file = file;
    this.#name = name;
  }

  get(key: string): Awaitable<unknown> {
    const text = this.#file.get(this.#address(key));
    return text instanceof Promise ? text.then(parsed) : parsed(text);
  }

  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    const text = textOf(value);
    if (text === undefined) await this.delete(key);
    else await this.#file.ask({ do: "set", key: this.#address(key), value: text, ttl });
  }

  async delete(key: string): Promise<void> {
    await this.#file.ask({ do: "delete", key: this.#address(key) });
  }

  increment(key: string, by = 1, ttl?: number): Promise<number> {
    return this.#file.ask({ do: "increment", key: this.#address(key), by, ttl });
  }

  async update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
    const before = this.#updates.get(key);
    const mine = (async () => {
      await before?.catch(() => {}); // its own caller is told
      return this.#swap(key, change, ttl);
    })();
    this.#updates.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#updates.get(key) === mine) this.#updates.delete(key);
    }
  }

  async #swap(key: string, change: (value: unknown) => unknown, ttl: number | undefined): Promise<unknown> {
    const address = this.#address(key);
    let expected = await this.#file.get(address);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const value = change(parsed(expected));
      const { swapped, found } = await this.#file.ask({ do: "swap", key: address, expected, value: textOf(value), ttl });
      if (swapped) return value;
      expected = found;
    }
    throw new Error(`"${key}" in the store "${this.#name}" was changed by others ${MAX_TRIES} times while it was being updated`);
  }

  async lease(name: string, ttl: number): Promise<Lease | undefined> {
    const own = { name: this.#address(name), owner: randomUUID() };
    if (!(await this.#file.ask({ do: "lease", ...own, ttl }))) return undefined;
    return {
      renew: (more) => this.#file.ask({ do: "renew", ...own, ttl: more }),
      release: () => this.#file.ask({ do: "release", ...own }),
    };
  }

  async publish(channel: string, message: unknown): Promise<void> {
    await this.#file.publish(this.#address(channel), textOf(message) ?? "null");
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    return this.#file.subscribe(this.#address(channel), listener);
  }

  /** As JSON, which has a form for every text there is. */
  #address(key: string): string {
    return JSON.stringify([this.#name, key]);
  }
}

/** JSON, or undefined for what has none. */
function textOf(value: unknown): string | undefined {
  return JSON.stringify(value) as string | undefined; // which its type does not say
}

function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}
