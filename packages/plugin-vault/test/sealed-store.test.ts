import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sqlite } from "@host/plugin-sqlite";
import { vault } from "@host/plugin-vault";
import { definePlugin, SECRET_STORE, type SecretStore } from "mcp-host";
import { createTestHost, testStore } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { MemoryStore } from "../../host/dist/plugin/memory-store.js";
import { SealedStore, StoreKey, storeKeyOf } from "../dist/sealed-store.js";
import { instanceOf, placesIn } from "./opened.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

const inner = new MemoryStore();
const places = placesIn(folder.path, "shared");
const start = () => {
  const { vault } = instanceOf(places);
  return { store: (name: string) => new SealedStore(name, inner, () => storeKeyOf(vault)) };
};
testStore("two hosts over one store", { test, shared: true, start });

test("keys that have a value are listed", async () => {
  const store = start().store("listed");
  await store.set("a", 1);
  await store.set("gone", 1);
  await store.delete("gone");
  await store.set("over", 1, 0);
  await store.increment("n");
  expect([...(await store.keys())].sort()).toEqual(["a", "n"]);
});

test("a value is bound to its name and to the key: moved or opened with another one it is refused, and said why", async () => {
  const own = new MemoryStore();
  const key = new StoreKey("a key");
  const store = new SealedStore("a", own, async () => key);
  await store.set("one", "value of one");
  await store.set("two", "value of two");
  own.set(key.nameOf("value", "a", "one"), own.get(key.nameOf("value", "a", "two")));
  await expect(store.get("one")).rejects.toThrow("does not fit the key MCP_HOST_STORE_KEY of the vault");
  await expect(store.update("one", () => 1)).rejects.toThrow("give all hosts that share the store the same key");
  const other = new StoreKey("another key");
  own.set(other.nameOf("value", "a", "two"), own.get(key.nameOf("value", "a", "two")));
  await expect(new SealedStore("a", own, async () => other).get("two")).rejects.toThrow("does not fit");
});

test("in an SQLite file of hosts there is neither a name nor a value in clear, and the next host reads it", async () => {
  const options = { folder: join(folder.path, "own"), keyFile: join(folder.path, "own.key"), over: "store" as const };
  const file = join(folder.path, "store.sqlite");
  const given: { store?: SecretStore | undefined } = {};
  const user = definePlugin({
    name: "user",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("user", () => {
        given.store = host.find(SECRET_STORE)?.("canary-store");
      });
    },
  });
  const plugins = [user(), vault(options), sqlite({ file })];
  {
    await using _first = await createTestHost({ plugins, client: false });
    await given.store?.set("canary-key", { token: "canary-value" });
    await given.store?.publish("canary-channel", "canary-message");
    expect(await given.store?.lease("canary-lease", 60_000)).toBeDefined();
  }
  await using _second = await createTestHost({ plugins, client: false });
  expect(await given.store?.get("canary-key")).toEqual({ token: "canary-value" });
  expect(await given.store?.keys()).toEqual(["canary-key"]);
  const files = readdirSync(folder.path, { recursive: true, encoding: "utf8", withFileTypes: true }).filter((each) => each.isFile());
  expect(files.map(({ name }) => name)).toContain("store.sqlite");
  for (const { parentPath, name } of files) expect(readFileSync(join(parentPath, name), "latin1"), name).not.toContain("canary");
});
