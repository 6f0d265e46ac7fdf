import { type Config, definePlugin, type PluginHost, SECRET_STORE, type SecretStore, STORE, type Store } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHost, testStore } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { MemoryStore } from "../dist/plugin/memory-store.js";

/** A plugin that does this in `apply`, and whose host the test then has. */
function having(apply: (host: PluginHost) => void = () => {}, name = "having") {
  const given: { host: PluginHost | undefined } = { host: undefined };
  const plugin = definePlugin({
    name,
    host: "^1.0.0",
    apply(host) {
      given.host = host;
      host.hooks.settled.tap(name, () => {});
      apply(host);
    },
  });
  return { plugin: plugin(), host: () => given.host as PluginHost }; // it was applied
}

/** A provider of stores, and those that it made. */
function provider() {
  const stores = new Map<string, Store>();
  const plugin = definePlugin({
    name: "provider",
    host: "^1.0.0",
    apply: (host) =>
      host.provide(STORE, (name) => {
        const store = new MemoryStore();
        stores.set(name, store);
        return store;
      }),
  });
  return { plugin: plugin(), stores };
}

testStore("the store that a plugin is given", {
  test,
  async start() {
    const { plugin, host } = having();
    const running = await createTestHost({ plugins: [plugin], client: false });
    return { store: host().store, close: () => running.close() };
  },
});

test("a store asked for before its provider is applied is the provider's, and what was asked of it in apply is done there", async () => {
  const { plugin: provides, stores } = provider();
  const heard: unknown[] = [];
  let read: unknown;
  const { plugin, host } = having((given) => {
    const store = given.store("mine");
    store.subscribe("news", (message) => heard.push(message));
    void store.set("a", 1);
    read = Promise.all([store.increment("a"), store.update("b", () => 2), store.lease("c", 1_000)]);
  });
  await using _running = await createTestHost({ plugins: [plugin, provides], client: false });
  expect(await read).toEqual([2, 2, expect.objectContaining({ renew: expect.any(Function) })]);
  await host().store("mine").publish("news", "here");
  expect(heard).toEqual(["here"]);
  expect([...stores.keys()]).toEqual(["mine"]);
  expect(stores.get("mine")?.get("a")).toBe(2);
});

const reload = ({ host }: TestHost, plugins: Config["plugins"]) => host.reload({ drain: 0, plugins });

test("a store follows its provider through a reload, and a subscription ends with its plugin", async () => {
  const { plugin: provides, stores } = provider();
  const heard: string[] = [];
  const { plugin, host } = having((given) => void given.store("mine").subscribe("news", (message) => heard.push(String(message))));
  await using running = await createTestHost({ plugins: [plugin], client: false });
  await host().store("mine").set("a", "in memory");
  const before = host();
  await reload(running, [plugin, provides]);
  expect(host()).not.toBe(before);
  expect(await host().store("mine").get("a")).toBeUndefined();
  await host().store("mine").publish("news", "provided");
  expect(heard).toEqual(["provided"]);
  await reload(running, [provides]);
  await vi.waitFor(async () => {
    heard.length = 0;
    await stores.get("mine")?.publish("news", "after");
    expect(heard).toEqual([]);
  });
});

test("what plugins that could not be applied asked of a store is never done", async () => {
  const { plugin: provides, stores } = provider();
  let asked: unknown;
  const { plugin } = having((given) => {
    const store = given.store("mine");
    void store.set("a", 1);
    store.subscribe("news", () => {});
    asked = store.get("a");
  });
  const broken = having(() => {
    throw new Error("broken");
  }, "broken");
  await expect(createTestHost({ plugins: [provides, plugin, broken.plugin] })).rejects.toThrow('plugin "broken" could not be applied');
  await expect(asked).rejects.toThrow('the store "mine" was asked for by plugins that could not be applied');
  expect([...stores.keys()]).toEqual([]);
});

test("a subscriber that throws is logged, and the others hear", async () => {
  const heard: unknown[] = [];
  const { plugin, host } = having();
  await using running = await createTestHost({ plugins: [plugin], client: false });
  const store = host().store("mine");
  store.subscribe("news", () => {
    throw new Error("deaf");
  });
  store.subscribe("news", (message) => heard.push(message));
  await store.publish("news", 1);
  expect(heard).toEqual([1]);
  expect(running.log).toContainEqual(
    expect.objectContaining({
      level: "error",
      plugin: "having",
      message: "a subscriber of a store failed",
      store: "mine",
      channel: "news",
    }),
  );
});

test("an asynchronous change is refused, and nothing is changed", async () => {
  const { plugin, host } = having();
  await using _running = await createTestHost({ plugins: [plugin], client: false });
  const store = host().store("mine");
  await expect(async () => store.update("a", async () => 1)).rejects.toThrow('the change of "a" in the store "mine" is asynchronous');
  expect(await store.get("a")).toBeUndefined();
});

