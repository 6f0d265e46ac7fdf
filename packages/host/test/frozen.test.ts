import { definePlugin, type Entry, type Json, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { startHost, upstream } from "../../../test/harness/hosts.ts";
import { RawHttp } from "../../../test/harness/raw-http.ts";

/** A plugin made on the spot. */
function plugin(apply: (host: PluginHost) => unknown): Plugin {
  return definePlugin({ name: "mutates", host: "^1.0.0", apply: (host) => void apply(host) })();
}

// What the types forbid.
type Mutable = { [key: string]: Mutable } & { changed?: boolean };
const change = <T>(value: T): T => {
  (value as Mutable).changed = true;
  return value;
};
const inside = <T>(value: T, ...path: string[]): T => {
  change(path.reduce((part, key) => part[key] as Mutable, value as Mutable));
  return value;
};

const spec = () => ({
  tools: {
    a: {
      description: "A",
      inputSchema: { type: "object", properties: { x: { type: "string" } } },
      call: async (
        _args: Json,
        context: { ask(method: string, params: Json): Promise<unknown>; log(level: string, data: unknown): void },
      ) => {
        context.log("info", { deep: { er: 1 } });
        return { content: [{ type: "text", text: "a" }], structuredContent: { answer: await context.ask("elicitation/create", QUESTION) } };
      },
    },
    broken: () => {
      throw new Error("broken");
    },
  },
});
const QUESTION = { message: "?", requestedSchema: { type: "object", properties: { x: { type: "string" } } } };

describe("under the testing kit a plugin that changes a message in place fails, and is named with hook, file and line", () => {
  test.each<[hook: string, what: string, apply: (host: PluginHost) => unknown]>([
    ["transform", "params", ({ hooks }) => hooks.transform.for("tools/call").tap("mutates", change)],
    [
      "transform",
      "arguments",
      ({ hooks }) => hooks.transform.for("tools/call").tap("mutates", (params) => inside(params, "arguments", "deep")),
    ],
    [
      "transform",
      "the client's params",
      ({ hooks }) =>
        hooks.transform.for("tools/call").tap("mutates", (params, exchange) => {
          inside(exchange.original, "arguments", "deep");
          return params;
        }),
    ],
    ["respond", "a result", ({ hooks }) => hooks.respond.for("tools/call").tap("mutates", (result) => inside(result, "content", "0"))],
    [
      "call",
      "a result",
      ({ hooks }) =>
        hooks.call.for("tools/call").tap("mutates", (next) => async (exchange) => inside(await next(exchange), "content", "0")),
    ],
    [
      "call",
      "params",
      ({ hooks }) =>
        hooks.call.for("tools/call").tap("mutates", (next) => (exchange) => {
          inside(exchange.params, "arguments", "deep");
          return next(exchange);
        }),
    ],
    [
      "respond",
      "a list",
      ({ hooks }) => hooks.respond.for("tools/list").tap("mutates", (list) => inside(list, "tools", "0", "inputSchema")),
    ],
    [
      "discover",
      "a definition",
      ({ hooks }) => hooks.discover.tap("mutates", (entries) => inside(entries, "0", "definition", "inputSchema")),
    ],
    ["merge", "a definition", ({ hooks }) => hooks.merge.tap("mutates", (entries) => inside(entries, "0", "definition", "inputSchema"))],
    ["list", "a definition", ({ hooks }) => hooks.list.tap("mutates", (entries) => inside(entries, "0", "definition", "inputSchema"))],
    [
      "permit",
      "a definition",
      ({ hooks }) =>
        hooks.permit.tap("mutates", (entry: Entry) => {
          inside(entry, "definition", "inputSchema");
          return undefined;
        }),
    ],
    ["notify", "a notification", ({ hooks }) => hooks.notify.tap("mutates", (notification) => inside(notification, "params", "data"))],
    ["ask", "a question", ({ hooks }) => hooks.ask.tap("mutates", (request) => inside(request, "params", "requestedSchema"))],
    ["answer", "an answer", ({ hooks }) => hooks.answer.tap("mutates", (result) => inside(result, "content"))],
    ["fail", "an error", ({ hooks }) => hooks.fail.for("tools/call").tap("mutates", change)],
    ["settled", "an outcome", ({ hooks }) => hooks.settled.tap("mutates", ({ outcome }) => void (outcome && inside(outcome, "result")))],
    [
      "offer",
      "what an offered tool is given",
      (host) => host.offer({ tools: { own: { call: (args) => ({ content: [], structuredContent: inside(args, "deep") }) } } }),
    ],
  ])("in %s: %s", async (hook, _what, apply) => {
    const up = fakeUpstream(spec());
    await using host = await createTestHost({ plugins: [plugin(apply)], upstreams: { up }, client: { capabilities: { elicitation: {} } } });
    host.client.on("elicitation/create", () => ({ action: "accept", content: { x: "y" } }));
    await host.client.request("tools/list").catch(() => {});
    for (const name of ["a", "broken", "own"]) await host.client.callTool(name, { deep: {} }).catch(() => {});
    const line = host.log.find(({ message }) => message === "a plugin failed");
    expect(line).toMatchObject({
      plugin: "mutates",
      hook,
      error: expect.stringMatching(/^TypeError: .*(not extensible|read only).*; messages are never changed in place: return a new object/),
    });
    expect(line?.stack).toContainEqual(expect.stringContaining(import.meta.filename));
  });

  test("and what a test holds is its own: nothing of it is frozen", async () => {
    const seen = plugin(({ hooks }) => {
      hooks.transform.for("tools/call").tap("mutates", (params) => params);
      hooks.respond.for("*").tap("mutates", (result) => result);
    });
    const given = { deep: {} };
    const answer = { content: [{ type: "text", text: "a" }] };
    const up = fakeUpstream({ tools: { a: () => answer } });
    await using host = await createTestHost({ plugins: [seen], upstreams: { up } });
    const result = await host.client.callTool("a", given);
    const list = await host.client.listTools();
    for (const own of [given, given.deep, answer, answer.content, result, result.content, list, up.received("tools/call")[0]?.arguments])
      expect(Object.isFrozen(own)).toBe(false);
  });
});

test("without it nothing is frozen on the way of a call", async () => {
  const seen: boolean[] = [];
  const looks = plugin(({ hooks }) => {
    hooks.transform.for("tools/call").tap("mutates", (params) => {
      seen.push(Object.isFrozen(params), Object.isFrozen(params.arguments));
      return params;
    });
    hooks.call.for("tools/call").tap("mutates", (next) => async (exchange) => {
      const result = await next(exchange);
      seen.push(Object.isFrozen(result));
      return result;
    });
  });
  await using running = await startHost({ mcpServers: { up: upstream({ only: ["echo"] }) }, plugins: [looks] });
  const client = await RawHttp.open(running.url);
  await client.call("echo", { x: 1 });
  expect(seen).toEqual([false, false, false]);
});

test("under --debug a plugin that changes a message in place fails, and is named", async () => {
  // Its folder has no node_modules to import mcp-host from.
  const mutating = `const apply = ({ hooks }) => {
  hooks.respond.for("tools/call").tap("mutates", (result) => { result.content.length = 0; return result; });
};
export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition: { name: "mutates", host: "^1.0.0", apply } });`;
  const config = { mcpServers: { up: upstream({ only: ["echo"] }) }, plugins: ["./mutates.ts"] };
  using at = home(config, { "mutates.ts": mutating });
  expect((await run(at, ["call", "echo"])).code).toBe(0);
  const { code, stderr } = await run(at, ["call", "echo", "--debug"]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('plugin "mutates" failed');
  expect(stderr).toMatch(/a plugin failed plugin=mutates hook=respond .*mutates\.ts:2:/);
});
