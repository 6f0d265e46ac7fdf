import { definePlugin, HostError, type Json, type Offering, type Plugin, type PluginHost } from "mcp-host";
import { describe, expect, test } from "vitest";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

const WORDS = "made an answer that cannot be written as JSON";
const BIG: Json = { content: [], big: 1n };
const mcpServers = () => ({ up: upstream({ only: ["echo"] }) });
const offering = (given: Offering): Plugin => plugin("own", (host) => void host.offer(given));
const editing = plugin("edit", ({ hooks }) => {
  hooks.respond.for("tools/call").tap("edit", (result) => ({ ...result, big: 1n }));
});

describe("an answer that is no JSON is the plugin's failure, and the log has why", () => {
  const answering = plugin("flow", ({ hooks }) => {
    hooks.call.for("tools/call").tap("flow", () => async () => BIG);
  });
  const offered = offering({ tools: { a: { call: () => ({ ...BIG, content: [] }) } } });
  const failing = plugin("fails", ({ hooks }) => {
    hooks.call.for("tools/call").tap("fails", () => async () => Promise.reject(new HostError("forbidden", "no")));
    hooks.fail.for("tools/call").tap("fails", (error) => ({ ...error, data: { big: 1n } }));
  });
  test.each([
    ["of a call tap that answered", [answering], "echo", "flow", "call"],
    ["of an offered tool", [offered], "a", "own", "offer"],
    ["of a tap of respond", [editing], "echo", "edit", "respond"],
    ["of a tap of fail", [failing], "echo", "fails", "fail"],
    ["of one of several", [answering, editing], "echo", undefined, undefined],
  ])("%s", async (_, plugins, tool, name, hook) => {
    await using running = await startHost({ mcpServers: name === "own" ? {} : mcpServers(), plugins });
    const client = await RawHttp.open(running.url);
    const { error } = await client.call(tool);
    const message = name === undefined ? `a plugin ${WORDS}; it is one of flow, edit` : `plugin "${name}" ${WORDS}`;
    expect(error).toMatchObject({ code: -31500, message, data: { type: "plugin_failure" } });
    expect(error.data.plugin).toBe(name);
    expect(running.logs.filter(({ message }) => message === "a plugin failed")).toEqual([
      expect.objectContaining({
        level: "error",
        method: "tools/call",
        entry: tool,
        requestId: error.data.requestId,
        error: expect.stringMatching(/made an answer that cannot be written as JSON.* <- TypeError: .*BigInt/),
        ...(name !== undefined && { plugin: name, hook }),
      }),
    ]);
    expect((await client.ask("ping")).result).toEqual({});
  });
});

test.each([
  ["asked it", false],
  ["edited it", true],
])("a question that is no JSON is the failure of the plugin that %s", async (_, isEdited) => {
  const told: unknown[] = [];
  const question = isEdited ? { message: "?" } : { message: "?", big: 1n };
  const asking = plugin("flow", ({ hooks }) => {
    hooks.call.for("tools/call").tap("flow", () => async (exchange) => {
      told.push(await exchange.ask("elicitation/create", question).catch((error: unknown) => error));
      return { content: [] };
    });
    if (isEdited) hooks.ask.tap("flow", (request) => ({ ...request, params: { ...request.params, big: 1n } }));
  });
  await using running = await startHost({ mcpServers: mcpServers(), plugins: [asking] });
  const client = await RawHttp.open(running.url, { capabilities: { elicitation: {} } });
  for (let times = 0; times < 2; times++) expect((await client.call("echo")).result).toEqual({ content: [] });
  expect(told).toHaveLength(2);
  for (const error of told) {
    expect(error).toBeInstanceOf(HostError);
    expect(error).toMatchObject({
      type: "plugin_failure",
      message: 'plugin "flow" made params of elicitation/create that cannot be written as JSON',
      plugin: "flow",
      sent: "no",
    });
  }
  expect(running.logs.filter(({ message }) => message === "a plugin failed")).toEqual([
    expect.objectContaining({ plugin: "flow", ...(!isEdited && { hook: "call" }), method: "elicitation/create" }),
  ]);
});

test.each([
  ["the one tap of transform that made them", 1, "edit", 'plugin "edit"'],
  ["one of several", 2, undefined, "a plugin"],
])("params that are no JSON are the failure of %s, and nothing is sent", async (_, taps, name, who) => {
  const editing = (as: string): Plugin =>
    plugin(as, ({ hooks }) => hooks.transform.for("tools/call").tap(as, (params) => ({ ...params, arguments: { big: 1n } })));
  await using running = await startHost({ mcpServers: mcpServers(), plugins: [editing("edit"), editing("also")].slice(0, taps) });
  const client = await RawHttp.open(running.url);
  const { error } = await client.call("echo");
  const some = taps === 1 ? "" : "; it is one of edit, also";
  expect(error.message).toBe(`${who} made params of tools/call that cannot be written as JSON${some}`);
  expect(error.data).toMatchObject({ type: "plugin_failure", sent: "no" });
  expect(error.data.plugin).toBe(name);
  expect(running.logs.filter(({ message }) => message === "a plugin failed")).toEqual([
    expect.objectContaining({ method: "tools/call", entry: "echo", ...(name !== undefined && { plugin: name, hook: "transform" }) }),
  ]);
});

test("an answer to a server's question that is no JSON is the failure of the plugin that made it", async () => {
  const answering = plugin("flow", ({ hooks }) => {
    hooks.ask.tap("flow", () => ({ answer: { action: "accept", big: 1n } }));
  });
  await using running = await startHost({
    mcpServers: { up: { ...upstream({ only: ["elicit"] }), isolation: "session" } },
    plugins: [answering],
  });
  const client = await RawHttp.open(running.url, { capabilities: { elicitation: {} } });
  const { result } = await client.call("elicit");
  expect(JSON.stringify(result)).toContain('plugin \\"flow\\" made an answer to elicitation/create that cannot be written as JSON');
  expect(running.logs.filter(({ message }) => message === "a plugin failed")).toEqual([
    expect.objectContaining({ plugin: "flow", hook: "ask", method: "elicitation/create" }),
  ]);
});
