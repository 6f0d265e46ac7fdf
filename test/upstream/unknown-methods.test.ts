import { expect, test, vi } from "vitest";
import { home, start } from "../harness/cli.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { scripted } from "../harness/scripted.ts";

const MUTE = scripted(`return null;`);
const VENDOR = `if (method === "vendor/ask") return { asked: params.about };`;

const down = { code: -31503, data: { type: "upstream_down", upstream: "one", sent: "no", retryable: true } };

test("a method that nobody knows does not wait for a server that does not start", { timeout: 20_000 }, async () => {
  await using running = await startHost({ mcpServers: { one: { ...MUTE, startTimeout: "5m" } } });
  const client = await RawHttp.open(running.url);
  expect((await client.ask("vendor/ask")).error).toMatchObject(down);
  expect(running.host.status().upstreams[0]?.state).toBe("connecting");
});

test("one for a server that cannot be started is refused", async () => {
  await using running = await startHost({ mcpServers: { one: { command: "./there-is-no-such-command" } } });
  const client = await RawHttp.open(running.url);
  expect((await client.ask("vendor/ask")).error).toMatchObject(down);
});

test.each([["lazy"], ["resting"]])("one for a %s server starts it", async (kind) => {
  const server = { ...scripted(VENDOR), ...(kind === "lazy" ? { start: "lazy" as const } : { idleTimeout: 50 }) };
  await using running = await startHost({ mcpServers: { one: server } });
  const client = await RawHttp.open(running.url);
  await vi.waitFor(() => expect(running.host.status().upstreams[0]?.state).toBe("idle"), 5_000);
  expect((await client.ask("vendor/ask", { about: "this" })).result).toEqual({ asked: "this" });
});

test("the exit of a host does not wait for the start of a server that was asked for such a method", { timeout: 20_000 }, async () => {
  using at = home({ mcpServers: { one: { ...MUTE, startTimeout: "5m" } }, drain: "5m", wait: 100 });
  await using host = start(at, ["start", "stdio"]);
  const send = (message: object) => host.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
  send({ id: 1, method: "initialize", params });
  send({ method: "notifications/initialized" });
  await vi.waitFor(() => expect(host.stdout()).toContain('"id":1'), 10_000);
  send({ id: 2, method: "vendor/ask" });
  host.child.stdin.end();
  const { code, stdout } = await host.exited;
  expect(code).toBe(0);
  expect(stdout).toContain('"upstream_down"');
});
