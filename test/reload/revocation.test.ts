import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { auth } from "@host/plugin-auth";
import type { Config } from "mcp-host";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { newKey } from "../../packages/plugin-auth/src/keys.ts";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost, temporary } from "../harness/hosts.ts";
import { SocketClient } from "../harness/socket.ts";
import { bearer, open, WireClient } from "../harness/wire.ts";

const PEPPER = "a pepper that only tests know";
const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const listen = { websocket: true, sse: true };

function keyOf(id: string, roles: string[] = []) {
  const { key, digest } = newKey(id, PEPPER);
  return { headers: { authorization: `Bearer ${key}` }, entry: { id, digest, roles } };
}

/** Clients of one principal over every way in that stays open. */
async function connect(url: URL, headers: Record<string, string>) {
  const socket = await SocketClient.connect(url, { headers });
  const sse = await open(url, { path: "/sse", headers: { accept: "text/event-stream", ...headers } });
  const http = await WireClient.connect(url, { headers });
  const stream = await http.open({ method: "GET" });
  expect([sse.status, stream.status]).toEqual([200, 200]);
  return {
    socket,
    ends: [socket.closed, sse.ended, stream.ended],
    over: () => Promise.all([socket.closed, sse.ended, stream.ended]),
    http,
    leave() {
      socket.socket.terminate();
      sse.leave();
      stream.leave();
    },
  };
}

describe("a reload ends what is open of", () => {
  const config = (keys: object[]): Config => ({
    mcpServers,
    listen: { port: 0, ...listen },
    // What a config file may say, which has no types.
    plugins: [auth({ apiKeys: { pepper: PEPPER, keys: keys as never }, rules: [{ allow: { servers: ["*"] } }] })],
  });

  test("a key that was taken away, and nothing of others", async () => {
    const [gone, kept] = [keyOf("gone"), keyOf("kept")];
    await using running = await startHost(config([gone.entry, kept.entry]));
    const [one, other] = await Promise.all([connect(running.url, gone.headers), connect(running.url, kept.headers)]);
    await running.host.reload(config([kept.entry]));
    await one.over();
    expect((await one.socket.closed).code).toBe(1008);
    expect((await one.http.ask({ body: { jsonrpc: "2.0", id: 1, method: "ping" } })).status).toBe(401);
    expect(await other.socket.call("echo", { text: "here" })).toMatchObject({});
    expect(await Promise.race([...other.ends, "open"])).toBe("open");
    one.leave();
    other.leave();
  });

  test("a key that has other roles now", async () => {
    const key = keyOf("demoted", ["admin"]);
    await using running = await startHost(config([key.entry]));
    const one = await connect(running.url, key.headers);
    await running.host.reload(config([{ ...key.entry, roles: [] }]));
    await one.over();
    expect((await one.http.ask({ body: { jsonrpc: "2.0", id: 1, method: "ping" } })).status).toBe(404);
    one.leave();
  });

  test("those whom nobody knew, where somebody says now who clients are", async () => {
    await using running = await startHost({ mcpServers, listen });
    const one = await connect(running.url, {});
    await running.host.reload({ mcpServers, listen: { port: 0, ...listen }, plugins: [bearer()] });
    await one.over();
    one.leave();
  });

  test("nobody, where clients are who they were", async () => {
    await using running = await startHost({ mcpServers, listen, plugins: [bearer()] });
    const one = await connect(running.url, { authorization: "Bearer alice:admin" });
    const asked: string[] = [];
    const witness = definePlugin({
      name: "witness",
      host: "^1.0.0",
      apply: (host) => host.hooks.authenticate.tap("witness", () => void asked.push("asked")),
    });
    await running.host.reload({ mcpServers, listen: { port: 0, ...listen }, plugins: [witness(), bearer()] });
    await vi.waitFor(() => expect(asked).toHaveLength(3));
    expect(await one.socket.call("echo", { text: "here" })).toBeDefined();
    expect(await Promise.race([...one.ends, "open"])).toBe("open");
    one.leave();
  });
});

test("a key that was taken out of the file of keys is unknown after a reload", async () => {
  const [gone, kept] = [keyOf("gone"), keyOf("kept")];
  using folder = temporary({ "keys.json": JSON.stringify([gone.entry, kept.entry]) });
  const config: Config = {
    mcpServers,
    listen: { port: 0, ...listen },
    plugins: [auth({ apiKeys: { pepper: PEPPER, file: "keys.json" }, rules: [{ allow: { servers: ["*"] } }] })],
  };
  await using running = await startHost(config, { folder: folder.path });
  const [one, other] = await Promise.all([connect(running.url, gone.headers), connect(running.url, kept.headers)]);
  expect((await running.host.reload(config)).plugins.kept).toEqual(["auth"]);
  writeFileSync(join(folder.path, "keys.json"), JSON.stringify([kept.entry]), { mode: 0o600 });
  expect((await running.host.reload(config)).plugins.changed).toEqual(["auth"]);
  await one.over();
  await expect(WireClient.connect(running.url, { headers: gone.headers })).rejects.toThrow("401");
  expect(await other.socket.call("echo", { text: "here" })).toBeDefined();
  one.leave();
  other.leave();
});

test("a client that was being let in while a reload came is asked again", async () => {
  let release: () => void = () => {};
  const entered = vi.fn();
  const slow = definePlugin({
    name: "slow",
    host: "^1.0.0",
    apply: (host) =>
      host.hooks.authenticate.tap("slow", async () => {
        entered();
        await new Promise<void>((resolve) => (release = resolve));
        return { id: "alice", roles: ["admin"] };
      }),
  });
  await using running = await startHost({ mcpServers, listen, plugins: [slow()] });
  const coming = open(running.url, { path: "/sse", headers: { accept: "text/event-stream", authorization: "nobody" } });
  await vi.waitFor(() => expect(entered).toHaveBeenCalled());
  await running.host.reload({ mcpServers, listen: { port: 0, ...listen }, plugins: [bearer()] });
  release();
  expect((await coming).status).toBe(401);
});

test("`roles` of local clients cannot change under them: the reload says so", async () => {
  await using running = await startHost({ mcpServers, roles: ["admin"], listen: null });
  await expect(running.host.reload({ mcpServers, roles: [] })).rejects.toThrow("roles: cannot change while the host runs");
});
