import { definePlugin, type Exchange, type Json, type Plugin } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHost } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

type Handle = (exchange: Exchange, next: (exchange: Exchange) => Promise<Json>) => Promise<Json>;

/** Does this around every call. */
const around = (handle: Handle): Plugin =>
  definePlugin({
    name: "adding",
    host: "^1.0.0",
    apply: (host) => host.hooks.call.for("tools/call").tap("adding", (next) => (exchange) => handle(exchange, next)),
  })();

const up = (era: "legacy" | "modern" = "legacy") => fakeUpstream({ era, tools: { a: () => "a" } });
const hosting = (plugin: Plugin, server: ReturnType<typeof up>): Promise<TestHost> =>
  createTestHost({ plugins: [plugin], upstreams: { up: { transport: server.transport, idempotent: ["*"] } } });

describe("withMeta", () => {
  test.each(["legacy", "modern"] as const)(
    "adds to the `_meta` of this call, in the place of what the client sent (%s servers)",
    async (era) => {
      const server = up(era);
      await using host = await hosting(
        around((exchange, next) => exchange.withMeta({ "x.example/a": 1, "x.example/gone": undefined, kept: "ours" }, next)),
        server,
      );
      await host.client.request("tools/call", { name: "a", _meta: { kept: "theirs", other: true, "x.example/gone": 1 } });
      const [sent] = server.received("tools/call");
      expect(sent?._meta).toMatchObject({ "x.example/a": 1, kept: "ours", other: true });
      expect(sent?._meta).not.toHaveProperty(["x.example/gone"]);
      expect(sent).toMatchObject({ name: "a" });
    },
  );

  test("leaves `_meta` out where nothing is in it any more", async () => {
    const server = fakeUpstream({ prompts: { p: { get: () => "p" } } });
    const plugin = definePlugin({
      name: "adding",
      host: "^1.0.0",
      apply: (host) => host.hooks.call.for("*").tap("adding", (next) => (exchange) => exchange.withMeta({ gone: undefined }, next)),
    });
    await using host = await createTestHost({ plugins: [plugin()], upstreams: { up: server } });
    await host.client.request("prompts/get", { name: "p", _meta: { gone: 1 } });
    expect(server.received("prompts/get")).toEqual([{ name: "p" }]);
  });

  test("nests: the innermost wins for a key, and each is gone when its send is over", async () => {
    const server = up();
    const plugin = around(async (exchange, next) => {
      await exchange.withMeta({ a: "outer", b: "outer" }, (outer) =>
        outer.withMeta({ a: "inner" }, (inner) => inner.derive({ attached: true }).withMeta({ c: "child" }, next)),
      );
      return exchange.withMeta({ a: "second" }, next);
    });
    await using host = await hosting(plugin, server);
    await host.client.callTool("a");
    const [first, second] = server.received("tools/call").map(({ _meta }) => _meta as Json);
    expect(first).toMatchObject({ a: "inner", b: "outer", c: "child" });
    expect(second).toMatchObject({ a: "second" });
    expect(Object.keys(second ?? {})).not.toEqual(expect.arrayContaining(["b"]));
  });

  test.each(["progressToken", "io.modelcontextprotocol/related-task", "mcp/a", "api.mcp.dev/b"])(
    "refuses %s, which is the protocol's",
    async (key) => {
      const server = up();
      await using host = await hosting(
        around((exchange, next) => exchange.withMeta({ [key]: 1 }, next)),
        server,
      );
      await expect(host.client.callTool("a")).rejects.toThrow('plugin "adding" failed');
      expect(server.received("tools/call")).toEqual([]);
      expect(host.log.find(({ message }) => message === "a plugin failed")).toMatchObject({
        error: expect.stringContaining(`"${key}" is the protocol's own`),
      });
    },
  );
});
