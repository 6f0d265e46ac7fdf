import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { createHost, createLogger, definePlugin, HostError, PeerError, type PluginHost } from "mcp-host";
import { expect, test } from "vitest";
import { localOptionsOf } from "../../packages/host/dist/host/host.js";
import { createWorld, inProcessTransport, type World } from "../fixtures/upstream.mjs";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { startHost, temporary, upstream } from "../harness/hosts.ts";

/** A host over in-process upstreams, not started; what they were sent is in their worlds. */
function embedding(worlds: Record<string, World>, more: Parameters<typeof startHost>[0] = {}) {
  const { listen: _, ...config } = more;
  const mcpServers = Object.fromEntries(
    Object.entries(worlds).map(([name, world]) => [name, { transport: () => inProcessTransport(world.settings, world) }]),
  );
  return createHost(
    { drain: 0, ...config, mcpServers: { ...mcpServers, ...config.mcpServers } },
    { log: createLogger({ level: "silent" }) },
  );
}

const methods = ({ received }: World): string[] => received.map(({ method }) => method);

test("a program gets what a client gets, field for field, and nothing has to be started before", async () => {
  const world = createWorld({ name: "one" });
  await using host = embedding({ one: world });
  const client = sdkClient();
  await client.connect(await memoryTransport(host));

  // The SDK's methods drop what their schemas do not know; its bare request drops nothing.
  const raw = (method: string, params = {}) => client.request({ method, params }, ResultSchema);
  expect(await host.listTools()).toEqual(await raw("tools/list"));
  expect(await host.listResources()).toEqual(await raw("resources/list"));
  expect(await host.listResourceTemplates()).toEqual(await raw("resources/templates/list"));
  expect(await host.listPrompts()).toEqual(await raw("prompts/list"));
  const uri = "test://one/text";
  expect(await host.readResource(uri)).toEqual(await raw("resources/read", { uri }));
  const args = { name: "Ada" };
  expect(await host.getPrompt("greet", args)).toEqual(await raw("prompts/get", { name: "greet", arguments: args }));
  const ref = { type: "ref/prompt", name: "greet" } as const;
  const argument = { name: "name", value: "A" };
  const context = { arguments: { mood: "merry" } };
  expect(await host.complete(ref, argument, context)).toEqual(await raw("completion/complete", { ref, argument, context }));

  const result = await host.callTool("echo", { hello: "world" });
  expect(result).toMatchObject({
    structuredContent: { arguments: { hello: "world" } },
    _meta: { "example.test/payload": expect.any(String) },
  });
  expect(await host.callTool("isError", { text: "no" })).toMatchObject({ isError: true, content: [{ text: "no" }] });
  await client.close();
});

test("what the caller gets or gave is its own: to change it changes nothing in the host", async () => {
  await using host = embedding({ one: createWorld({ only: ["echo"] }) });
  const [before] = (await host.listTools()).tools;
  const untouched = structuredClone(before);
  Object.assign(before?.inputSchema ?? {}, { type: "changed" });
  expect((await host.listTools()).tools).toEqual([untouched]);

  const args = { list: [1] };
  const called = host.callTool("echo", args);
  args.list.push(2);
  expect((await called).structuredContent).toMatchObject({ arguments: { list: [1] } });
});

test("args that cannot be sent are refused before anything is sent, and say why", async () => {
  const world = createWorld();
  await using host = embedding({ one: world }, { limits: { depth: 8 } });
  await host.listTools();
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  await expect(host.callTool("echo", loop)).rejects.toMatchObject({ type: "invalid_params", message: expect.stringContaining("circular") });
  const deep = { a: { b: { c: { d: { e: { f: { g: { h: 1 } } } } } } } };
  await expect(host.callTool("echo", deep)).rejects.toMatchObject({
    type: "invalid_params",
    message: expect.stringContaining("deeper than 8"),
  });
  expect(methods(world)).not.toContain("tools/call");
});

test("errors of the host are HostErrors as it made them, those of an upstream PeerErrors", async () => {
  await using host = embedding({ one: createWorld() });
  const unknown = await host.callTool("missing").catch((error: unknown) => error);
  expect(unknown).toBeInstanceOf(HostError);
  expect(unknown).toMatchObject({ type: "invalid_params", code: -32602, sent: "no", message: "Unknown tool: missing" });
  const failed = await host.callTool("fail", { code: -32050, message: "no", data: { a: 1 } }).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(PeerError);
  expect(failed).toMatchObject({ rpc: { code: -32050, message: "no", data: { a: 1 } } });
  await host.close();
  await expect(host.callTool("echo")).rejects.toMatchObject({ type: "shutting_down" });
});

