import { setImmediate as turn } from "node:timers/promises";
import type { Lease, Store } from "mcp-host";
import { testStore } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { MemoryStore } from "../dist/plugin/memory-store.js";

/** A store as it is over a network: everything is JSON and takes a while, and an update is tried until nobody was faster. */
class Remote implements Store {
  readonly memory: MemoryStore;

  constructor(memory: MemoryStore) {
    this.memory = memory;
  }

  async get(key: string): Promise<unknown> {
    await turn();
    return this.read(key);
  }

  read(key: string): unknown {
    const text = this.memory.get(key);
    return typeof text === "string" ? JSON.parse(text) : text;
  }

  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    await turn();
    this.memory.set(key, JSON.stringify(value), ttl);
  }

  async delete(key: string): Promise<void> {
    await turn();
    this.memory.delete(key);
  }

  async increment(key: string, by?: number, ttl?: number): Promise<number> {
    await turn();
    return this.memory.increment(key, by, ttl);
  }

  async update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
    for (;;) {
      const before = this.memory.get(key);
      const value = change(this.read(key));
      await turn();
      if (this.memory.get(key) !== before) continue;
      this.memory.update(key, () => (value === undefined ? undefined : JSON.stringify(value)), ttl);
      return value;
    }
  }

  async lease(name: string, ttl: number): Promise<Lease | undefined> {
    await turn();
    return this.memory.lease(name, ttl);
  }

  async publish(channel: string, message: unknown): Promise<void> {
    const text = JSON.stringify(message);
    await turn();
    this.memory.publish(channel, text);
  }

  subscribe(channel: string, listener: (message: unknown) => void): () => void {
    return this.memory.subscribe(channel, (text) => listener(JSON.parse(String(text))));
  }
}

/** Starts hosts that share their stores. */
function sharing(make: (memory: MemoryStore) => Store) {
  const memories = new Map<string, MemoryStore>();
  return () => ({
    store(name: string): Store {
      let memory = memories.get(name);
      if (!memory) memories.set(name, (memory = new MemoryStore()));
      return make(memory);
    },
  });
}

testStore("a store over a network", { test, shared: true, start: sharing((memory) => new Remote(memory)) });

/** Stores that break the contract, by the test that tells. */
const BROKEN: Record<string, (memory: MemoryStore) => Store> = {
  "of updates at the same time none is lost": (memory) =>
    new (class extends Remote {
      override async update(key: string, change: (value: unknown) => unknown, ttl?: number): Promise<unknown> {
        const value = change(await this.get(key));
        await (value === undefined ? this.delete(key) : this.set(key, value, ttl));
        return value;
      }
    })(memory),
  "a lease is one's until it is released": (memory) =>
    new (class extends Remote {
      override async lease(name: string, ttl: number): Promise<Lease | undefined> {
        if (await this.get(name)) return undefined;
        await this.set(name, true, ttl);
        return { renew: () => true, release: () => this.delete(name) };
      }
    })(memory),
  "a value goes when its time is up, and not before": (memory) =>
    new (class extends Remote {
      override async set(key: string, value: unknown, ttl?: number): Promise<void> {
        if (this.memory.get(key) === undefined) return super.set(key, value, ttl);
        await this.update(key, () => value);
      }
    })(memory),
  "a key is any text, and keys and stores do not meet": (memory) =>
    new (class extends Remote {
      override set(key: string, value: unknown, ttl?: number): Promise<void> {
        return super.set(key.toLowerCase(), value, ttl);
      }
      override get(key: string): Promise<unknown> {
        return super.get(key.toLowerCase());
      }
    })(memory),
  "every subscriber of a channel hears its messages in order, and nobody else": (memory) =>
    new (class extends Remote {
      override subscribe(_channel: string, listener: (message: unknown) => void): () => void {
        return super.subscribe("", listener);
      }
      override publish(_channel: string, message: unknown): Promise<void> {
        return super.publish("", message);
      }
    })(memory),
};

describe("stores that break the contract fail", () => {
  for (const [what, make] of Object.entries(BROKEN))
    test(`at: ${what}`, async () => {
      const tests = new Map<string, () => Promise<void>>();
      testStore("broken", { test: (name, run) => void tests.set(name, run), shared: true, start: sharing(make) });
      const run = tests.get(`broken: ${what}`);
      expect(run).toBeDefined();
      await expect(run?.()).rejects.toThrow();
    });
});
