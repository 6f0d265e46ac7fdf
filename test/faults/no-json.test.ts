import { definePlugin, HostError, type Json, type Offering, type Plugin, type PluginHost } from "mcp-host";
import { describe, expect, test } from "vitest";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

const WORDS = "a plugin made an answer that cannot be written as JSON";
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
  test.each([
    ["of a call tap that answered", answering, "echo", "flow"],
    ["of an offered tool", offering({ tools: { a: { call: () => ({ ...BIG, content: [] }) } } }), "a", "own"],
    ["of a tap of respond, which cannot be told from others", editing, "echo", undefined],
  ])("%s", async (_, made, tool, name) => {
    await using running = await startHost({ mcpServers: name === "own" ? {} : mcpServers(), plugins: [made] });
    const client = await RawHttp.open(running.url);
    const { error } = await client.call(tool);
    expect(error).toMatchObject({ code: -31500, message: WORDS, data: { type: "plugin_failure" } });
    expect(error.data.plugin).toBe(name);
    expect(running.logs.filter(({ message }) => message === WORDS)).toEqual([
      expect.objectContaining({
        level: "error",
        method: "tools/call",
        entry: tool,
        requestId: error.data.requestId,
        error: expect.stringContaining("BigInt"),
        ...(name !== undefined && { plugin: name }),
      }),
    ]);
    expect((await client.ask("ping")).result).toEqual({});
  });
});

test.each([
  ["asked it", false, "flow"],
  ["edited it, which cannot be told from others", true, undefined],
])("a question that is no JSON is the failure of the plugin that %s", async (_, isEdited, name) => {
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
      message: "a plugin made params of elicitation/create that cannot be written as JSON",
      plugin: name,
      sent: "no",
    });
  }
});
