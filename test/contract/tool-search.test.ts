import { definePlugin, type Json, refuse } from "mcp-host";
import { createTestHost, fakeUpstream, type TestClient, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import search from "./tool-search.ts";

testPlugin(search, {
  test,
  module: new URL("./tool-search.ts", import.meta.url),
  options: { limit: 3 },
  unrelated: [
    { method: "prompts/list" },
    { method: "prompts/get", params: { name: "greet" } },
    { method: "resources/list" },
    { method: "tools/call", params: { name: "echo", arguments: { a: 1 } } },
  ],
  badOptions: [{ options: { limit: 0 }, place: "plugins[0].options.limit", hint: ">=1" }],
});

const policy = definePlugin({
  name: "policy",
  host: "^1.0.0",
  security: true,
  apply(host) {
    host.hooks.permit.tap("policy", ({ native }, { principal }, exchange) => {
      if (native === "delete_files" && !principal.roles.includes("admin")) return false;
      return exchange?.params.arguments && (exchange.params.arguments as Json).path === "/etc" ? false : undefined;
    });
    host.hooks.transform.for("tools/call").tap("policy", (params) => {
      if (params.arguments?.path === "/root") throw refuse("forbidden", "not there");
      return params;
    });
  },
});
const make = () =>
  fakeUpstream({
    tools: {
      read_file: {
        description: "Reads a file.",
        call({ path }, { progress }) {
          progress(1, 2, "half");
          return `read ${path}`;
        },
      },
      delete_files: { description: "Deletes a file, or all.", call: () => "deleted" },
      broken: { description: "A broken thing.", call: () => Promise.reject(new Error("broken")) },
      counted: { description: "Counts.", outputSchema: { type: "object" }, call: () => ({ n: 1 }) },
    },
  });
const find = async (client: TestClient, query: string) => {
  const { content } = (await client.callTool("find_tool", { query })) as { content: { text: string }[] };
  return (JSON.parse(content[0]!.text) as { name: string }[]).map(({ name }) => name);
};
const call = (client: TestClient, name: string, args?: Json) => client.callTool("call_tool", { name, arguments: args });

test("two tools are listed, and the others are found and called", async () => {
  await using host = await createTestHost({ plugins: [search()], upstreams: { files: make() } });
  expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["find_tool", "call_tool"]);
  expect(await find(host.client, "read the FILE")).toEqual(["read_file", "delete_files"]);
  const steps: unknown[] = [];
  const result = await host.client.callTool(
    "call_tool",
    { name: "read_file", arguments: { path: "/x" } },
    { onProgress: (step) => steps.push(step.message) },
  );
  expect([result, steps]).toEqual([{ content: [{ type: "text", text: "read /x" }] }, ["half"]]);
  expect(await call(host.client, "broken")).toMatchObject({ isError: true });
  expect(await call(host.client, "counted")).toMatchObject({ structuredContent: { n: 1 } });
  await expect(call(host.client, "call_tool", { name: "find_tool" })).rejects.toMatchObject({ code: -32602 });
  await expect(call(host.client, "nothing")).rejects.toMatchObject({ code: -32602 });
});

test("what the caller may not call is neither found nor called", async () => {
  const files = make();
  await using host = await createTestHost({ plugins: [policy(), search()], upstreams: { files }, client: false });
  const guest = await host.connect({ principal: { id: "guest", roles: [] } });
  const admin = await host.connect({ principal: { id: "root", roles: ["admin"] } });
  expect(await find(guest, "file deletes")).toEqual(["read_file"]);
  expect(await find(admin, "file deletes")).toEqual(["delete_files", "read_file"]);
  const unknown = await call(guest, "nothing").catch((error: Error) => error.message);
  await expect(call(guest, "delete_files")).rejects.toMatchObject({
    code: -32602,
    message: String(unknown).replace("nothing", "delete_files"),
  });
  await expect(guest.callTool("delete_files")).rejects.toMatchObject({ code: -32602 });
  await expect(call(guest, "read_file", { path: "/etc" })).rejects.toMatchObject({ code: -31403 });
  await expect(call(guest, "read_file", { path: "/root" })).rejects.toMatchObject({ code: -31403 });
  expect(files.received("tools/call")).toHaveLength(0);
  expect(await call(admin, "delete_files")).toEqual({ content: [{ type: "text", text: "deleted" }] });
});
