import { transform } from "@host/plugin-transform";
import { webhooks } from "@host/plugin-webhooks";
import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { hooked, type Received, receiver } from "./receiver.ts";

const events = (received: readonly Received[]): unknown[] =>
  received.map(({ body }) => `${body.event} ${(body.context.target as { name: string } | undefined)?.name}`);

test("one list that fits is enough; without any it is every request that goes to a server", async () => {
  await using all = await receiver();
  await using some = await receiver();
  await using host = await hooked([
    { url: all.url, at: "permit" },
    { url: some.url, at: "permit", match: { tools: ["up:dr*"], resources: ["memory:///*"], methods: ["completion/*"] } },
  ]);
  const { client } = host;
  await client.listTools();
  await client.request("ping").catch(() => {});
  await client.callTool("add");
  await client.callTool("drop");
  await client.getPrompt("pack", { city: "x" });
  await client.readResource("memory:///note");
  const params = { ref: { type: "ref/prompt", name: "pack" }, argument: { name: "city", value: "O" } };
  await client.request("completion/complete", params).catch(() => {});
  expect(events(all.received)).toEqual([
    "tools/call add",
    "tools/call drop",
    "prompts/get pack",
    "resources/read memory:///note",
    "completion/complete pack",
  ]);
  const [one, other] = host.report();
  expect(one, "it names nothing").not.toHaveProperty("entries");
  expect(other, "a tool and a resource").toMatchObject({ entries: 2 });
  expect(events(some.received)).toEqual(["tools/call drop", "resources/read memory:///note", "completion/complete pack"]);
});

test("any spelling of a URI is asked about, and nothing unknown is", async () => {
  await using hook = await receiver(() => ({ valid: false }));
  await using host = await hooked([{ url: hook.url, at: "permit", match: { resources: ["memory:///secret*"] } }], {
    spec: { templates: { "memory:///{+path}": { read: () => "read" } } },
  });
  for (const uri of ["memory:///secret", "memory:///%73ecret", "memory:///x/../secret"])
    await expect(host.client.readResource(uri)).rejects.toThrow(/it gives no reason/);
  await host.client.readResource("memory:///open");
  await expect(host.client.callTool("unknown")).rejects.toMatchObject({ code: -32602 });
  expect(hook.received).toHaveLength(3);
});

test("what a route makes of a call is asked about, too", async () => {
  await using hook = await receiver(() => ({ valid: false }));
  const route = definePlugin({
    name: "route",
    host: "^1.0.0",
    apply: ({ hooks }) => hooks.route.tap("route", () => ({ upstream: "green" })),
  });
  await using host = await createTestHost({
    plugins: [route(), webhooks({ hooks: [{ name: "green", url: hook.url, at: "permit", match: { tools: ["green:*"] } }] })],
    upstreams: { blue: fakeUpstream({ tools: { go: () => "blue" } }), green: fakeUpstream({ tools: { go: () => "green" } }) },
  });
  await expect(host.client.callTool("go")).rejects.toThrow(/"green"/);
  expect(hook.received[0]?.body.context.target).toEqual({ kind: "tool", name: "go", server: "green", native: "go" });
});

test("permit sees what transform made, and hooks of one stage come one after the other", async () => {
  await using hook = await receiver(({ body }) =>
    body.type === "validation"
      ? { valid: true }
      : {
          modified: true,
          patch: [{ op: "add", path: `/arguments/${body.name}`, value: Object.keys(body.payload.arguments as object).length }],
        },
  );
  await using host = await hooked(
    [
      { url: hook.url, at: "permit", name: "last" },
      { url: hook.url, at: "transform", name: "one" },
      { url: hook.url, at: "transform", name: "two" },
    ],
    { plugins: [transform({ rules: [{ match: ["add"], args: { set: { pinned: true } } }] })] },
  );
  await host.client.callTool("add", { a: 1 });
  expect(hook.received.map(({ body }) => [body.name, body.payload.arguments])).toEqual([
    ["one", { a: 1, pinned: true }],
    ["two", { a: 1, pinned: true, one: 2 }],
    ["last", { a: 1, pinned: true, one: 2, two: 3 }],
  ]);
  expect(host.up.received("tools/call")[0]?.arguments).toEqual({ a: 1, pinned: true, one: 2, two: 3 });
});

test("the result of a task is asked about when it comes, as that of the call", async () => {
  const task = (status: string) => ({
    taskId: "t",
    status,
    createdAt: "2026-01-01T00:00:00Z",
    lastUpdatedAt: "2026-01-01T00:00:00Z",
    ttl: 60_000,
  });
  await using hook = await receiver(({ body }) => ({
    modified: true,
    patch: [{ op: "replace", path: "/content/0/text", value: `checked ${body.event}` }],
  }));
  await using host = await hooked([{ url: hook.url, at: "respond", match: { tools: ["later"], methods: ["tools/*"] } }], {
    spec: {
      capabilities: { tools: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
      tools: {
        later: { execution: { taskSupport: "optional" }, call: (_args, { request }) => (request.task ? { task: task("working") } : "now") },
      },
      methods: {
        "tasks/get": () => task("completed"),
        "tasks/result": () => ({
          content: [{ type: "text", text: "done" }],
          _meta: { "io.modelcontextprotocol/related-task": { taskId: "t" } },
        }),
      },
    },
  });
  const begun = await host.client.request("tools/call", { name: "later", arguments: {}, task: { ttl: 60_000 } });
  expect(hook.received).toEqual([]);
  const { taskId } = begun.task as { taskId: string };
  expect(await host.client.request("tasks/result", { taskId })).toMatchObject({ content: [{ text: "checked tools/call" }] });
  expect(hook.received[0]?.body).toMatchObject({ event: "tools/call", context: { target: { name: "later" } } });
  expect(hook.received[0]?.body).not.toHaveProperty("request");
  expect(await host.client.callTool("later")).toMatchObject({ content: [{ text: "checked tools/call" }] });
});
