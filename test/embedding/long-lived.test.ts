import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import { promisify } from "node:util";
import { type Config, createHost, createLogger, type Host } from "mcp-host";
import { expect, test } from "vitest";
import { createWorld, inProcessTransport, serveHttp } from "../fixtures/upstream.mjs";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { httpTransport, memoryTransport, sdkClient } from "../harness/clients.ts";
import { MARKED, ROOT, upstream } from "../harness/hosts.ts";
import { sized } from "../harness/storm.ts";

const EVERYTHING: NonNullable<Config["plugins"]> = [
  ["@host/plugin-admin", { traces: true }],
  ["@host/plugin-audit", { file: false }],
  "@host/plugin-namespace",
  "@host/plugin-cache",
  "@host/plugin-metrics",
  "@host/plugin-oauth",
  "@host/plugin-profiles",
  "@host/plugin-rate-limit",
  "@host/plugin-resilience",
  "@host/plugin-transform",
];

/** A log that keeps its lines. */
function kept(): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { lines, log: createLogger({ level: "debug", format: "json", stream }) };
}

/** What keeps this process busy, or would grow: by kind, how many. */
function held(): Record<string, number> {
  const all: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) all[kind] = (all[kind] ?? 0) + 1;
  for (const name of process.eventNames()) all[`process.on ${String(name)}`] = process.listenerCount(name);
  return all;
}

/** What there is more of than before. */
function grown(before: Record<string, number>): [string, number][] {
  return Object.entries(held()).filter(([kind, count]) => count > (before[kind] ?? 0));
}

/** A server of the program's own in which the host is mounted, with a client; gives its end. */
async function mount(host: Host): Promise<() => Promise<void>> {
  const server = createServer(host.handler());
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const client = sdkClient();
  await client.connect(httpTransport(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)));
  return async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
}

/** Uses a host in every way that there is, and closes it. */
async function life(config: Config): Promise<void> {
  await using host = createHost(config, { log: kept().log });
  const unmount = await mount(host);
  await host.start();
  await host.listTools();
  await host.callTool("two__echo", {}, { principal: { id: "ada", roles: [] } });
  await host.reconnect("two");
  const near = sdkClient();
  await near.connect(await memoryTransport(host));
  await near.callTool({ name: "two__echo" });
  await near.close();
  if (host.url) {
    const far = sdkClient();
    await far.connect(httpTransport(new URL(host.url)));
    await far.close();
  }
  await unmount();
}

test("many hosts in one process, one after the other, leave no timer, socket, child or listener behind", async () => {
  const marker = ownMarker();
  const remote = await serveHttp({ only: ["echo"] });
  const world = createWorld({ only: ["echo"] });
  const two = { transport: () => inProcessTransport(world.settings, world) };
  const child = { ...upstream({ only: ["echo"] }), env: { [MARKER]: marker } };
  // What takes most of the time is not in every host: children, other servers, ports whose clients keep their sockets.
  const config = (round: number): Config => ({
    mcpServers: {
      two,
      ...(round % 5 === 0 && { three: { url: remote.url } }),
      ...(round % 20 === 0 && { one: child, absent: { command: "./there-is-no-such-program" } }),
    },
    plugins: round % 5 === 0 ? EVERYTHING : ["@host/plugin-namespace"],
    ...(round % 20 === 0 && { listen: { port: 0 } }),
  });
  try {
    for (let round = 0; round < 5; round++) await life(config(round)); // what is loaded once
    const before = held();
    const rounds = sized(200, 41); // with three of those that have everything
    for (let round = 0; round < rounds; round++) await life(config(round));
    // Sockets of the clients that were closed may take a moment.
    await expect.poll(() => grown(before)).toEqual([]);
    expect(survivors(marker)).toEqual([]);
  } finally {
    await remote.close();
  }
}, 180_000);

test("two hosts in one process share no log, session, name, store or figure", async () => {
  const [one, two] = [kept(), kept()];
  const world = createWorld({ only: ["echo", "fail"] });
  const config: Config = {
    mcpServers: { up: { transport: () => inProcessTransport(world.settings, world) } },
    plugins: [["@host/plugin-cache", { tools: ["echo"] }]],
  };
  const first = createHost(config, { log: one.log });
  await using second = createHost({ ...config, roles: ["other"] }, { log: two.log });
  await first.callTool("echo", { same: true });
  await expect(first.callTool("fail")).rejects.toThrow("failed as asked");
  expect(two.lines).toEqual([]);
  expect(second.stats().sessions).toBe(0);
  // What the first has kept is not the second's.
  await second.callTool("echo", { same: true });
  expect(world.received.filter(({ method, params }) => method === "tools/call" && params.name === "echo")).toHaveLength(2);
  expect([first.stats().errors, second.stats().errors]).toEqual([1, 0]);
  await first.close();
  expect(await second.callTool("echo", { same: true })).toHaveProperty("content");
  expect(second.health().status).toBe("ready");
});

test("secrets of hosts that were closed long ago are forgotten, those of the last ones are not", async () => {
  const { lines, log } = kept();
  const secret = (round: number): string => `word-of-tenant-${round}-x`;
  for (let round = 0; round < 150; round++) {
    const host = createHost({ mcpServers: { up: { url: "http://127.0.0.1:9/mcp", headers: { Authorization: secret(round) } } } }, { log });
    log.info(secret(round));
    await host.close();
  }
  expect(lines.join("")).not.toContain("word-of-tenant");
  log.info(`${secret(0)} ${secret(149)}`);
  expect(JSON.parse(lines.at(-1) ?? "").message).toBe(`${secret(0)} [redacted]`);
});

test("an embedded host prints nothing, takes no signal, and lets its program end when it is closed", async () => {
  const { command, args, env } = upstream({ only: ["echo"] });
  const script = `
    import { createHost } from "mcp-host";
    const lines = [];
    const log = { debugs: false, child: () => log };
    for (const level of ["error", "warn", "info", "debug"]) log[level] = (message) => lines.push(message);
    const host = createHost({
      mcpServers: { one: ${JSON.stringify({ command, args, env })}, gone: { command: "./there-is-no-such-program" } },
      listen: { port: 0 },
      plugins: ${JSON.stringify(EVERYTHING)},
    }, { log });
    host.handler();
    await host.start();
    await host.callTool("one__echo");
    const signals = ["SIGINT", "SIGTERM", "SIGHUP", "uncaughtException", "unhandledRejection", "beforeExit"];
    const taken = signals.filter((name) => process.listenerCount(name) > 0);
    await host.close();
    process.on("exit", () => {
      const left = process.listenerCount("exit") - 1;
      console.log(JSON.stringify({ taken, left, logged: lines.length > 0 }));
    });`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: ROOT,
    env: { ...process.env, ...MARKED },
    timeout: 20_000,
  });
  expect({ said: JSON.parse(stdout), stderr }).toEqual({ said: { taken: [], left: 0, logged: true }, stderr: "" });
});
