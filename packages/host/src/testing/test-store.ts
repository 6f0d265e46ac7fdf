import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Lease, Store } from "../plugin/store.ts";

/** What provides stores, as one host has it. */
export interface StoreProvider {
  /** What the plugin provides under `STORE`; asked once for each name. */
  readonly store: (name: string) => Store;
  close?(): Awaitable<void>;
}

/** What the contract suite has to know of a store. */
export interface StoreCases {
  /** Any runner's test function: of vitest, node:test, jest. */
  test: (name: string, run: () => Promise<void>) => void;
  /** Starts the provider, as one host would. Each test starts what it needs, and closes it. */
  start(): Awaitable<StoreProvider>;
  /** Whether what one host writes is there for another: then the tests start two, and both have to agree. Default: no. */
  shared?: boolean;
}

/** JSON of every kind. */
const VALUES: readonly unknown[] = [
  null,
  false,
  0,
  -1.5,
  "",
  "text \u0000 \ud83d\ude00 \u2028",
  [],
  {},
  [1, [null, { a: [] }]],
  { a: { b: [1, "2", null] }, "": 0, constructor: 1 },
];

const KEYS = ["", "a", "A", "a:b", "a b", "a%b_c*?[d]", "__proto__", "constructor", "\ud83d\ude00", "k".repeat(1_000)];

/** Milliseconds: one that a test sees the end of, and one that none does. */
const SHORT = 60;
const LONG = 600_000;
/** Until something that has to happen must have happened. */
const DEADLINE = 15_000;

/** The same store, seen from two hosts where hosts share it. */
interface Pair {
  readonly one: Store;
  readonly other: Store;
  /** Another store of the same provider. */
  readonly elsewhere: Store;
}

/**
 * Makes the tests of the contract that every store keeps: values and their times to live, counters, `update` as one step, leases
 * that only one has, messages. They need no time but what short times to live take.
 */
