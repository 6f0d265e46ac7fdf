import { createHost, createLogger, definePlugin, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream, TestClient, TestRpcError } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

const HERE = import.meta.filename;

function plugin(apply: (host: PluginHost) => unknown): Plugin {
  return definePlugin({ name: "odd", host: "^1.0.0", apply: (host) => void apply(host) })();
}

function breakDown(): never {
  throw new TypeError("no such table");
}

const upstreams = () => ({ up: fakeUpstream({ tools: { a: () => "a" } }) });

describe("whoever tests a plugin that fails is told why, where the client is not", () => {
  test.each<[hook: string, method: string, apply: (host: PluginHost) => unknown]>([
    ["transform", "tools/call", ({ hooks }) => hooks.transform.for("tools/call").tap("odd", breakDown)],
    ["authorize", "tools/call", ({ hooks }) => hooks.authorize.for("tools/call").tap("odd", breakDown)],
    ["call", "tools/call", ({ hooks }) => hooks.call.for("tools/call").tap("odd", () => async () => breakDown())],
    ["respond", "tools/call", ({ hooks }) => hooks.respond.for("tools/call").tap("odd", async () => breakDown())],
    ["list", "tools/list", ({ hooks }) => hooks.list.tap("odd", breakDown)],
  ])("%s", async (hook, method, apply) => {
    await using host = await createTestHost({ plugins: [plugin(apply)], upstreams: upstreams() });
    // Each time: the log tells the same failure in full only once.
    for (let times = 0; times < 3; times++) {
      const failed = await host.client.request(method, { name: "a" }).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(TestRpcError);
      const { message, rpc, stack } = failed as TestRpcError;
      expect(message).toMatch(new RegExp(`TypeError: no such table \\(.*hooks\\.${hook}, at .*reasons\\.test\\.ts:\\d+:\\d+\\)$`));
      expect(message).toContain(HERE);
      expect(stack).toContain("no such table"); // as node:test shows it
      expect(JSON.stringify(rpc)).not.toContain("table");
    }
    expect(host.log.filter(({ level, message }) => level === "error" && message === "a plugin failed")).toHaveLength(1);
  });

  test("of several failures each error has its own", async () => {
    const odd = plugin(({ hooks }) =>
      hooks.transform.for("tools/call").tap("odd", (params) => {
        throw new Error(`it was ${String(params.arguments?.n)}`);
      }),
    );
    await using host = await createTestHost({ plugins: [odd], upstreams: upstreams() });
    for (const n of [1, 2, 1]) await expect(host.client.callTool("a", { n })).rejects.toThrow(`plugin "odd" failed: Error: it was ${n} (`);
  });

  test("what is refused says nothing more", async () => {
    await using host = await createTestHost({ upstreams: upstreams() });
    await expect(host.client.callTool("none")).rejects.toThrow(/^Unknown tool: none$/);
  });
});

test("without the testing kit's host nobody is told", async () => {
  const odd = plugin(({ hooks }) => hooks.transform.for("tools/call").tap("odd", breakDown));
  const log = createLogger({ level: "silent" });
  await using host = createHost({ drain: 0, plugins: [odd], mcpServers: { up: { transport: upstreams().up.transport } } }, { log });
  await host.start();
  await using client = await TestClient.connect(host);
  await expect(client.callTool("a")).rejects.toThrow(/^plugin "odd" failed$/);
});
