import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test, vi } from "vitest";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { BIN, MARKED, ROOT, startHost, temporary, upstream } from "../harness/hosts.ts";

const PLUGIN = `${ROOT}/test/fixtures/offering-plugin.mjs`;

type Plugins = (string | [string, unknown])[];

/** A client of a host whose plugin offers entries of its own beside a server, over HTTP or over standard streams. */
async function serve(way: "http" | "stdio", plugins: Plugins = [], mcpServers = { up: upstream({ only: ["echo"] }) }) {
  const client = sdkClient();
  if (way === "http") {
    const running = await startHost({ mcpServers, plugins: [PLUGIN, ...plugins] });
    await client.connect(httpTransport(running.url));
    const logs = () => JSON.stringify(running.logs);
    return { client, logs, [Symbol.asyncDispose]: () => client.close().then(() => running[Symbol.asyncDispose]()) };
  }
  const folder = temporary({ "config.json": JSON.stringify({ mcpServers, plugins: [PLUGIN, ...plugins] }) });
  const transport = stdioTransport(process.execPath, [BIN, "start", "stdio", "--config", `${folder.path}/config.json`], MARKED);
  let logs = "";
  transport.stderr?.on("data", (chunk) => void (logs += chunk));
  await client.connect(transport);
  return { client, logs: () => logs, [Symbol.asyncDispose]: () => client.close().then(() => folder[Symbol.dispose]()) };
}

const call = (client: Client, name: string, args = {}) => client.callTool({ name, arguments: args });
const said = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? "";

test("figures count what a plugin offers as they count a server, and a kept answer is no call of it", async () => {
  const plugins: Plugins = [PLUGIN, "@host/plugin-metrics", ["@host/plugin-cache", { tools: ["aborted"] }]];
  await using running = await startHost({ mcpServers: {}, plugins });
  const client = sdkClient();
  await client.connect(httpTransport(running.url));
  await call(client, "aborted");
  await call(client, "aborted");
  expect(running.host.stats().upstreams).toMatchObject([{ name: "own", state: "ready", calls: 2, errors: 0 }]);
  const text = await (await fetch(new URL("/metrics", running.url))).text();
  expect(text).toMatch(/operation_duration_seconds_count\{[^}]*upstream="own",gen_ai_tool_name="aborted"\} 2/);
  expect(text).toContain('mcp_host_cache_hits_total{plugin="cache",upstream="own"} 1');
  await client.close();
});

