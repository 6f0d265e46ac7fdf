import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, type Store } from "mcp-host";
import { createTestHost, testPlugin, testStore } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import { FileStore } from "../src/file-store.ts";
import templatePlugin from "../src/index.ts";

const all = mkdtempSync(join(tmpdir(), "template-plugin-"));
afterAll(() => rmSync(all, { recursive: true }));
const folder = () => mkdtempSync(join(all, "store-"));

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { folder: folder() },
  badOptions: [{ options: { folder: "" }, place: "plugins[0].options.folder", hint: ">=1" }],
});

testStore("template-plugin", {
  test,
  start() {
    const at = folder();
    const opened: FileStore[] = [];
    return {
      store(name) {
        const store = new FileStore(join(at, `${encodeURIComponent(name)}.json`), Date);
        opened.push(store);
        return store;
      },
      async close() {
        for (const store of opened) await store.close();
      },
    };
  },
});

test("what plugins store outlives the host", async () => {
  const found: { store?: Store } = {};
  const counter = definePlugin({
    name: "counter",
    host: "^1.0.0",
    apply(host) {
      found.store = host.store("counter");
      host.hooks.settled.tap("counter", () => undefined);
    },
  });
  const at = folder();
  for (const expected of [1, 2, 3]) {
    await using _host = await createTestHost({ plugins: [counter(), templatePlugin({ folder: "kept" })], folder: at, client: false });
    expect(await found.store?.increment("starts")).toBe(expected);
  }
});

test("a file that is broken is named", () => {
  const path = join(folder(), "broken.json");
  writeFileSync(path, "[[");
  expect(() => new FileStore(path, Date)).toThrow(`the store ${path} cannot be read`);
});
