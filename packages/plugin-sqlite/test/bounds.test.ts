import { statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { expect, test, vi } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { openStore } from "../dist/database.js";
import { Operations } from "../dist/operations.js";
import { Room } from "../dist/room.js";
import { StoreFile } from "../dist/store-file.js";
import { fileIn, opened } from "./opened.ts";

const MIB = 1024 ** 2;
const LONG = 3_600_000;
const TEXT = "x".repeat(1_000);

test("a full file makes room: what would go first goes first, what has no time to live stays, and it is said", async () => {
  using folder = temporary();
  await using host = await opened({ file: fileIn(folder), maxSize: MIB });
  const store = host.store("a");
  await Promise.all(Array.from({ length: 100 }, (_, n) => store.set(`stays ${n}`, TEXT)));
  await Promise.all(Array.from({ length: 4_000 }, (_, n) => store.set(`goes ${n}`, TEXT, LONG + n * 1_000)));
  expect(statSync(fileIn(folder)).size).toBeLessThanOrEqual(MIB);
  for (let n = 0; n < 100; n++) expect(await store.get(`stays ${n}`)).toBe(TEXT);
  const there = await Promise.all(Array.from({ length: 4_000 }, (_, n) => store.get(`goes ${n}`)));
  const first = there.findIndex((value) => value !== undefined);
  expect(first).toBeGreaterThan(1_000);
  expect(there.slice(first).every((value) => value === TEXT)).toBe(true);
  expect(there.length - first).toBeGreaterThan(100);
  expect(host.running.log).toContainEqual(
    expect.objectContaining({
      level: "warn",
      plugin: "sqlite",
      message: "the store file is full, and values with a time to live make room",
    }),
  );
});

test("a file that is full of what stays refuses more, goes on with the rest, and takes more when something was deleted", async () => {
  using folder = temporary();
  await using host = await opened({ file: fileIn(folder), maxSize: MIB });
  const store = host.store("a");
  const results = await Promise.allSettled(Array.from({ length: 2_000 }, (_, n) => store.set(`key ${n}`, TEXT)));
  const refused = results.filter((result) => result.status === "rejected");
  expect(refused.length).toBeGreaterThan(1_000);
  expect(String(refused[0]?.reason)).toContain(
    `the store file ${fileIn(folder)} is full (${MIB} bytes, or the disk is), and nothing in it has a time to live that could make room`,
  );
  expect(await store.get("key 0")).toBe(TEXT);
  for (let n = 0; n < 200; n++) await store.delete(`key ${n}`);
  await store.set("again", TEXT);
  expect(await store.get("again")).toBe(TEXT);
  await expect(store.set("huge", "x".repeat(MIB))).rejects.toThrow("are too many for the store file");
});

test("a file larger than it may be is used as it is, and does not grow", async () => {
  using folder = temporary();
  {
    await using host = await opened({ file: fileIn(folder), maxSize: 8 * MIB });
    await Promise.all(Array.from({ length: 3_000 }, (_, n) => host.store("a").set(`key ${n}`, TEXT, LONG + n)));
  }
  const before = statSync(fileIn(folder)).size;
  expect(before).toBeGreaterThan(2 * MIB);
  {
    await using host = await opened({ file: fileIn(folder), maxSize: MIB });
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => host.store("a").set(`new ${n}`, TEXT, LONG)));
  }
  expect(statSync(fileIn(folder)).size).toBeLessThanOrEqual(before);
});

