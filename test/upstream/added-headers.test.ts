import { definePlugin, type Exchange, type Plugin } from "mcp-host";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { guarded } from "../harness/guarded.ts";
import { startHost, upstream } from "../harness/hosts.ts";

type Handle = (exchange: Exchange, next: (exchange: Exchange) => Promise<Record<string, unknown>>) => Promise<Record<string, unknown>>;

/** Does this around every call. */
const around = (handle: Handle): Plugin =>
  definePlugin({
    name: "adding",
    host: "^1.0.0",
    apply: (host) => host.hooks.call.for("tools/call").tap("adding", (next) => (exchange) => handle(exchange, next)),
  })();

const adding = (headers: Record<string, string>): Plugin => around((exchange, next) => exchange.withHeaders(headers, next));
const tenant = (headers: Record<string, unknown> | undefined): unknown => headers?.["x-tenant"];

describe("withHeaders", () => {
  test("adds headers to the POST of this call and of no other message", async () => {
    await using server = await guarded(["Bearer config"]);
    const plugin = around((exchange, next) =>
      exchange.params.arguments && "plain" in (exchange.params.arguments as object)
        ? next(exchange)
        : exchange.withHeaders({ "X-Tenant": "blue", "x-more": "a b\tc" }, next),
    );
    const up = { url: server.url, headers: { authorization: "Bearer config", "X-Own": "config" } };
    await using running = await startHost({ listen: null, mcpServers: { up }, plugins: [plugin] });
    await running.host.callTool("whoami");
    const [sent, ...others] = server.requests.filter((headers) => tenant(headers) !== undefined);
    expect(others).toEqual([]);
    expect(sent).toMatchObject({ "x-tenant": "blue", "x-more": "a b\tc", "x-own": "config", authorization: "Bearer config" });
    const before = server.requests.length;
    await running.host.callTool("whoami", { plain: true });
    expect(server.requests.slice(before).map(tenant)).toEqual([undefined]);
  });

  test("nests: the innermost wins for a name, and each is gone when its send is over", async () => {
    await using server = await guarded(["Bearer config"]);
    const plugin = around(async (exchange, next) => {
      await exchange.withHeaders({ "x-tenant": "outer", "x-outer": "1" }, (outer) =>
        outer.withHeaders({ "x-tenant": "inner" }, (inner) => inner.derive({ attached: true }).withHeaders({ "x-child": "1" }, next)),
      );
      return exchange.withHeaders({ "x-tenant": "second" }, next);
    });
    const up = { url: server.url, headers: { authorization: "Bearer config" }, idempotent: ["*"] };
    await using running = await startHost({ listen: null, mcpServers: { up }, plugins: [plugin] });
    await running.host.callTool("whoami");
    const sent = server.requests.filter((headers) => tenant(headers) !== undefined);
    expect(sent).toMatchObject([{ "x-tenant": "inner", "x-outer": "1", "x-child": "1" }, { "x-tenant": "second" }]);
    expect(sent[1]).not.toHaveProperty("x-outer");
    expect(sent[1]).not.toHaveProperty("x-child");
  });

  test("goes with the call again when the server wanted other credentials", async () => {
    await using server = await guarded(["Bearer one"]);
    let token = "one";
    const giving = definePlugin({
      name: "giving",
      host: "^1.0.0",
      apply: (host) =>
        host.hooks.credentials.tap("giving", (credentials) => ({ ...credentials, headers: { authorization: `Bearer ${token}` } })),
    });
    await using running = await startHost({
      listen: null,
      mcpServers: { up: { url: server.url } },
      plugins: [giving(), adding({ "x-tenant": "blue" })],
    });
    await running.host.callTool("whoami");
    server.accepted.clear();
    server.accepted.add("Bearer two");
    token = "two";
    await running.host.callTool("whoami");
    expect(server.requests.filter((headers) => tenant(headers) === "blue").map(({ authorization }) => authorization)).toEqual([
      "Bearer one",
      "Bearer one",
      "Bearer two",
    ]);
  });

  test.each([
    ["host", "the protocol's own"],
    ["Content-Type", "the protocol's own"],
    ["content-length", "the protocol's own"],
    ["Accept", "the protocol's own"],
    ["accept-encoding", "the protocol's own"],
    ["Mcp-Session-Id", "the protocol's own"],
    ["mcp-anything", "the protocol's own"],
    ["connection", "the protocol's own"],
    ["transfer-encoding", "the protocol's own"],
    ["TE", "the protocol's own"],
    ["upgrade", "the protocol's own"],
    ["Authorization", "holds credentials"],
    ["proxy-authorization", "holds credentials"],
    ["cookie", "holds credentials"],
    ["x-api-key", "holds credentials"],
    ["x a", "no name of a header"],
    ["", "no name of a header"],
    ["x-a\r\nx-b", "no name of a header"],
  ])("refuses %j: the call fails before anything is sent, by the plugin's fault", async (name, why) => {
    await using server = await guarded(["Bearer config"]);
    const up = { url: server.url, headers: { authorization: "Bearer config" } };
    await using running = await startHost({ listen: null, mcpServers: { up }, plugins: [adding({ [name]: "v" })] });
    await running.host.listTools();
    const before = server.requests.length;
    await expect(running.host.callTool("whoami")).rejects.toMatchObject({ type: "plugin_failure", plugin: "adding", sent: "no" });
    expect(server.requests.length).toBe(before);
    expect(running.logs.find(({ message }) => message === "a plugin failed")).toMatchObject({
      plugin: "adding",
      hook: "call",
      error: expect.stringContaining(why),
    });
  });

  test.each(["a\nb", "a\0b", "ü\u{1f600}", 3])("refuses the value %j and does not tell it", async (value) => {
    await using running = await startHost({
      listen: null,
      mcpServers: { up: { transport: () => inProcessTransport({ only: ["echo"] }) } },
      plugins: [adding({ "x-a": value as string })],
    });
    await expect(running.host.callTool("echo")).rejects.toMatchObject({ type: "plugin_failure", plugin: "adding" });
    expect(JSON.stringify(running.logs)).toContain('\\"x-a\\" has a value that no header may have');
  });

  test("refuses a header that the connection has of the config or of credentials, and names both", async () => {
    await using server = await guarded(["Bearer config"]);
    const up = { url: server.url, headers: { authorization: "Bearer config", "X-Tenant": "config" } };
    await using running = await startHost({ listen: null, mcpServers: { up }, plugins: [adding({ "x-tenant": "plugin" })] });
    await running.host.listTools();
    await expect(running.host.callTool("whoami")).rejects.toMatchObject({
      type: "plugin_failure",
      plugin: "adding",
      upstream: "up",
      sent: "no",
      message: expect.stringMatching(/plugin "adding" adds the header "x-tenant" to a call, which upstream "up" gets with every request/),
    });
    expect(server.requests.map(tenant)).not.toContain("plugin");
  });

  test("is nothing on other wires", async () => {
    const servers = { stdio: upstream({ only: ["echo"] }), memory: { transport: () => inProcessTransport({ only: ["echo"] }) } };
    for (const server of Object.values(servers)) {
      await using running = await startHost({ listen: null, mcpServers: { server }, plugins: [adding({ "x-tenant": "blue" })] });
      expect(await running.host.callTool("echo", { a: 1 })).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
    }
  });
});