export function testStore(name: string, { test, start, shared = false }: StoreCases): void {
  const check = (what: string, run: (pair: Pair) => Promise<void>): void =>
    test(`${name}: ${what}`, async () => {
      const hosts: StoreProvider[] = [await start()];
      try {
        if (shared) hosts.push(await start());
        const [first, last] = [hosts[0], hosts.at(-1)] as [StoreProvider, StoreProvider]; // there is one
        const id = `test-${randomUUID()}`;
        const one = first.store(id);
        await run({ one, other: shared ? last.store(id) : one, elsewhere: first.store(`${id}-elsewhere`) });
      } finally {
        for (const host of hosts) await host.close?.();
      }
    });

  check("a value is kept as it is until it is replaced or deleted", async ({ one, other }) => {
    assert.equal(await one.get("a"), undefined);
    for (const value of VALUES) {
      await one.set("a", value);
      assert.deepEqual(await other.get("a"), value);
    }
    await other.delete("a");
    await other.delete("a");
    assert.equal(await one.get("a"), undefined);
    await one.set("a", 1);
    await one.set("a", undefined);
    assert.equal(await other.get("a"), undefined, "undefined deletes");
  });

  check("a key is any text, and keys and stores do not meet", async ({ one, other, elsewhere }) => {
    for (const [index, key] of KEYS.entries()) await one.set(key, index);
    for (const [index, key] of KEYS.entries()) assert.equal(await other.get(key), index, `the key ${JSON.stringify(key.slice(0, 20))}`);
    for (const key of KEYS) assert.equal(await elsewhere.get(key), undefined, "a store has what was put in another");
  });

  check("a value goes when its time is up, and not before", async ({ one, other }) => {
    await one.set("short", 1, SHORT);
    await one.set("long", 1, LONG);
    await one.set("replaced", 1, SHORT);
    await one.set("replaced", 2);
    await one.set("prolonged", 1, SHORT);
    await one.set("prolonged", 2, LONG);
    await until("a value whose time is up is gone", async () => (await other.get("short")) === undefined);
    await elapse(other, SHORT);
    assert.deepEqual(await Promise.all(["long", "replaced", "prolonged"].map((key) => other.get(key))), [1, 2, 2]);
  });

  check("a time to live may be 0 or a fraction of a millisecond", async ({ one, other }) => {
    await one.set("a", 1);
    await one.set("a", 2, 0);
    await one.set("b", 1, 0.25);
    assert.equal(await one.increment("n", 1, 0), 1);
    await one.update("c", () => 1, 0);
    for (const key of ["a", "b", "c", "n"])
      await until(`"${key}", whose time is up, is gone`, async () => (await other.get(key)) === undefined);
  });

  check("a field that is undefined is none", async ({ one, other }) => {
    await one.set("a", { b: undefined, c: 1 });
    await one.update("d", () => ({ b: undefined, c: 1 }));
    for (const key of ["a", "d"]) assert.equal(JSON.stringify(await other.get(key)), '{"c":1}');
  });

  check("a counter counts, over all who count", async ({ one, other }) => {
    assert.equal(await one.increment("n"), 1);
    assert.equal(await other.increment("n", 5), 6);
    assert.equal(await one.increment("n", -2), 4);
    assert.equal(await other.get("n"), 4);
    await one.set("n", "text");
    assert.equal(await one.increment("n", 2), 2, "what is no number counts from nothing");
    const counted = await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 ? one : other).increment("m")));
    assert.deepEqual(
      counted.toSorted((a, b) => a - b),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });

  check("a counter that would be infinite is refused and stays", async ({ one, other }) => {
    await one.increment("n", Number.MAX_VALUE);
    await assert.rejects(async () => other.increment("n", Number.MAX_VALUE));
    assert.equal(await one.get("n"), Number.MAX_VALUE);
  });

  check("the life of a counter begins with its first step", async ({ one }) => {
    assert.equal(await one.increment("n", 1, SHORT), 1);
    await until("a counter whose time is up counts from nothing", async () => (await one.increment("n", 1, SHORT)) === 1);
    await one.increment("stays");
    await one.increment("stays", 1, SHORT);
    await elapse(one, SHORT);
    assert.equal(await one.get("stays"), 2);
  });

  check("update reads, changes and writes", async ({ one, other }) => {
    const given: unknown[] = [];
    const put = (value: unknown) => (before: unknown) => {
      given.push(before);
      return value;
    };
    assert.deepEqual(await one.update("a", put({ n: 1 })), { n: 1 });
    assert.deepEqual(await other.get("a"), { n: 1 });
    assert.equal(await other.update("a", put(null)), null);
    assert.equal(await one.update("a", put(undefined)), undefined, "undefined deletes");
    assert.equal(await other.get("a"), undefined);
    assert.equal(await one.update("a", put(undefined)), undefined);
    assert.deepEqual(given, [undefined, { n: 1 }, null, undefined]);
  });

  check("an update that throws changes nothing", async ({ one, other }) => {
    const no = (): never => {
      throw new RangeError("no");
    };
    await one.set("a", 1);
    for (const key of ["a", "b"]) await assert.rejects(async () => one.update(key, no), { name: "RangeError", message: "no" });
    assert.deepEqual([await other.get("a"), await other.get("b")], [1, undefined]);
    assert.equal(await one.update("a", () => 2), 2, "the store goes on");
  });

  check("of updates at the same time none is lost", async ({ one, other }) => {
    const add = (store: Store): Awaitable<unknown> => store.update("n", (value) => Number(value ?? 0) + 1);
    const numbers = await Promise.all(Array.from({ length: 40 }, (_, index) => add(index % 2 ? one : other)));
    assert.equal(await one.get("n"), 40);
    assert.equal(new Set(numbers).size, 40, "two updates gave the same");
  });

  check("an update keeps a value's time to live, or sets it anew", async ({ one }) => {
    await one.set("a", 1, SHORT);
    await one.set("b", 1, SHORT);
    await one.update("b", () => 2, LONG);
    await one.set("c", 1);
    await one.update("c", () => 2);
    await one.update("d", () => 1, SHORT);
    await until("an updated value goes when it would have gone", async () => (await one.update("a", (value) => value)) === undefined);
    await until("a value goes when its time is up", async () => (await one.get("d")) === undefined);
    await elapse(one, SHORT);
    assert.deepEqual([await one.get("b"), await one.get("c")], [2, 2]);
  });

  check("a lease is one's until it is released", async ({ one, other, elsewhere }) => {
    const taken = await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 ? one : other).lease("job", LONG)));
    const [lease, ...more] = taken.filter((each) => each !== undefined);
    assert(lease && more.length === 0, `${more.length + (lease ? 1 : 0)} have the lease at once`);
    assert(await other.lease("another job", LONG), "another lease is free");
    assert(await elsewhere.lease("job", LONG), "that of another store is free");
    assert.equal(await lease.renew(LONG), true);
    assert.equal(await other.lease("job", LONG), undefined);
    await lease.release();
    await lease.release();
    assert.equal(await lease.renew(LONG), false, "what was given back cannot be renewed");
    const next = await other.lease("job", LONG);
    assert(next, "what was given back is free");
    await lease.release();
    assert.equal(await one.lease("job", LONG), undefined, "who had it gives back what is another's by now");
    await next.release();
  });

  check("a lease is lost when its time is up, unless it is renewed", async ({ one, other }) => {
    const lost = await one.lease("job", SHORT);
    assert(lost);
    let next: Lease | undefined;
    await until("a lease whose time is up is free", async () => (next = await other.lease("job", LONG)) !== undefined);
    assert.equal(await lost.renew(LONG), false, "a lost lease was renewed");
    assert.equal(await one.lease("job", LONG), undefined);
    await next?.release();
    const kept = await renewed(one);
    await elapse(one, kept.ttl);
    assert.equal(await other.lease(kept.name, LONG), undefined, "a lease that was renewed has another owner");
    const gone = await one.lease("nobody renews", SHORT);
    assert(gone);
    await elapse(one, SHORT);
    assert.equal(await gone.renew(LONG), false, "a lease that is over was renewed");
  });

  check("leases and values do not meet", async ({ one }) => {
    await one.set("job", 1);
    const lease = await one.lease("job", LONG);
    assert(lease, "a value is no lease");
    await one.set("job", 2);
    await one.delete("job");
    assert.equal(await one.lease("job", LONG), undefined);
    await one.set("job", 3);
    await lease.release();
    assert.equal(await one.get("job"), 3);
  });

  check("every subscriber of a channel hears its messages in order, and nobody else", async ({ one, other, elsewhere }) => {
    const heard: Record<string, unknown[]> = { one: [], other: [], stopped: [], elsewhere: [], channel: [] };
    const listen = (store: Store, who: string, channel = "news"): (() => void) =>
      store.subscribe(channel, (message) => void heard[who]?.push(message));
    const ends = [listen(one, "one"), listen(other, "other"), listen(elsewhere, "elsewhere"), listen(one, "channel", "other news")];
    const stop = listen(one, "stopped");
    // A subscription may take a moment to be there; then it misses nothing.
    await until("subscribers hear", async () => {
      await one.publish("news", "hello");
      return (heard.one?.length ?? 0) > 0 && (heard.other?.length ?? 0) > 0;
    });
    stop();
    stop();
    for (const message of VALUES) await one.publish("news", message);
    await one.publish("news", "last");
    const after = (who: string): unknown[] => (heard[who] ?? []).filter((message) => message !== "hello");
    for (const who of ["one", "other"]) {
      await until("subscribers hear the last message", async () => after(who).at(-1) === "last");
      assert.deepEqual(after(who), [...VALUES, "last"]);
    }
    assert.deepEqual([heard.elsewhere, heard.channel, after("stopped")], [[], [], []]);
    for (const end of ends) end();
    await one.publish("news", "nobody");
    await one.publish("nobody's", 1);
    assert.equal(heard.one?.includes("nobody"), false);
  });
}

/** A lease that was renewed in time, by its name and the time that it would have had. On a slow machine that takes more than one try. */
async function renewed(store: Store): Promise<{ name: string; ttl: number }> {
  for (const ttl of [SHORT, 10 * SHORT, 100 * SHORT]) {
    const name = `renewed in ${ttl}`;
    if (await (await store.lease(name, ttl))?.renew(LONG)) return { name, ttl };
  }
  throw new assert.AssertionError({ message: "a lease could not be renewed" });
}

/** Lets so much time pass as the store tells it, by its values and by its leases: they may go by different clocks. */
async function elapse(store: Store, milliseconds: number): Promise<void> {
  const witness = `witness ${randomUUID()}`;
  await store.set(witness, 1, milliseconds);
  assert(await store.lease(witness, milliseconds));
  await until("a value whose time is up is gone", async () => (await store.get(witness)) === undefined);
  await until("a lease whose time is up is free", async () => (await store.lease(witness, LONG)) !== undefined);
}

/** Asks until it is so. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE;
  while (!(await isSo())) {
    assert(performance.now() < deadline, `in ${DEADLINE} ms it was not so that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
