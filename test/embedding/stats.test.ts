import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import cache from "@host/plugin-cache";
import { expect, test } from "vitest";
import { createWorld, inProcessTransport, serveHttp, type World } from "../fixtures/upstream.mjs";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { startHost, temporary, upstream } from "../harness/hosts.ts";

const inProcess = (world: World) => ({ transport: () => inProcessTransport(world.settings, world) });
const count = ({ received }: World, method: string): number => received.filter((message) => message.method === method).length;

test("stats count requests, errors and what is offered, and know how long each upstream took", async () => {
  const quiet = createWorld({ name: "quiet", only: [], without: ["prompts", "resources"] });
  await using running = await startHost({
    mcpServers: { one: inProcess(createWorld({ name: "one" })), two: inProcess(quiet) },
    listen: null,
  });
  const { host } = running;
  expect(host.stats()).toMatchObject({ mode: "multi", requests: 0, errors: 0, activeUpstreams: 0, tools: 0 });
  const { tools } = await host.listTools();
  const { resources } = await host.listResources();
  const { resourceTemplates } = await host.listResourceTemplates();
  const { prompts } = await host.listPrompts();
  for (let call = 0; call < 3; call++) await host.callTool("echo");
  await host.callTool("isError");
  await expect(host.callTool("fail")).rejects.toThrow("failed as asked");
  await expect(host.callTool("missing")).rejects.toThrow("Unknown tool");
  const stats = host.stats();
  expect(stats).toMatchObject({
    sessions: 1,
    inFlight: 0,
    requests: 11, // initialize, four lists, six calls
    errors: 2,
    activeUpstreams: 2,
    tools: tools.length,
    resources: resources.length,
    resourceTemplates: resourceTemplates.length,
    prompts: prompts.length,
  });
  const [one, two] = stats.upstreams;
  expect(one).toMatchObject({ name: "one", state: "ready", calls: 5, errors: 1, inFlight: 0, restarts: 0 });
  expect(one?.latency?.p50).toBeGreaterThan(0);
  expect(one?.latency?.p95).toBeGreaterThanOrEqual(one?.latency?.p50 ?? Number.NaN);
  expect(two).toEqual({ name: "two", state: "ready", inFlight: 0, calls: 0, errors: 0, latency: undefined, restarts: 0, waiting: 0 });
});

test("latency is of the last 256 answers of the upstream, and a cache's share of hits is told", async () => {
  await using running = await startHost({
    mcpServers: { one: inProcess(createWorld({ only: ["echo", "slow"] })) },
    plugins: [cache({ tools: ["echo"] })],
    listen: null,
  });
  const { host } = running;
  expect(host.mode()).toBe("single");
  await host.callTool("slow", { ms: 200 });
  expect(host.stats()).toMatchObject({ upstreams: [{ calls: 1 }] });
  const slow = host.stats().upstreams[0]?.latency;
  expect(slow?.p50).toBeGreaterThanOrEqual(150);
  for (let call = 0; call < 3; call++) await host.callTool("echo", { same: true });
  // No upstream answered the two hits, so there are two times: the slow call's is the larger.
  const both = host.stats();
  expect(host.reports().cache?.ratio).toBeCloseTo(2 / 3);
  expect(both.upstreams).toMatchObject([{ calls: 4, latency: { p95: slow?.p95 } }]);
  for (let call = 0; call < 256; call++) await host.callTool("echo", { call });
  expect(host.stats().upstreams[0]?.latency?.p95).toBeLessThan(slow?.p95 ?? 0);
});

test("health: ready while nothing is wrong, degraded while some are down, down when all or a required one are", async () => {
  const gone = { command: "./there-is-no-such-program" };
  const health = async (mcpServers: Parameters<typeof startHost>[0]["mcpServers"]) => {
    await using running = await startHost({ mcpServers, listen: null });
    const before = running.host.health();
    await running.host.listTools();
    return { before: before.status, ...running.host.health() };
  };
  const one = upstream({ only: ["echo"] });
  expect(await health({ one })).toEqual({
    before: "ready", // it starts with its first client
    status: "ready",
    upstreams: [{ name: "one", status: "ready", required: false, state: "ready", reason: undefined }],
  });
  expect(await health({ one, gone })).toMatchObject({
    status: "degraded",
    upstreams: [{ status: "ready" }, { name: "gone", status: "down", reason: expect.stringContaining("no such file") }],
  });
  expect(await health({ one, gone: { ...gone, required: true } })).toMatchObject({ status: "down" });
  expect(await health({ gone })).toMatchObject({ status: "down" });
  expect(await health({})).toEqual({ before: "ready", status: "ready", upstreams: [] });
});

