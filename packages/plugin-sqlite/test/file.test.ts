import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sqlite } from "@host/plugin-sqlite";
import { DatabaseSync } from "@photostructure/sqlite";
import { createHost, definePlugin } from "mcp-host";
import { expect, test, vi } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { StoreFile } from "../dist/store-file.js";
import { Writer } from "../dist/writer.js";
import { fileIn, opened, refusal } from "./opened.ts";
import { hostProcess } from "./process.ts";

test("the file and what is beside it is for its owner alone, and what is in it outlives the host", async () => {
  using folder = temporary();
  const file = fileIn(folder);
  {
    await using host = await opened({ file });
    await host.store("a").set("key", { kept: true });
    const modes = readdirSync(folder.path).map((name) => [name, (statSync(join(folder.path, name)).mode & 0o777).toString(8)]);
    expect(Object.fromEntries(modes)).toEqual({ "store.sqlite": "600", "store.sqlite-wal": "600", "store.sqlite-shm": "600" });
  }
  // Everything is in the one file then.
  expect(statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  await using host = await opened({ file });
  expect(await host.store("a").get("key")).toEqual({ kept: true });
});

test("a relative path begins at the config's folder; without a name it is mcp-host.sqlite; and nothing is made before the host starts", async () => {
  using folder = temporary();
  mkdirSync(join(folder.path, "data"));
  const plugins = { first: sqlite(), second: sqlite({ file: "data/mine.sqlite" }) };
  for (const [plugin, file] of [
    [plugins.first, "mcp-host.sqlite"],
    [plugins.second, "data/mine.sqlite"],
  ] as const) {
    await using host = createHost({ mcpServers: {}, plugins: [plugin] }, { folder: folder.path });
    await host.prepare();
    expect(existsSync(join(folder.path, file))).toBe(false);
    await host.start();
    expect(host.reports().sqlite).toMatchObject({ file: join(folder.path, file), maxSize: 256 * 1024 ** 2 });
    expect(existsSync(join(folder.path, file))).toBe(true);
  }
});

test("a file that cannot be used stops the start, which says why and what helps", async () => {
  using folder = temporary({ "text.sqlite": "this is a text, and no database ".repeat(200) });
  const at = (name: string): string => join(folder.path, name);
  const another = new DatabaseSync(at("another.sqlite"));
  another.exec("create table theirs (a)");
  another.close();
  const later = new DatabaseSync(at("later.sqlite"));
  later.exec("create table entries (a); pragma application_id = 1835233384; pragma user_version = 99");
  later.close();
  mkdirSync(at("folder.sqlite"));

  const start = async (file: string) => refusal({ file: at(file) });
  expect(await start("none/store.sqlite")).toContain(`plugin "sqlite": options.file: there is no folder ${at("none")}; make it`);
  expect(await start("text.sqlite")).toContain("is no SQLite database; name another file");
  expect(await start("another.sqlite")).toContain("is a database of another program; name another file");
  expect(await start("later.sqlite")).toContain("has form 99, which a later version of @host/plugin-sqlite made");
  expect(await start("folder.sqlite")).toContain("cannot be opened");
  // What is another's was not touched.
  const after = new DatabaseSync(at("another.sqlite"));
  expect(after.prepare("select name from sqlite_master").all()).toEqual([{ name: "theirs" }]);
  expect(after.prepare("pragma journal_mode").get()).toEqual({ journal_mode: "delete" });
  after.close();
});

test("an empty file becomes a store file", async () => {
  using folder = temporary({ "store.sqlite": "" });
  await using host = await opened({ file: fileIn(folder) });
  expect(await host.store("a").increment("n")).toBe(1);
});

test("processes that make the file at the same time all get it", async () => {
  using folder = temporary();
  const hosts = await Promise.all(Array.from({ length: 4 }, () => hostProcess(fileIn(folder))));
  await Promise.all(hosts.map((host) => host.ask("add", { store: "a", key: "n", times: 25 })));
  expect(await hosts[0]?.ask("get", { store: "a", key: "n" })).toBe(100);
  await Promise.all(hosts.map((host) => host.close()));
});

test("a write waits for another process no longer than it may, and the event loop does not wait at all", async () => {
  using folder = temporary();
  await using host = await opened({ file: fileIn(folder), timeout: 300 });
  const store = host.store("a");
  await store.set("key", 1);
  const other = new DatabaseSync(fileIn(folder));
  other.exec("begin immediate");
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  const refused = expect(store.set("other", 2)).rejects.toThrow(
    `the store file ${fileIn(folder)} was locked by another process for longer than 300 ms; try again, or raise "timeout"`,
  );
  expect(store.get("key")).toBe(1); // at once: it is no promise
  await refused;
  clearInterval(turning);
  expect(turns).toBeGreaterThan(10);
  other.exec("rollback");
  other.close();
  await store.set("other", 3);
  expect(await store.get("other")).toBe(3);
});

test("what is asked for without waiting is seen by who asks next", async () => {
  using folder = temporary();
  await using host = await opened({ file: fileIn(folder) });
  const store = host.store("a");
  void store.set("key", 1);
  expect(await store.get("key")).toBe(1);
  void store.set("key", 5);
  void store.increment("key", 2);
  expect(await store.update("key", (value) => Number(value) * 2)).toBe(14);
  void store.set("key", undefined);
  expect(await store.get("key")).toBeUndefined();
  await expect(async () => store.set("key", 1n)).rejects.toThrow("BigInt");
});

test("a store that is closed says so, and one whose file could not be opened tries again", async () => {
  using folder = temporary();
  const file = join(folder.path, "later", "store.sqlite");
  const warnings: string[] = [];
  const store = new StoreFile({ file, maxSize: 1024 ** 2, timeout: 1_000, poll: 10, warn: (message) => warnings.push(message) });
  const a = store.store("a");
  const heard: unknown[] = [];
  const end = a.subscribe("news", (message) => heard.push(message));
  await expect(a.set("key", 1)).rejects.toThrow(`the store file ${file} cannot be opened; does its folder exist`);
  await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining("cannot be opened")]));
  mkdirSync(join(folder.path, "later"));
  await a.set("key", 1);
  await a.publish("news", "here");
  expect(heard).toEqual(["here"]);
  end();
  await store.close();
  await store.close();
  await expect(a.increment("key")).rejects.toThrow(`the store file ${file} was closed`);
  await expect(async () => a.get("key")).rejects.toThrow("was closed");
  rmSync(join(folder.path, "later"), { recursive: true });
});

