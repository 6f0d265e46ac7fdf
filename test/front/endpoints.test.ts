import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import express from "express";
import { type Config, createHost, definePlugin, type Plugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { home, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { BIN, startHost, upstream } from "../harness/hosts.ts";
import { refusal, SocketClient } from "../harness/socket.ts";
import { ask, bearer, initialize, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };

/** Opens these endpoints; who comes in by one sees the tools that begin with its name, and nobody else sees those. */
const profiles = definePlugin({
  name: "profiles",
  host: "^1.0.0",
  apply(host) {
    for (const name of ["echo", "work.2_~x-y"]) host.endpoint(name);
    host.hooks.list.tap("profiles", (entries, { endpoint }) =>
      endpoint === undefined ? entries : entries.filter(({ native }) => native.startsWith(endpoint)),
    );
  },
});

/** A plugin that opens what it is told, as code without types may. */
const opening = (name: string, ...names: unknown[]): Plugin =>
  definePlugin({
    name,
    host: "^1.0.0",
    apply(host) {
      for (const each of names) host.endpoint(each as string);
    },
  })();

const at = (url: URL, path: string): URL => new URL(path, url);
const toolsOf = async (client: ReturnType<typeof sdkClient>): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name);

describe("over HTTP", () => {
  test("each client comes in by the endpoint of its URL, on every way in", async () => {
    const seen: (string | undefined)[] = [];
    const noting = definePlugin({
      name: "noting",
      host: "^1.0.0",
      apply: (host) =>
        host.hooks.settled.tap("noting", ({ method, caller, http }) => {
          if (method === "tools/list") seen.push(caller.endpoint, http?.path);
        }),
    });
    const listen = { sse: true, websocket: true };
    await using running = await startHost({ mcpServers, listen, plugins: [profiles(), noting()] });
    const { url } = running;
    const transports = [
      httpTransport(at(url, "/mcp/p/echo")),
      httpTransport(at(url, "/mcp/p/echo/")),
      new SSEClientTransport(at(url, "/sse/p/echo")),
    ];
    for (const transport of [...transports, new SSEClientTransport(at(url, "/sse/p/echo/"))]) {
      const client = sdkClient();
      await client.connect(transport);
      expect(await toolsOf(client)).toEqual(["echo"]);
      await client.close();
    }
    const socket = await SocketClient.connect(url, { path: "/ws/p/echo" });
    socket.send({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    expect((await socket.answer(1)).result.tools).toMatchObject([{ name: "echo" }]);
    socket.socket.terminate();
    expect(seen).toEqual(Array.from({ length: 5 }, () => ["echo", "/p/echo"]).flat());
    const client = sdkClient();
    await client.connect(httpTransport(url));
    expect((await toolsOf(client)).length).toBeGreaterThan(10);
    await client.close();
    expect(seen.slice(-2)).toEqual([undefined, ""]);
    const named = await WireClient.connect(at(url, "/mcp/p/work.2_~x-y"));
    expect((await named.request("tools/list")).json.result.tools).toEqual([]);
    expect(running.host.status().endpoints).toEqual([
      { name: "echo", plugin: "profiles" },
      { name: "work.2_~x-y", plugin: "profiles" },
    ]);
  });

  test("a plugin with the condition `when.endpoints` is there for the clients of these alone", async () => {
    const deny = definePlugin({
      name: "deny",
      host: "^1.0.0",
      apply: (host) => host.hooks.permit.tap("deny", ({ native }) => (native === "echo" ? undefined : false)),
    });
    const plugins = [opening("doors", "one", "two"), { use: deny(), when: { endpoints: ["one"] } }];
    await using running = await startHost({ mcpServers, plugins });
    const count = async (path: string): Promise<number> => {
      const client = await WireClient.connect(at(running.url, path));
      return (await client.request("tools/list")).json.result.tools.length;
    };
    expect(await count("/mcp/p/one")).toBe(1);
    for (const path of ["/mcp", "/mcp/p/two"]) expect(await count(path), path).toBeGreaterThan(10);
  });

  test("an unknown one is 404 in the host's words, and to nobody who is not authenticated", async () => {
    const listen = { sse: true, websocket: true };
    await using running = await startHost({ mcpServers, listen, plugins: [profiles(), bearer()] });
    const headers = { authorization: "Bearer alice" };
    for (const path of ["/mcp/p/Echo", "/mcp/p/ech%6f", "/mcp/p/", "/sse/p/no", "/messages/p/no"]) {
      const { status, json } = await ask(running.url, { path, headers, body: initialize() });
      expect([status, json.error.data.type], path).toEqual([404, "not_found"]);
      expect(json.error.message).not.toContain("work.2");
    }
    expect((await ask(running.url, { path: "/mcp/p/no", headers, body: initialize() })).json.error.message).toBe(
      'there is no endpoint "no" here',
    );
    expect(await refusal(running.url, { path: "/ws/p/no", headers })).toMatchObject({
      status: 404,
      json: { error: { data: { type: "not_found" } } },
    });
    for (const path of ["/mcp/p/no", "/mcp/p/echo"]) expect((await ask(running.url, { path, body: initialize() })).status, path).toBe(401);
    // Only directly below a way in.
    for (const path of ["/p/echo", "/mcp/p/echo/p/echo", "/mcp/echo", "/mcp/p", "/healthz/p/echo"])
      expect((await ask(running.url, { path, headers, body: initialize() })).status, path).toBe(404);
  });

  test("a session of one is unknown at another", async () => {
    await using running = await startHost({ mcpServers, plugins: [profiles()] });
    const { url } = running;
    const named = await WireClient.connect(at(url, "/mcp/p/echo"));
    const unnamed = await WireClient.connect(url);
    const ping = (path: string, { session }: WireClient) =>
      ask(at(url, path), { body: { jsonrpc: "2.0", id: 1, method: "ping" }, headers: { "mcp-session-id": session } });
    for (const [path, client] of [
      ["/mcp", named],
      ["/mcp/p/work.2_~x-y", named],
      ["/mcp/p/echo", unnamed],
    ] as const) {
      const { status, json } = await ping(path, client);
      expect([status, json.error.data.type]).toEqual([404, "session_not_found"]);
      expect((await ask(at(url, path), { method: "DELETE", headers: { "mcp-session-id": client.session } })).status).toBe(404);
    }
    expect((await ping("/mcp/p/echo", named)).status).toBe(200);
    expect((await ping("/mcp", unnamed)).status).toBe(200);
  });

  test("a reload that takes it away ends its sessions, and leaves the others", async () => {
    const listen = { port: 0, websocket: true };
    await using running = await startHost({ mcpServers, listen, plugins: [profiles(), opening("other", "kept")] });
    const { url } = running;
    const [gone, kept, unnamed] = [
      await WireClient.connect(at(url, "/mcp/p/echo")),
      await WireClient.connect(at(url, "/mcp/p/kept")),
      await WireClient.connect(url),
    ];
    const socket = await SocketClient.connect(url, { path: "/ws/p/echo" });
    const slow = gone.request("tools/call", { name: "slow", arguments: { ms: 10_000 } });
    await vi.waitFor(() => expect(running.host.stats().inFlight).toBe(1));
    await running.host.reload({ mcpServers, listen, plugins: [opening("other", "kept")] });
    expect((await slow).json.error).toMatchObject({ data: { type: "session_not_found" }, message: expect.stringContaining('"echo"') });
    expect(await socket.closed).toMatchObject({ code: 1008 });
    expect(await gone.request("ping")).toMatchObject({ status: 404 });
    expect(await kept.request("ping")).toMatchObject({ status: 200 });
    expect(await unnamed.request("ping")).toMatchObject({ status: 200 });
    expect(running.host.status().endpoints).toEqual([{ name: "kept", plugin: "other" }]);
    await running.host.reload({ mcpServers, listen, plugins: [profiles()] });
    expect(await kept.request("ping")).toMatchObject({ status: 404 });
    expect((await WireClient.connect(at(url, "/mcp/p/echo"))).server).toBeDefined();
  });

  test("it is there in another program's server, under whatever the program mounts the host", async () => {
    const host = createHost({ mcpServers, plugins: [profiles()], drain: 0 });
    const app = express();
    app.use("/api/mcp", host.handler());
    app.use(host.handler({ path: "/here" }));
    const server = createServer(app);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    for (const path of ["/api/mcp/p/echo", "/here/p/echo"]) {
      const client = sdkClient();
      await client.connect(httpTransport(new URL(path, `http://127.0.0.1:${port}`)));
      expect(await toolsOf(client), path).toEqual(["echo"]);
      await client.close();
    }
    server.close();
    server.closeAllConnections();
    await host.close();
  });
});

describe("opening one", () => {
  const started = (plugins: Config["plugins"]) => startHost({ listen: null, plugins: plugins ?? [] });

  test.each<unknown>([["a/b"], ["ä"], [""], ["."], [".."], ["x".repeat(65)], ["a b"], [7]])(
    "a name that no URL has as it is stops the start: %j",
    async (name) => {
      await expect(started([opening("odd", name)])).rejects.toThrow(/plugin "odd" opens the endpoint .*: a name has 1 to 64 letters/);
    },
  );

  test("the same name by two plugins stops the start", async () => {
    await expect(started([opening("one", "same", "same"), opening("two", "same")])).rejects.toThrow(
      'plugin "two" opens the endpoint "same", which plugin "one" opened already; rename one of them',
    );
  });

  test("after apply it is too late", async () => {
    const late = definePlugin({ name: "late", host: "^1.0.0", apply: (host) => host.hooks.ready.tap("late", () => host.endpoint("late")) });
    await expect(started([late()])).rejects.toThrow('plugin "late" calls endpoint too late');
  });

  test("a plugin that opens one is not said to do nothing", async () => {
    await using running = await started([opening("quiet", "quiet")]);
    expect(running.logs.filter(({ message }) => String(message).includes("does nothing"))).toEqual([]);
  });
});

describe("in process", () => {
  test("transports and calls of the program come by it, and by none that is not there", async () => {
    await using running = await startHost({ listen: null, mcpServers, plugins: [profiles()] });
    const { host } = running;
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await host.connect(theirs, { endpoint: "echo" });
    const client = sdkClient();
    await client.connect(ours);
    expect(await toolsOf(client)).toEqual(["echo"]);
    expect((await host.listTools({ endpoint: "echo" })).tools).toMatchObject([{ name: "echo" }]);
    expect((await host.listTools()).tools.length).toBeGreaterThan(10);
    const unknown = 'no endpoint is called "ecko" (did you mean "echo"?); there are echo, work.2_~x-y';
    await expect(host.listTools({ endpoint: "ecko" })).rejects.toThrow(unknown);
    await expect(host.connect(InMemoryTransport.createLinkedPair()[0], { endpoint: "ecko" })).rejects.toThrow(unknown);
    const closed = new Promise<void>((resolve) => (client.onclose = resolve));
    await host.reload({ mcpServers, plugins: [] });
    await closed;
    await expect(host.listTools({ endpoint: "echo" })).rejects.toThrow("no plugin opens any");
  });
});

describe("on the command line", () => {
  const PLUGIN = `import { definePlugin } from "mcp-host";
export default definePlugin({ name: "profiles", host: "^1.0.0", apply(host) {
  host.endpoint("echo");
  host.hooks.list.tap("profiles", (entries, { endpoint }) => endpoint ? entries.filter(({ native }) => native === endpoint) : entries);
} });`;
  const config = { mcpServers: { up: upstream({ only: ["echo", "slow"] }) }, plugins: ["./profiles.mjs"] };
  const folder = () => home(config, { "profiles.mjs": PLUGIN.replace('"mcp-host"', JSON.stringify(import.meta.resolve("mcp-host"))) });

  test("`start stdio --endpoint` serves its client there, and ends when a reload takes the endpoint away", async () => {
    using there = folder();
    const client = sdkClient();
    const args = [BIN, "start", "stdio", "--endpoint", "echo", "--config", `${there.path}/mcp-host.config.json`];
    const transport = stdioTransport(process.execPath, args, there.env);
    await client.connect(transport);
    expect(await toolsOf(client)).toEqual(["echo"]);
    const closed = new Promise<void>((resolve) => (client.onclose = resolve));
    expect((await run(there, ["status"])).stdout).toMatch(/ENDPOINT +OPENED BY\n *echo +profiles/);
    writeFileSync(`${there.path}/mcp-host.config.json`, JSON.stringify({ ...config, plugins: [] }));
    expect(await run(there, ["reload"])).toMatchObject({ code: 0, stderr: "" });
    await closed;
  });

  test("an unknown endpoint ends it before anything starts, with those that there are", async () => {
    using there = folder();
    for (const args of [
      ["start", "stdio"],
      ["start", "both", "--port", "0"],
    ]) {
      const running = start(there, [...args, "--endpoint", "ecko"]);
      expect(await running.exited).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining('mcp-host: --endpoint: no endpoint is called "ecko" (did you mean "echo"?); there is echo\n'),
      });
    }
    expect(await run(there, ["list", "--endpoint", "ecko"])).toMatchObject({ code: 2, stderr: expect.stringContaining("there is echo") });
    expect(await run(there, ["start", "http", "--endpoint", "echo"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--endpoint is for `start stdio` and `start both`"),
    });
  });

  test("one-shot commands come by it, and inspect shows who opened it", async () => {
    using there = folder();
    expect(await run(there, ["list", "--endpoint", "echo"])).toMatchObject({ code: 0, stdout: expect.not.stringContaining("slow") });
    expect(await run(there, ["list"])).toMatchObject({ code: 0, stdout: expect.stringContaining("slow") });
    expect(await run(there, ["call", "slow", "--args", '{"ms":1}', "--endpoint", "echo"])).toMatchObject({ code: 0 });
    expect((await run(there, ["inspect"])).stdout).toMatch(/ENDPOINT +OPENED BY\n *echo +profiles/);
    expect(JSON.parse((await run(there, ["inspect", "--json"])).stdout).endpoints).toEqual([{ name: "echo", plugin: "profiles" }]);
  });
});