describe.each(["http", "stdio"] as const)("what a plugin offers, over %s", (way) => {
  test("tools are listed beside the server's, with their schemas, and called", async () => {
    await using served = await serve(way);
    const { client } = served;
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).slice(0, 3)).toEqual(["echo", "add", "shout"]);
    expect(tools.find(({ name }) => name === "add")).toEqual({
      name: "add",
      title: "Add",
      description: "Adds.",
      annotations: { readOnlyHint: true },
      _meta: { "example.com/x": 1 },
      inputSchema: expect.objectContaining({
        type: "object",
        required: ["a"],
        properties: { a: { type: "number" }, b: { type: "number", default: 1 } },
      }),
      outputSchema: expect.objectContaining({ type: "object", required: ["sum"] }),
    });
    expect(await call(client, "add", { a: 2 })).toEqual({ structuredContent: { sum: 3 }, content: [{ type: "text", text: '{"sum":3}' }] });
    expect(said(await call(client, "shout", { text: "hey" }))).toBe("HEY");
    expect(said(await call(client, "echo"))).not.toBe("");
  });

  test("wrong arguments are told to the model, whatever the schema is written in", async () => {
    await using served = await serve(way);
    const wrong = await call(served.client, "add", { a: "two" });
    expect(wrong.isError).toBe(true);
    expect(said(wrong)).toMatch(/^The arguments do not fit the tool:\n- a: .*expected number/);
    const other = await call(served.client, "shout", { text: "x", loud: true });
    expect(other.isError).toBe(true);
    expect(said(other).split("\n").slice(1).sort()).toEqual([
      '- must NOT have additional properties: "loud"',
      "- text: must NOT have fewer than 2 characters",
    ]);
  });

  test("progress and logs reach the caller; a cancelled call is aborted", async () => {
    await using served = await serve(way);
    const { client } = served;
    const logs: unknown[] = [];
    client.fallbackNotificationHandler = async ({ method, params }) => void (method === "notifications/message" && logs.push(params));
    const progress: unknown[] = [];
    const onprogress = (each: unknown) => void (progress.push(each) === 2 && call(client, "go"));
    expect(said(await client.callTool({ name: "steps" }, undefined, { onprogress }))).toBe("done");
    expect(progress).toEqual([
      { progress: 1, total: 2 },
      { progress: 2, total: 2, message: "done" },
    ]);
    expect(logs).toEqual([{ level: "info", data: "for tools/call", logger: "own" }]);

    const cancel = new AbortController();
    const slow = { signal: cancel.signal, onprogress: () => cancel.abort("enough") };
    await expect(client.callTool({ name: "slow" }, undefined, slow)).rejects.toThrow("enough");
    await vi.waitFor(async () => expect(said(await call(client, "aborted"))).toBe('["cancelled"]'));
    expect(logs.at(-1)).toEqual({ level: "warning", data: { about: "slow" }, logger: "own/steps" });
  });

  test("a refusal keeps its words; any other failure keeps them from the client", async () => {
    await using served = await serve(way);
    const { client, logs } = served;
    await expect(call(client, "no")).rejects.toMatchObject({ code: -31429, data: { retryAfterMs: 5_000, sent: "yes" } });
    const failed = await call(client, "fail");
    expect(failed.isError).toBe(true);
    expect(said(failed)).toBe('plugin "own" failed; the host\'s log has the reason');
    await vi.waitFor(() => expect(logs()).toContain("the password is"));
    expect(await call(client, "wrong")).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('plugin "own" failed') }],
    });
    await vi.waitFor(() => expect(logs()).toMatch(/sum: .*expected number/));
  });

  test("prompts, resources, templates and their completions", async () => {
    await using served = await serve(way);
    const { client } = served;
    expect((await client.listPrompts()).prompts).toContainEqual({
      name: "hail",
      description: "Hails.",
      arguments: [{ name: "who", required: true }],
    });
    expect((await client.getPrompt({ name: "hail", arguments: { who: "Ann" } })).messages).toEqual([
      { role: "user", content: { type: "text", text: "Hello Ann" } },
    ]);
    await expect(client.getPrompt({ name: "hail" })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('needs "who"'),
    });
    expect((await client.readResource({ uri: "own:///note" })).contents).toEqual([
      { uri: "own:///note", mimeType: "text/plain", text: "a note" },
    ]);
    expect((await client.readResource({ uri: "own:///bytes" })).contents).toEqual([{ uri: "own:///bytes", blob: "AQID" }]);
    const uri = "own:///notes/a%20b";
    expect((await client.readResource({ uri })).contents).toEqual([{ uri, mimeType: "text/plain", text: `${uri} is a b` }]);
    await expect(client.readResource({ uri: "own:///notes/a/b" })).rejects.toMatchObject({ code: -32002 });
    const complete = async (ref: Parameters<Client["complete"]>[0]["ref"], name: string, value: string, context = {}) =>
      (await client.complete({ ref, argument: { name, value }, context: { arguments: context } })).completion.values;
    expect(await complete({ type: "ref/prompt", name: "hail" }, "who", "A")).toEqual(["Ann"]);
    expect(await complete({ type: "ref/resource", uri: "own:///notes/{id}" }, "id", "1", { of: "19" })).toEqual(["1", "12", "19"]);
    expect(await complete({ type: "ref/prompt", name: "hail" }, "other", "")).toEqual([]);
  });

  test("what changes is announced: lists, and resources that were subscribed to", async () => {
    await using served = await serve(way);
    const { client } = served;
    const told: string[] = [];
    client.fallbackNotificationHandler = async ({ method }) => void told.push(method);
    const changed = new Promise<void>((done) => client.setNotificationHandler(ToolListChangedNotificationSchema, () => done()));
    await client.listTools();
    expect(said(await call(client, "grow"))).toBe("grown");
    await changed;
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("later");
    expect(said(await call(client, "later"))).toBe("it is there");
    expect(told).toEqual([]);
    await client.subscribeResource({ uri: "own:///note" });
    await call(client, "touch");
    await vi.waitFor(() => expect(told).toEqual(["notifications/resources/updated"]));
  });

  test("other plugins see them: names and kept answers", async () => {
    await using served = await serve(way, [
      "@host/plugin-namespace",
      ["@host/plugin-cache", { tools: ["own__steps"] }],
      "@host/plugin-resilience",
    ]);
    const { client } = served;
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain("own__add");
    const logs: unknown[] = [];
    client.fallbackNotificationHandler = async ({ method, params }) => void (method === "notifications/message" && logs.push(params));
    await call(client, "own__go");
    for (const _ of [1, 2]) expect(said(await call(client, "own__steps"))).toBe("done");
    expect(logs).toHaveLength(1);
  });
});
