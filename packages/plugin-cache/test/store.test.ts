import type { CacheOptions } from "@host/plugin-cache";
import { definePlugin, STORE, type Store } from "mcp-host";
import { expect, test, vi } from "vitest";
import { gate, numbered, Scripted, served } from "./served.ts";

/** A store that hosts share, as one over a network is: everything is JSON and comes later. */
class Shared implements Store {
  readonly values = new Map<string, string>();
  fails = false;
  hangs = false;

  async #turn(): Promise<void> {
    if (this.hangs) await new Promise(() => {});
    await new Promise(setImmediate);
    if (this.fails) throw new Error("the store is down");
  }

  async get(key: string): Promise<unknown> {
    await this.#turn();
    const text = this.values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#turn();
    this.values.set(key, JSON.stringify(value));
  }

  async delete(key: string): Promise<void> {
    await this.#turn();
    this.values.delete(key);
  }

  async increment(key: string, by = 1): Promise<number> {
    await this.#turn();
    const value = Number(this.values.get(key) ?? 0) + by;
    this.values.set(key, String(value));
    return value;
  }

  async update(key: string, change: (value: unknown) => unknown): Promise<unknown> {
    const value = change(await this.get(key));
    await this.set(key, value);
    return value;
  }

  lease(): undefined {}
  publish(): void {}
  subscribe(): () => void {
    return () => {};
  }

  readonly plugin = definePlugin({
    name: "shared-store",
    host: "^1.0.0",
    apply: (host) => host.provide(STORE, () => this),
  });
}

const options: CacheOptions = { tools: "get", scope: "shared", store: true, invalidate: [{ call: "set", drop: "get" }] };

/** Two hosts with one store in front of one server. */
async function two(shared: Shared, more: Record<string, unknown> = {}) {
  const a = new Scripted(["get", "set"]);
  const one = await served({ a }, { ...options, ...more }, { before: [shared.plugin()] });
  const other = await served({ a }, { ...options, ...more }, { before: [shared.plugin()] });
  return {
    a,
    one,
    other,
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  };
}

test.each([true, "my-cache"])("with `store: %j` and no other store, it works as in memory", async (store) => {
  const a = new Scripted(["get", "set"]);
  await using host = await served({ a }, { ...options, scope: "principal", store });
  const other = await host.connect();
  const first = await host.client.text("get");
  expect(await host.client.text("get")).toBe(first);
  expect(await other.text("get")).not.toBe(first);
  await other.call("set");
  expect(await host.client.text("get")).not.toBe(first);
  expect(host.stats()).toMatchObject({ hits: 1, misses: 3 });
});

test("what one host got, another gives; and nothing in the store shows what was asked", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  const first = await hosts.one.client.text("get", { secret: "arguments" });
  expect(await hosts.other.client.text("get", { secret: "arguments" })).toBe(first);
  expect(hosts.a.count("get")).toBe(1);
  expect([...shared.values.keys()].join()).not.toContain("arguments");
});

test("a write through one host drops what another gives, and what a third that comes later would", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  const first = await hosts.one.client.text("get");
  expect(await hosts.other.client.text("get")).toBe(first);
  await hosts.other.client.call("set");
  const second = await hosts.one.client.text("get");
  expect(second).not.toBe(first);
  await using third = await served({ a: hosts.a }, options, { before: [shared.plugin()] });
  expect(await third.client.text("get")).toBe(second);
  await hosts.one.client.call("set");
  expect(await third.client.text("get")).not.toBe(second);
});

test("a read of one host that was under way when another wrote is not kept, and nobody joins it", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  const slow = gate<Record<string, unknown>>();
  hosts.a.answers.get = (_, { server }) => (server.count("get") === 1 ? slow.opened : numbered(server.count("get")));
  const old = hosts.one.client.text("get");
  await vi.waitFor(() => expect(hosts.a.count("get")).toBe(1));
  await hosts.other.client.call("set");
  expect(await hosts.one.client.text("get")).toBe("2");
  slow.open(numbered(1));
  expect(await old).toBe("1");
  expect(await hosts.one.client.text("get")).toBe("2");
  expect(await hosts.other.client.text("get")).toBe("2");
});

test("calls of one host that are under way are shared", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  const { client } = hosts.one;
  const [one, two_] = await Promise.all([client.text("get"), client.text("get")]);
  expect(one).toBe(two_);
  expect(hosts.a.count("get")).toBe(1);
});

test("a store that fails costs hits, never a call; and what was dropped meanwhile is not given afterwards", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  const { client } = hosts.one;
  const first = await client.text("get");
  shared.fails = true;
  expect(await client.text("get")).not.toBe(first);
  await client.call("set");
  shared.fails = false;
  const after = await client.text("get");
  expect(after).not.toBe(first);
  expect(await hosts.other.client.text("get")).toBe(after);
  expect(hosts.one.logs.filter(({ plugin }) => plugin === "cache")).toMatchObject([
    { level: "warn", reason: expect.stringContaining("the store is down") },
    { level: "info" },
  ]);
});

test("a store that does not answer is not waited for", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  shared.hangs = true;
  await hosts.one.client.call("get");
  expect(hosts.one.logs).toContainEqual(
    expect.objectContaining({ level: "warn", reason: expect.stringContaining("did not answer within") }),
  );
});

test("a result from before more drops than are looked through, or from another store's time, counts as dropped", async () => {
  const shared = new Shared();
  await using hosts = await two(shared);
  const first = await hosts.one.client.text("get");
  shared.values.set("drops", "1001");
  const second = await hosts.one.client.text("get");
  expect(second).not.toBe(first);
  shared.values.set("drops", "0");
  expect(await hosts.one.client.text("get")).not.toBe(second);
});

test("the size of what one host puts there is bounded", async () => {
  const shared = new Shared();
  await using hosts = await two(shared, { maxSize: 2_000, maxEntrySize: 1_500 });
  const { client, stats } = hosts.one;
  hosts.a.answers.get = ({ arguments: args }) => ({ content: [{ type: "text", text: "x".repeat((args as { n: number }).n) }] });
  for (const n of [700, 701, 702, 1_600]) await client.call("get", { n });
  const kept = () => [...shared.values.keys()].filter((key) => key.startsWith("entry:")).length;
  await vi.waitFor(() => expect(kept()).toBe(2));
  expect(stats()).toMatchObject({ entries: 2, evictions: 1 });
  expect(await hosts.one.host.operator.run("cache:clear", { pattern: "*" })).toEqual({ dropped: 2 });
  await vi.waitFor(() => expect(kept()).toBe(0));
});
