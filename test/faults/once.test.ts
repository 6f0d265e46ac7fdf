import { type Config, definePlugin, type Exchange, type PluginHost } from "mcp-host";
import { expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { startHost, upstream } from "../harness/hosts.ts";

// What leaves the host for one call: at most one request, under the host's own ids and tokens, within a deadline.

async function withPlugin(
  apply: (host: PluginHost) => void,
  use: (
    client: ReturnType<typeof sdkClient>,
    received: () => Promise<{ params: Record<string, unknown> }[]>,
    logs: Record<string, unknown>[],
  ) => Promise<void>,
  server: Record<string, unknown> = { transport: () => inProcessTransport({ name: "up" }) },
): Promise<void> {
  const plugin = definePlugin({ name: "test", host: "^1.0.0", apply });
  await using running = await startHost({
    listen: null,
    mcpServers: { up: server } as Config["mcpServers"],
    plugins: [plugin()],
  });
  const client = sdkClient();
  await client.connect(await memoryTransport(running.host));
  const received = async () => {
    const { structuredContent } = await client.callTool({ name: "received", arguments: { method: "tools/call", all: true } });
    return (structuredContent as { received: { params: Record<string, unknown> }[] }).received.filter(
      ({ params }) => params.name === "echo",
    );
  };
  await use(client, received, running.logs);
  await client.close();
}

test("a second next() while the first is still being sent is refused, and so is one on a derived exchange", async () => {
  const outcomes: string[] = [];
  const note = (promise: Promise<unknown>): Promise<void> =>
    promise.then(
      () => void outcomes.push("sent"),
      (error: Error) => void outcomes.push(error.message),
    );
  await withPlugin(
    (host) =>
      host.hooks.call.for("tools/call").tap("test", (next) => async (exchange) => {
        if (exchange.params.name !== "echo") return next(exchange);
        const first = next(exchange);
        await note(next(exchange));
        await note(next(exchange.derive()));
        return first;
      }),
    async (client, received) => {
      await client.callTool({ name: "echo" });
      expect(outcomes).toEqual([expect.stringContaining("is not sent twice"), expect.stringContaining("is not sent twice")]);
      expect(await received()).toHaveLength(1);
    },
  );
});

test("no progress token but the host's own goes upstream, whoever put it there", async () => {
  await withPlugin(
    (host) => {
      host.hooks.transform
        .for("tools/call")
        .tap("test", (params) => ({ ...params, _meta: { ...params._meta, kept: true, progressToken: "a plugin's" } }));
      host.hooks.call
        .for("tools/call")
        .tap("test", (next) => (exchange) => next(exchange.params.name === "echo" ? exchange.derive() : exchange));
    },
    async (client, received) => {
      await client.callTool({ name: "echo" }, undefined, { onprogress: () => {} });
      expect((await received()).map(({ params }) => params._meta)).toEqual([{ kept: true, progressToken: expect.any(Number) }]);
    },
  );
});

test("a derived exchange ends at the deadline of its upstream", async () => {
  let error: unknown;
  await withPlugin(
    (host) =>
      host.hooks.call.for("tools/call").tap("test", (next) => async (exchange: Exchange) => {
        // Not waited for: the client's own exchange has the same deadline.
        if (exchange.params.name === "slow") next(exchange.derive()).catch((late: unknown) => (error = late));
        return { content: [] };
      }),
    async (client) => {
      await client.callTool({ name: "slow" });
      await expect.poll(() => error).toMatchObject({ type: "upstream_timeout" });
    },
    { transport: () => inProcessTransport(), timeout: "60ms", maxTimeout: "5s" },
  );
});

test("params that are no JSON fail their call in the plugin's name, and leave nothing behind", async () => {
  await withPlugin(
    (host) =>
      host.hooks.transform
        .for("tools/call")
        .tap("test", (params) => (params.name === "echo" ? { ...params, arguments: { n: 1n } } : params)),
    async (client, received) => {
      await expect(client.callTool({ name: "echo" })).rejects.toMatchObject({ code: -31500, data: { type: "plugin_failure", sent: "no" } });
      expect(await received()).toEqual([]);
    },
    upstream({ name: "up" }), // over a wire that writes JSON
  );
});

test("a plugin that hangs after its call was answered is named, not the upstream", async () => {
  await withPlugin(
    (host) =>
      host.hooks.call.for("tools/call").tap("test", (next) => async (exchange) => {
        await next(exchange);
        return new Promise(() => {});
      }),
    async (client) =>
      expect(client.callTool({ name: "echo" })).rejects.toMatchObject({ code: -31500, data: { plugin: "test", sent: "yes" } }),
    { transport: () => inProcessTransport(), timeout: "80ms" },
  );
});

test("permit that answers anything but false or undefined refuses, and the log says so", async () => {
  await withPlugin(
    (host) => host.hooks.permit.tap("test", (() => true) as unknown as () => undefined),
    async (client, _received, logs) => {
      expect((await client.listTools()).tools).toEqual([]);
      expect(logs.find(({ message }) => message === "a plugin failed")).toMatchObject({
        plugin: "test",
        hook: "permit",
        error: expect.stringContaining("the tap gave true"),
      });
    },
  );
});
