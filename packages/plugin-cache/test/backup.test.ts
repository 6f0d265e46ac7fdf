import { routing } from "@host/plugin-routing";
import { expect, test } from "vitest";
import type { CacheOptions } from "../src/index.ts";
import { Scripted, served } from "./served.ts";

const text = (words: string) => ({ content: [{ type: "text", text: words }] });

/** A cache before a server that can be taken away and its backup in a group; `read` says who it was answered by. */
async function standing(options: CacheOptions) {
  const readsOnly = { annotations: { readOnlyHint: true } };
  const main = new Scripted([{ name: "read", ...readsOnly }, "write"], { read: () => text("main") });
  const backup = new Scripted(["read", "write"], { read: () => text("backup") });
  let isUp = true;
  const transport = () => {
    if (!isUp) throw new Error("it is down");
    return main.transport();
  };
  const mcpServers = { main: { transport }, backup: { transport: backup.transport } };
  const group = routing({ groups: { group: { members: ["main", { server: "backup", priority: 2 }] } } });
  const host = await served({}, options, { mcpServers, before: [group] });
  const state = (): string | undefined => host.host.status().upstreams.find(({ name }) => name === "main")?.state;
  await host.client.request("tools/list", {});
  await expect.poll(() => host.host.status().upstreams.map(({ entries }) => entries.tools)).toEqual([2, 2, 0]);
  return {
    main,
    backup,
    read: () => host.client.text("read"),
    write: () => host.client.call("write"),
    async down() {
      isUp = false;
      main.crash();
      await expect.poll(state).not.toBe("ready");
    },
    async up() {
      isUp = true;
      await host.host.reconnect("main");
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

test("what a backup answered is kept as its own, and not given for another member's answer", async () => {
  await using host = await standing({ tools: ["read"] });
  await host.down();
  expect([await host.read(), await host.read()]).toEqual(["backup", "backup"]);
  expect([host.main.count("read"), host.backup.count("read")]).toEqual([0, 1]);
  await host.up();
  expect([await host.read(), await host.read()]).toEqual(["main", "main"]);
  await host.down();
  // It may be another server that comes back.
  expect(await host.read()).toBe("backup");
  expect([host.main.count("read"), host.backup.count("read")]).toEqual([1, 1]);
});

test("what the rules say of the group's tool holds whoever serves", async () => {
  await using host = await standing({ tools: ["read"], invalidate: [{ call: "group:write", drop: "read" }] });
  await host.down();
  await host.read();
  await host.write();
  await host.read();
  expect([host.backup.count("read"), host.backup.count("write")]).toEqual([2, 1]);
});

test("what is never kept of the group is not kept of a backup", async () => {
  await using host = await standing({ tools: ["*"], except: ["group:read"] });
  await host.down();
  await host.read();
  await host.read();
  expect(host.backup.count("read")).toBe(2);
});

test("a backup that is trusted is not judged by what another server says of its tools", async () => {
  await using host = await standing({ trust: ["backup"] });
  await host.down();
  await host.read();
  await host.read();
  expect(host.backup.count("read")).toBe(2);
});