test("a time to live that is none, and a value that is no JSON, are refused whoever provides the store", async () => {
  const { plugin: provides, stores } = provider();
  for (const plugins of [[], [provides]]) {
    const { plugin, host } = having();
    await using _running = await createTestHost({ plugins: [plugin, ...plugins], client: false });
    const store = host().store("mine");
    const place = 'in the store "mine"';
    for (const [ttl, told] of [
      [Number.NaN, "NaN"],
      ["5", '"5"'],
      [-1, "-1"],
      [Number.POSITIVE_INFINITY, "Infinity"],
      [null, "null"],
    ] as [number, string][]) {
      const words = (what: string) => `${what} ${place} has the time to live ${told}, which must be a number of milliseconds, 0 or more`;
      expect(() => store.set("a", 1, ttl)).toThrow(new TypeError(words('the value of "a"')));
      expect(() => store.increment("a", 1, ttl)).toThrow(words('the counter "a"'));
      expect(() => store.update("a", () => 1, ttl)).toThrow(words('the value of "a"'));
      expect(() => store.lease("job", ttl)).toThrow(words('the lease "job"'));
      const lease = await store.lease("another job", 60_000);
      expect(() => lease?.renew(ttl)).toThrow(words('the lease "another job"'));
      await lease?.release();
    }
    const circular: Record<string, unknown> = {};
    circular.self = [circular];
    for (const [value, told] of [
      [10n, "has the BigInt 10n"],
      [{ a: [1, { b: 2n }] }, "has the BigInt 2n"],
      [circular, "has what cannot be written (Converting circular structure to JSON)"],
      [() => 1, "has a function"],
      [{ a: Symbol("a") }, "has a symbol"],
      [Number.NaN, "has the number NaN"],
      [[undefined], "has an undefined item"],
    ] as [unknown, string][]) {
      expect(() => store.set("a", value)).toThrow(new TypeError(`the value of "a" ${place} is no JSON: it ${told}`));
      await expect(async () => store.update("a", () => value)).rejects.toThrow(`the value of "a" ${place} is no JSON: it ${told}`);
      expect(() => store.publish("news", value)).toThrow(`the message to "news" ${place} is no JSON: it ${told}`);
    }
    expect(() => store.increment("a", Number.NaN)).toThrow(`the counter "a" ${place} counts by NaN, which must be a number`);
    expect(await store.get("a")).toBeUndefined();
    let deep: unknown = "deep";
    for (let level = 0; level < 200; level++) deep = [deep];
    await store.set("a", deep);
    expect(await store.get("a")).toEqual(deep);
  }
  expect(stores.get("mine")?.get("a")).toBeDefined();
});

test("there are so many stores and no more", async () => {
  const { plugin, host } = having();
  await using _running = await createTestHost({ plugins: [plugin], client: false });
  for (let index = 0; index < 1_000; index++) await host().store(`store ${index}`).set("a", 1);
  expect(await host().store("store 0").get("a")).toBe(1);
  expect(() => host().store("one more").get("a")).toThrow("put what it is about into its keys");
});

test("a token bucket kept with update refuses what is over its rate", async () => {
  const search = fakeUpstream({ tools: { find: () => "found" } });
  const { plugin } = having(({ hooks, store }) => {
    const buckets = store("buckets");
    hooks.call.for("tools/call").tap("having", (next) => async (exchange) => {
      const left = Number(await buckets.update(exchange.scope, (value) => Math.max(Number(value ?? 2) - 1, -1)));
      return left < 0 ? { content: [], isError: true } : next(exchange);
    });
  });
  await using running = await createTestHost({ plugins: [plugin], upstreams: { search } });
  const answers = await Promise.all([1, 2, 3].map(() => running.client.callTool("find")));
  expect(answers.map(({ isError }) => isError)).toEqual([undefined, undefined, true]);
});

test("a store for secrets is found from ready on, wherever its provider stands, and is none of the plain stores", async () => {
  const made = new Map<string, SecretStore>();
  const keeper = definePlugin({
    name: "keeper",
    host: "^1.0.0",
    apply: (host) =>
      host.provide(SECRET_STORE, (name) => {
        const store = Object.assign(new MemoryStore(), { keys: () => ["a"] });
        made.set(name, store);
        return store;
      }),
  });
  let kept: unknown;
  const { plugin } = having((host) => {
    host.hooks.ready.tap("having", async () => {
      const secrets = host.find(SECRET_STORE)?.("tokens");
      await secrets?.set("a", "secret");
      kept = [await secrets?.keys(), await secrets?.get("a"), await host.store("tokens").get("a")];
    });
  });
  await using _running = await createTestHost({ plugins: [plugin, keeper()], client: false });
  expect(kept).toEqual([["a"], "secret", undefined]);
  expect([...made.keys()]).toEqual(["tokens"]);
});

test("without a provider there is no store for secrets, not even one in memory", async () => {
  let found: unknown = "not asked";
  const { plugin } = having((host) => {
    host.hooks.ready.tap("having", () => {
      found = host.find(SECRET_STORE);
    });
  });
  await using _running = await createTestHost({ plugins: [plugin], client: false });
  expect(found).toBeUndefined();
});
