import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { httpTransport, sdkClient } from "../../../test/harness/clients.ts";
import { upstream } from "../../../test/harness/hosts.ts";
import { adminHost, ask, TOKENS } from "./running.ts";

test("drain has balancers send nobody new while everything is served on, and resume ends that", async () => {
  await using admin = await adminHost();
  const ready = async (): Promise<unknown> => {
    const response = await fetch(new URL("/readyz", admin.base));
    return { status: response.status, body: await response.json() };
  };
  expect(await ready()).toEqual({ status: 200, body: { status: "ok" } });
  expect(await admin.ask("POST", "drain", "operate")).toMatchObject({ status: 200 });
  expect(await ready()).toEqual({ status: 503, body: { status: "draining", down: [] } });
  expect((await fetch(new URL("/healthz", admin.base))).status).toBe(200);
  expect((await admin.ask("GET", "status", "read")).body).toMatchObject({ ready: false, draining: true });
  expect(await admin.ask("POST", "reload", "operate")).toMatchObject({ status: 200 });
  expect(await ready()).toMatchObject({ status: 503 });
  const client = sdkClient();
  await client.connect(httpTransport(new URL("/mcp", admin.base)));
  expect((await client.callTool({ name: "echo", arguments: { a: 1 } })).isError).not.toBe(true);
  await client.close();
  expect(await admin.ask("POST", "resume", "operate")).toMatchObject({ status: 200 });
  expect(await ready()).toEqual({ status: 200, body: { status: "ok" } });
  // What runs a host in the foreground starts it again, and not the host.
  expect((await admin.ask("POST", "restart", "operate")).status).toBe(404);
}, 60_000);

test("a daemon is restarted as it was started, and goes on where its config cannot be used", async () => {
  const tokens = [{ name: "op", token: TOKENS.operate, scope: "operate" }];
  const config = { mcpServers: { near: upstream() }, plugins: [["@host/plugin-admin", { tokens }]] };
  using at = home(config);
  const file = join(at.path, "mcp-host.config.json");
  const started = await run(at, ["start", "--daemon", "--port", "0"]);
  const url = /http:\S+/.exec(started.stdout)?.[0];
  expect(url, started.stderr).toBeDefined();
  const statusOf = async (): Promise<{ pid: number; url: string }> => JSON.parse((await run(at, ["status", "--json"])).stdout);
  try {
    const base = new URL("/admin/api/v1/", url);
    const before = await statusOf();
    writeFileSync(file, JSON.stringify({ ...config, plugins: [...config.plugins, "./not-there.mjs"] }));
    const refused = await ask(base, "POST", "restart", "operate");
    expect({ status: refused.status, detail: refused.body.detail }).toEqual({ status: 422, detail: expect.stringContaining("not-there") });
    writeFileSync(file, JSON.stringify(config));
    expect(await ask(base, "POST", "restart", "operate")).toMatchObject({ status: 200, body: {} });
    await vi.waitFor(async () => expect((await statusOf()).pid).not.toBe(before.pid), { timeout: 30_000, interval: 200 });
  } finally {
    await run(at, ["stop"]);
  }
}, 90_000);
