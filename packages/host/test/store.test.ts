import { testStore } from "mcp-host/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryStore } from "../dist/plugin/memory-store.js";
import { Stores } from "../dist/plugin/stores.js";

testStore("the store in memory", {
  test,
  start() {
    const stores = new Stores();
    return { store: (name) => stores.of(name) };
  },
});

describe("on a clock of its own", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["performance", "Date"] }));
  afterEach(() => void vi.useRealTimers());

  test("a value is kept until it is deleted or replaced", () => {
    const store = new MemoryStore();
    expect(store.get("a")).toBeUndefined();
    store.set("a", { deep: [1] });
    expect(store.get("a")).toEqual({ deep: [1] });
    store.set("a", null);
    expect(store.get("a")).toBeNull();
    store.delete("a");
    expect(store.get("a")).toBeUndefined();
  });

  test("a value with a time to live is there before it and gone at it", () => {
    const store = new MemoryStore();
    store.set("a", 1, 1_000);
    vi.advanceTimersByTime(999);
    expect(store.get("a")).toBe(1);
    vi.advanceTimersByTime(1);
    expect(store.get("a")).toBeUndefined();
  });

  test("a jump of the wall clock neither ends nor prolongs a life", () => {
    const store = new MemoryStore();
    store.set("a", 1, 1_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(store.get("a")).toBe(1);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(1_000);
    expect(store.get("a")).toBeUndefined();
  });

  test("a counter counts, and its life begins with its first step", () => {
    const store = new MemoryStore();
    expect(store.increment("n", 1, 1_000)).toBe(1);
    vi.advanceTimersByTime(600);
    expect(store.increment("n", 5, 1_000)).toBe(6);
    vi.advanceTimersByTime(399);
    expect(store.increment("n")).toBe(7);
    vi.advanceTimersByTime(1);
    expect(store.increment("n")).toBe(1);
  });

  test("what is no number counts from nothing", () => {
    const store = new MemoryStore();
    store.set("n", "text");
    expect(store.increment("n", 2)).toBe(2);
  });

  test("a full store drops the oldest key, and writing a key again makes it young", () => {
    const store = new MemoryStore();
    for (let index = 0; index < 100_000; index++) store.set(`k${index}`, index);
    expect(store.get("k0")).toBe(0);
    store.set("k0", "again");
    store.set("one more", 1);
    expect(store.get("k0")).toBe("again");
    expect(store.get("k1")).toBeUndefined();
    expect(store.get("k2")).toBe(2);
  });

  test("every subscriber of a channel hears a message, and nobody else", () => {
    const store = new MemoryStore();
    const heard: string[] = [];
    const stop = store.subscribe("a", (message) => heard.push(`first ${message}`));
    store.subscribe("a", (message) => heard.push(`second ${message}`));
    store.subscribe("b", (message) => heard.push(`other ${message}`));
    store.publish("a", 1);
    stop();
    store.publish("a", 2);
    store.publish("nobody", 3);
    expect(heard).toEqual(["first 1", "second 1", "second 2"]);
  });

  test("ending a subscription twice does not end another's", () => {
    const store = new MemoryStore();
    const stop = store.subscribe("a", () => {});
    stop();
    const heard: unknown[] = [];
    store.subscribe("a", (message) => heard.push(message));
    stop();
    store.publish("a", 1);
    expect(heard).toEqual([1]);
  });

  test("one listener subscribed twice hears twice, and stops one by one", () => {
    const store = new MemoryStore();
    const heard: unknown[] = [];
    const listener = (message: unknown): void => void heard.push(message);
    const stop = store.subscribe("a", listener);
    store.subscribe("a", listener);
    store.publish("a", 1);
    stop();
    store.publish("a", 2);
    expect(heard).toEqual([1, 1, 2]);
  });

  test("a lease lives as long as it was taken or renewed for", () => {
    const store = new MemoryStore();
    const lease = store.lease("job", 1_000);
    vi.advanceTimersByTime(999);
    expect(store.lease("job", 1_000)).toBeUndefined();
    expect(lease?.renew(500)).toBe(true);
    vi.advanceTimersByTime(499);
    expect(store.lease("job", 1_000)).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(lease?.renew(500)).toBe(false);
    expect(store.lease("job", 1_000)).toBeDefined();
  });

  test("leases that are over make room, and none that somebody has does", () => {
    const store = new MemoryStore();
    for (let index = 0; index < 10_000; index++) store.lease(`job ${index}`, 1_000);
    expect(() => store.lease("one more", 1_000)).toThrow("10000 leases of this store are taken");
    expect(store.lease("job 1", 1_000)).toBeUndefined();
    vi.advanceTimersByTime(1_000);
    expect(store.lease("one more", 1_000)).toBeDefined();
  });

  test("subscriptions too many are refused, and one that ends makes room", () => {
    const store = new MemoryStore();
    const stop = store.subscribe("a", () => {});
    for (let index = 1; index < 10_000; index++) store.subscribe(`${index}`, () => {});
    expect(() => store.subscribe("a", () => {})).toThrow("this store has 10000 subscriptions");
    stop();
    stop();
    store.subscribe("a", () => {});
    expect(() => store.subscribe("a", () => {})).toThrow("this store has 10000 subscriptions");
  });
});