test("a subscriber that throws is told, and the others hear", async () => {
  using folder = temporary();
  const warnings: string[] = [];
  const file = new StoreFile({
    file: fileIn(folder),
    maxSize: 1024 ** 2,
    timeout: 1_000,
    poll: 10,
    warn: (message) => warnings.push(message),
  });
  const store = file.store("a");
  const heard: unknown[] = [];
  store.subscribe("news", () => {
    throw new Error("deaf");
  });
  store.subscribe("news", (message) => heard.push(message));
  await store.publish("news", 1);
  await store.publish("news", 2);
  expect(heard).toEqual([1, 2]);
  expect(warnings).toEqual(["a subscriber failed: Error: deaf"]);
  await file.close();
});

test("who asks is answered when the thread is not, and what comes late does not come between", async () => {
  using folder = temporary();
  const writer = new Writer({ file: fileIn(folder), timeout: 60_000, maxSize: 8 * 1024 ** 2, evicted: () => {}, trouble: () => {} });
  await writer.opened;
  const other = new DatabaseSync(fileIn(folder));
  other.exec("begin immediate");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    const set = (value: string) => writer.ask({ do: "set", key: "key", value, ttl: undefined });
    const first = expect(set("1")).rejects.toThrow("was not written within 70000 ms; whether it will be is unknown");
    await Promise.resolve(); // it is sent
    const second = expect(set("2")).rejects.toThrow("was not written within 70000 ms");
    expect(writer.isChanging("key")).toBe(true);
    vi.advanceTimersByTime(70_000);
    await Promise.all([first, second]);
    expect(writer.isChanging("key"), "the first is on its way").toBe(true);
    const third = writer.ask({ do: "get", key: "key" });
    const fourth = set("3");
    other.exec("rollback");
    // The first was on its way and came through; the second was given up before it was sent.
    expect(await third).toBe("1");
    await fourth;
    expect(await writer.ask({ do: "get", key: "key" })).toBe("3");
    await writer.close();
    await expect(set("4")).rejects.toThrow("was closed");
  } finally {
    vi.useRealTimers();
    other.close();
  }
});

test("a reload to another file leaves the first one whole", async () => {
  using folder = temporary();
  const [first, second] = ["first.sqlite", "second.sqlite"].map((name) => join(folder.path, name)) as [string, string];
  const count = definePlugin({
    name: "count",
    host: "^1.0.0",
    apply(host) {
      host.hooks.settled.tap("count", () => {});
      host.operator.operation("count", async () => ({ n: await host.store("a").increment("n") }));
    },
  });
  await using host = createHost({ mcpServers: {}, plugins: [count(), sqlite({ file: first })] }, { folder: folder.path });
  await host.start();
  const counted = () => host.operator.run("count:count");
  expect([await counted(), await counted()]).toEqual([{ n: 1 }, { n: 2 }]);
  await host.reload({ drain: 0, plugins: [count(), sqlite({ file: second })] });
  expect(await counted()).toEqual({ n: 1 });
  await host.reload({ drain: 0, plugins: [count(), sqlite({ file: first })] });
  expect(await counted()).toEqual({ n: 3 });
  writeFileSync(join(folder.path, "text.sqlite"), "no database ".repeat(100));
  await expect(host.reload({ drain: 0, plugins: [count(), sqlite({ file: join(folder.path, "text.sqlite") })] })).rejects.toThrow(
    "is no SQLite database",
  );
  expect(await counted()).toEqual({ n: 4 });
});
