import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, type Store } from "mcp-host";
import { createTestHost, testPlugin, testStore } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import fileStore, { FileStore } from "./file-store.ts";

const all = mkdtempSync(join(tmpdir(), "file-store-"));
afterAll(() => rmSync(all, { recursive: true }));
const folder = () => mkdtempSync(join(all, "store-"));

testPlugin(fileStore, {
  test,
  module: new URL("./file-store.ts", import.meta.url),
  options: { folder: folder() },
  badOptions: [{ options: { folder: "" }, place: "plugins[0].options.folder", hint: ">=1" }],
});

testStore("file-store", {
  test,
  start() {
    const at = folder();
    const open: FileStore[] = [];
    return {
      store(name) {
        const store = new FileStore(join(at, `${encodeURIComponent(name)}.json`), Date);
        open.push(store);
        return store;
      },
      async close() {
        for (const store of open) await store.close();
      },
    };
  },
});

test("what plugins store outlives the host", async () => {
  let store: Store | undefined;
  const counter = definePlugin({
    name: "counter",
    host: "^1.0.0",
    apply: (host) => {
      store = host.store("counter");
      host.hooks.settled.tap("counter", () => undefined);
    },
  });
  const at = folder();
  for (const expected of [1, 2, 3]) {
    await using _host = await createTestHost({ plugins: [counter(), fileStore({ folder: "kept" })], folder: at, client: false });
    expect(await store!.increment("starts")).toBe(expected);
  }
});
