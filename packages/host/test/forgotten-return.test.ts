import { once } from "node:events";
import { Writable } from "node:stream";
import { createHost, createLogger, definePlugin, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";

/** What the types forbid: a tap that gives nothing. */
const nothing = (): never => undefined as never;
const plugin = (apply: (host: PluginHost) => unknown): Plugin =>
  definePlugin({ name: "forgets", host: "^1.0.0", apply: (host) => void apply(host) })();
const echo = () => fakeUpstream({ tools: { echo: () => ({ content: [{ type: "text", text: "hi" }] }) } });

test.each<[hook: string, returned: string, apply: (host: PluginHost) => unknown]>([
  ["transform", "`params`", ({ hooks }) => hooks.transform.for("tools/call").tap("forgets", nothing)],
  ["transform", "`params`", ({ hooks }) => hooks.transform.for("*").tap("forgets", async () => nothing())],
  ["respond", "`result`", ({ hooks }) => hooks.respond.for("tools/call").tap("forgets", nothing)],
  ["call", "`next`", ({ hooks }) => hooks.call.for("tools/call").tap("forgets", nothing)],
  ["discover", "`entries`", ({ hooks }) => hooks.discover.tap("forgets", nothing)],
  ["merge", "`entries`", ({ hooks }) => hooks.merge.tap("forgets", nothing)],
  ["list", "`entries`", ({ hooks }) => hooks.list.tap("forgets", nothing)],
])("a tap of %s that returns nothing is warned of once: return %s", async (hook, returned, apply) => {
  const warned = once(process, "warning") as Promise<[Error & { detail?: string }]>;
  await using host = await createTestHost({ plugins: [plugin(apply)], upstreams: { a: echo() } });
  for (let count = 0; count < 3; count++) {
    await host.client.request("tools/list");
    expect(await host.client.callTool("echo")).toMatchObject({ content: [{ text: "hi" }] }); // nothing fails by it
  }
  const lines = host.log.filter(({ message }) => message.startsWith("a tap returned nothing"));
  const place = expect.stringContaining("forgotten-return.test.ts:");
  expect(lines).toEqual([expect.objectContaining({ level: "warn", plugin: "forgets", hook, tapped: place })]);
  expect(lines[0]?.remedy).toContain(returned);
  // Whoever runs the test sees it, too.
  const [warning] = await warned;
  expect(warning).toMatchObject({ name: "McpHostWarning", message: expect.stringContaining(returned) });
  expect(warning.detail).toContain(`plugin "forgets", hooks.${hook}, at `);
});

test("nothing is told of taps that return what they got, nor of hooks that want nothing", async () => {
  const apply = ({ hooks }: PluginHost): void => {
    hooks.transform.for("tools/call").tap("forgets", (params) => params);
    hooks.respond.for("tools/call").tap("forgets", async (result) => result);
    hooks.call.for("tools/call").tap("forgets", (next) => next);
    hooks.notify.tap("forgets", () => null);
    hooks.route.tap("forgets", () => undefined);
    hooks.permit.tap("forgets", () => undefined);
    hooks.settled.tap("forgets", () => {});
  };
  await using host = await createTestHost({ plugins: [plugin(apply)], upstreams: { a: echo() } });
  await host.client.request("tools/list");
  await host.client.callTool("echo");
  expect(host.log.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
});

test("where messages are not frozen nothing is watched", async () => {
  let log = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log += String(chunk);
      done();
    },
  });
  const forgets = plugin(({ hooks }) => hooks.transform.for("tools/call").tap("forgets", nothing));
  const config = { drain: 0, plugins: [forgets], mcpServers: { a: { transport: echo().transport } } };
  await using host = createHost(config, { log: createLogger({ format: "json", stream }) });
  expect(await host.callTool("echo")).toMatchObject({ content: [{ text: "hi" }] });
  expect(log).not.toContain("returned nothing");
});
