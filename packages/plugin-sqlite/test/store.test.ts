import { join } from "node:path";
import { sqlite } from "@host/plugin-sqlite";
import { definePlugin, type PluginHost } from "mcp-host";
import { createTestHost, testStore } from "mcp-host/testing";
import { afterAll, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

async function start(file: string) {
  const given: { host: PluginHost | undefined } = { host: undefined };
  const user = definePlugin({
    name: "user",
    host: "^1.0.0",
    apply(host) {
      given.host = host;
      host.hooks.settled.tap("user", () => {});
    },
  });
  const running = await createTestHost({ plugins: [sqlite({ file: join(folder.path, file) }), user()], client: false });
  return { store: (given.host as PluginHost).store, close: () => running.close() };
}
testStore("one host", { test, start: () => start("one.sqlite") });
testStore("two hosts on one file", { test, shared: true, start: () => start("two.sqlite") });
