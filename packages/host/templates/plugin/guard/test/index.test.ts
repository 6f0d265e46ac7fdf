import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { deny: ["nothing"] },
  badOptions: [{ options: { deny: [] }, place: "plugins[0].options.deny", hint: ">=1" }],
});

const files = () => fakeUpstream({ tools: { read: () => "read", delete_all: () => "deleted" } });

test("what is denied is in no list, cannot be called, and never reaches the server", async () => {
  const upstream = files();
  await using host = await createTestHost({ plugins: [templatePlugin({ deny: ["delete_*"] })], upstreams: { files: upstream } });
  expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["read"]);
  await expect(host.client.callTool("delete_all")).rejects.toMatchObject({ code: -32602 });
  expect(upstream.received("tools/call")).toEqual([]);
});

test("callers with a role of `except` have it", async () => {
  const plugins = [templatePlugin({ deny: ["files:delete_*"], except: ["admin"] })];
  await using host = await createTestHost({ plugins, upstreams: { files: files() }, client: false });
  const ann = await host.connect({ principal: { id: "ann", roles: ["admin"] } });
  const bob = await host.connect({ principal: { id: "bob", roles: ["reader"] } });
  expect(await ann.callTool("delete_all")).toMatchObject({ content: [{ text: "deleted" }] });
  await expect(bob.callTool("delete_all")).rejects.toMatchObject({ code: -32602 });
});