test("reconnect ends a server after its calls in flight and starts another; calls that come meanwhile wait for it", async () => {
  const marker = ownMarker();
  await using running = await startHost({
    mcpServers: { one: { ...upstream(), env: { [MARKER]: marker } }, two: upstream({ only: [] }) },
    listen: null,
  });
  const { host } = running;
  await host.listTools();
  const [before] = survivors(marker);
  const slow = host.callTool("slow", { ms: 300 });
  await expect.poll(() => host.stats().upstreams[0]?.inFlight).toBe(1);
  const done: string[] = [];
  const renewed = host.reconnect("one").then(() => done.push("renewed"));
  await expect.poll(() => host.stats().upstreams[0]?.state).toBe("draining");
  const waited = host.callTool("echo").then(() => done.push("waited"));
  expect(await slow).toMatchObject({ structuredContent: { waited: 300 } });
  await Promise.all([renewed, waited]);
  expect(done.sort()).toEqual(["renewed", "waited"]);
  await expect.poll(() => survivors(marker).map(({ pid }) => pid)).toEqual([expect.not.toSatisfy((pid) => pid === before?.pid)]);
  expect(host.health().status).toBe("ready");
});

test("the lists are read anew before a reconnect is over; two at once are one", async () => {
  const world = createWorld({ name: "one" });
  await using running = await startHost({ mcpServers: { one: inProcess(world) }, listen: null });
  const { host } = running;
  await host.listTools();
  world.catalog.tools.push({ name: "fresh", inputSchema: { type: "object" } });
  await Promise.all([host.reconnect("one"), host.reconnect("one")]);
  expect(count(world, "initialize")).toBe(2);
  // It resolves when the new lists are known.
  expect(host.stats().tools).toBe(world.catalog.tools.length);
  expect((await host.listTools()).tools.map(({ name }) => name)).toContain("fresh");
});

test("reconnect brings back a server that had failed for good, and says why one does not come up", async () => {
  using folder = temporary();
  await using running = await startHost({ mcpServers: { late: { command: "./late" } }, listen: null }, { folder: folder.path });
  const { host } = running;
  for (let tries = 0; tries < 6; tries++) {
    await expect(host.reconnect("late")).rejects.toMatchObject({
      type: "upstream_down",
      upstream: "late",
      message: expect.stringMatching(/^upstream "late" could not be connected: cannot start .*ENOENT/),
    });
  }
  const { command, args } = upstream({ only: ["echo"] });
  writeFileSync(join(folder.path, "late"), `#!/bin/sh\nexec ${[command, ...args].map((word) => `'${word}'`).join(" ")}\n`);
  chmodSync(join(folder.path, "late"), 0o700);
  await host.reconnect("late");
  expect(host.health().status).toBe("ready");
  expect(await host.callTool("echo")).toHaveProperty("content");
  await expect(host.reconnect("lat")).rejects.toThrow('no upstream is called "lat" (did you mean "late"?)');
});

test("reconnect tries again where wrong credentials had stopped the host from trying", async () => {
  const { world, url, close } = await serveHttp({ only: ["echo"] });
  let isOpen = false;
  // In front of the server, something that refuses until it is told better.
  const gate = createServer(async (request, response) => {
    if (request.method === "GET") {
      response.writeHead(405).end(); // no stream of its own
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (!isOpen) {
      response.writeHead(401).end();
      return;
    }
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers as Record<string, string>;
    const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
    const answer = await fetch(url, { method: request.method ?? "GET", headers, ...body });
    const session = answer.headers.get("mcp-session-id");
    response.writeHead(answer.status, {
      "content-type": answer.headers.get("content-type") ?? "text/plain",
      ...(session !== null && { "mcp-session-id": session }),
    });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((listening) => gate.listen(0, "127.0.0.1", listening));
  try {
    await using running = await startHost({
      mcpServers: { one: { url: `http://127.0.0.1:${(gate.address() as AddressInfo).port}/mcp` } },
      listen: null,
    });
    await expect(running.host.reconnect("one")).rejects.toMatchObject({ type: "upstream_auth" });
    expect(running.host.health()).toMatchObject({ status: "down", upstreams: [{ state: "failed" }] });
    isOpen = true;
    await running.host.reconnect("one");
    expect(running.host.health().status).toBe("ready");
    expect(count(world, "initialize")).toBe(1);
  } finally {
    gate.closeAllConnections();
    gate.close();
    await close();
  }
});

test("a host that closes during a reconnect leaves nothing behind", async () => {
  const marker = ownMarker();
  const running = await startHost({
    mcpServers: { one: { ...upstream(), env: { [MARKER]: marker } } },
    drain: 50,
    listen: null,
  });
  const { host } = running;
  await host.listTools();
  const slow = host.callTool("slow", { ms: 60_000 }).catch((error: unknown) => error);
  await expect.poll(() => host.stats().upstreams[0]?.inFlight).toBe(1);
  const renewed = host.reconnect("one").catch((error: unknown) => error);
  await host.close();
  expect(await slow).toMatchObject({ name: "HostError" });
  await renewed;
  await expect.poll(() => survivors(marker)).toEqual([]);
  await expect(host.reconnect("one")).rejects.toMatchObject({ upstream: "one" });
});