test("what is over is removed: values, leases, messages", () => {
  using folder = temporary();
  const database = openStore({ file: fileIn(folder), timeout: 100 });
  const count = (table: string): unknown => database.prepare(`select count(*) as n from ${table}`).get();
  try {
    const operations = new Operations(database);
    const room = new Room(database, 8 * MIB, 100);
    vi.useFakeTimers({ toFake: ["Date"] });
    for (let n = 0; n < 1_200; n++) operations.run({ do: "set", key: `short ${n}`, value: "1", ttl: 1_000 });
    operations.run({ do: "set", key: "long", value: "1", ttl: 100_000 });
    operations.run({ do: "set", key: "stays", value: "1", ttl: undefined });
    operations.run({ do: "lease", name: "short", owner: "me", ttl: 1_000 });
    operations.run({ do: "lease", name: "long", owner: "me", ttl: 100_000 });
    operations.run({ do: "publish", topic: "news", message: "1" });
    expect(room.sweep()).toBe(false);
    expect(count("entries")).toEqual({ n: 1_202 });
    vi.setSystemTime(Date.now() + 61_000);
    operations.run({ do: "publish", topic: "news", message: "2" });
    const other = new DatabaseSync(fileIn(folder));
    other.exec("begin immediate");
    expect(room.sweep(), "who writes goes first").toBe(false);
    other.exec("rollback");
    other.close();
    let portions = 1;
    while (room.sweep()) portions++;
    expect(portions).toBeGreaterThan(1);
    expect([count("entries"), count("leases"), count("messages")]).toEqual([{ n: 2 }, { n: 1 }, { n: 1 }]);
  } finally {
    vi.useRealTimers();
    database.close();
  }
});

test("messages are kept for a minute and no more than so many; who comes too late for some is told that they are gone", async () => {
  using folder = temporary();
  const warnings: string[] = [];
  const make = (poll: number) =>
    new StoreFile({ file: fileIn(folder), maxSize: 64 * MIB, timeout: 5_000, poll, warn: (message) => warnings.push(message) });
  const [slow, busy] = [make(1_000_000), make(10)];
  await slow.open();
  await busy.open();
  const heard: unknown[] = [];
  slow.store("a").subscribe("news", (message) => heard.push(message));
  await Promise.all(Array.from({ length: 10_500 }, (_, n) => busy.store("a").publish("news", n)));
  const database = new DatabaseSync(fileIn(folder));
  expect(Number((database.prepare("select count(*) as n from messages").get() as { n: unknown }).n)).toBeLessThanOrEqual(10_250);
  database.close();
  // It looks when it publishes itself.
  await slow.store("a").publish("news", "last");
  expect(heard.at(-1)).toBe("last");
  expect(heard[0]).toBeGreaterThan(0);
  expect(warnings).toEqual(["messages of other hosts were gone before this one came to read them: it was busy for too long"]);
  await slow.close();
  await busy.close();
});

test("too much that waits is refused, and what waits is written", async () => {
  using folder = temporary();
  await using host = await opened({ file: fileIn(folder), maxSize: 1024 * MIB });
  const store = host.store("a");
  const text = "x".repeat(MIB);
  const results = await Promise.allSettled(Array.from({ length: 80 }, (_, n) => store.set(`key ${n}`, text, LONG)));
  const refused = results.filter((result) => result.status === "rejected");
  expect(refused.length).toBeGreaterThan(0);
  expect(String(refused[0]?.reason)).toContain("too much waits to be written");
  expect(results.findIndex((result) => result.status === "rejected")).toBe(results.length - refused.length);
  expect(await store.get("key 0")).toBe(text);
});

test("the log beside the file, behind a link as well, is emptied when it has become large, once nobody reads it", () => {
  using folder = temporary({ "linked.sqlite": "" });
  symlinkSync(join(folder.path, "linked.sqlite"), fileIn(folder));
  const database = openStore({ file: fileIn(folder), timeout: 100 });
  const reading = new DatabaseSync(fileIn(folder));
  try {
    const room = new Room(database, 512 * MIB, 100);
    const operations = new Operations(database);
    const size = () => statSync(join(folder.path, "linked.sqlite-wal")).size;
    const write = (n: number): void => {
      database.exec("begin immediate");
      operations.run({ do: "set", key: `key ${n}`, value: JSON.stringify("x".repeat(9 * MIB)), ttl: undefined });
      database.exec("commit");
      room.wrote(9 * MIB);
    };
    reading.exec("begin");
    reading.prepare("select count(*) from entries").get();
    for (let n = 0; n < 8; n++) write(n);
    expect(size()).toBeGreaterThan(64 * MIB);
    reading.exec("commit");
    write(8);
    expect(size()).toBe(0);
    expect(database.prepare("pragma busy_timeout").get()).toEqual({ timeout: 100 });
  } finally {
    reading.close();
    database.close();
  }
});