test("a signal cancels the call upstream; one that is aborted already sends nothing", async () => {
  const world = createWorld();
  await using host = embedding({ one: world });
  await host.listTools();
  const caller = new AbortController();
  const call = host.callTool("slow", { ms: 60_000 }, { signal: caller.signal });
  await expect.poll(() => methods(world)).toContain("tools/call");
  caller.abort(new Error("enough"));
  await expect(call).rejects.toMatchObject({ type: "cancelled", sent: "unknown", cause: { message: "enough" } });
  await expect.poll(() => methods(world)).toContain("notifications/cancelled");
  const sent = methods(world).filter((method) => method === "tools/call").length;
  await expect(host.callTool("echo", {}, { signal: caller.signal })).rejects.toMatchObject({ type: "cancelled", sent: "no" });
  expect(methods(world).filter((method) => method === "tools/call").length).toBe(sent);
});

test("a call whose time is up is cancelled upstream, and says whose limit it was", async () => {
  const world = createWorld();
  await using host = embedding({ one: world });
  await host.listTools();
  await expect(host.callTool("slow", { ms: 60_000 }, { timeout: 50 })).rejects.toMatchObject({
    type: "upstream_timeout",
    message: "tools/call was not answered within the 50 ms that its caller allows",
  });
  await expect.poll(() => methods(world)).toContain("notifications/cancelled");
});

test("progress reaches onProgress, whose own errors are logged and end nothing", async () => {
  await using running = await startHost({ mcpServers: { one: upstream() }, listen: null });
  const seen: unknown[] = [];
  await running.host.callTool("progress", { steps: 2 }, { onProgress: (progress) => void seen.push(progress) });
  expect(seen).toMatchObject([
    { progress: 1, total: 2, message: "step 1 of 2", _meta: { "example.test/progress": 1 } },
    { progress: 2, total: 2, message: "step 2 of 2" },
  ]);
  expect(seen[0]).not.toHaveProperty("progressToken");
  const fails = () => {
    throw new Error("mine");
  };
  await expect(running.host.callTool("progress", { steps: 1 }, { onProgress: fails })).resolves.toHaveProperty("content");
  expect(running.logs).toContainEqual(expect.objectContaining({ message: "onProgress threw", error: "Error: mine" }));
});

test("each principal has one session, under its own rules; a session that ended is opened anew", async () => {
  let opened = 0;
  const rules = definePlugin({
    name: "rules",
    host: "^1.0.0",
    apply: ({ hooks }: PluginHost) => {
      hooks.session.tap("rules", ({ event }) => void (event === "opened" && opened++));
      hooks.permit.tap("rules", (_, { principal: { roles } }) => (roles.includes("reader") ? undefined : false));
    },
  });
  await using host = embedding({ one: createWorld({ only: ["echo"] }) }, { plugins: [rules()], roles: ["reader"] });
  expect((await host.listTools()).tools).toHaveLength(1);
  const ada = { id: "ada", roles: ["reader"] };
  const eve = { id: "eve", roles: [] };
  await Promise.all([1, 2, 3].map(() => host.callTool("echo", {}, { principal: { ...ada } })));
  expect((await host.listTools({ principal: eve })).tools).toEqual([]);
  await expect(host.callTool("echo", {}, { principal: eve })).rejects.toThrow("Unknown tool: echo");
  expect([opened, host.status().sessions]).toEqual([3, 3]);
  for (const session of [...localOptionsOf(host).sessions]) localOptionsOf(host).sessions.close(session);
  await host.callTool("echo", {}, { principal: ada });
  expect([opened, host.status().sessions]).toEqual([4, 1]);
});

test("sessions of a program share servers, and expire without ending them", async () => {
  const world = createWorld({ only: ["echo"] });
  await using host = embedding({ one: world });
  await host.callTool("echo");
  await host.callTool("echo", {}, { principal: { id: "ada", roles: [] } });
  for (const session of [...localOptionsOf(host).sessions]) {
    expect(session).toMatchObject({ expires: true, sole: false });
    localOptionsOf(host).sessions.close(session);
  }
  await host.callTool("echo");
  expect(methods(world).filter((method) => method === "initialize")).toHaveLength(1);
});

test("a host that cannot start says so to every call", async () => {
  using folder = temporary();
  await using host = createHost({ plugins: ["./missing.ts"] }, { folder: folder.path });
  await expect(host.listTools()).rejects.toThrow("there is no file");
  await expect(host.callTool("echo")).rejects.toThrow("there is no file");
});
