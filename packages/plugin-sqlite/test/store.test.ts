import { join } from "node:path";
import { sqlite } from "@host/plugin-sqlite";
import { definePlugin } from "mcp-host";
import { createTestHost, testStore } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { opened } from "./opened.ts";
import { hostProcess } from "./process.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());
const file = (name: string): string => join(folder.path, name);

testStore("one host", { test, start: () => opened({ file: file("one.sqlite") }) });
testStore("two hosts on one file", { test, shared: true, start: () => opened({ file: file("two.sqlite") }) });
testStore("two processes on one file", { test, shared: true, start: () => hostProcess(file("processes.sqlite")) });

test.each(["first", "last"])("what another plugin writes when it closes is in the file, where this one stands %s", async (place) => {
  const options = { file: file(`close-${place}.sqlite`) };
  const counting = definePlugin({
    name: "counting",
    host: "^1.0.0",
    apply: (host) => host.hooks.close.tap("counting", async () => void (await host.store("counting").increment("closes"))),
  });
  for (const expected of [1, 2]) {
    const plugins = place === "first" ? [sqlite(options), counting()] : [counting(), sqlite(options)];
    const running = await createTestHost({ plugins, client: false });
    await running.close();
    expect(running.log.filter(({ level }) => level === "error")).toEqual([]);
    await using after = await opened(options);
    expect(await after.store("counting").get("closes")).toBe(expected);
  }
});
