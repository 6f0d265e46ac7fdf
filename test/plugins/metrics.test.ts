import { PassThrough } from "node:stream";
import { metrics } from "@host/plugin-metrics";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { definePlugin, type Exchange, type HostStatus, type Json } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { httpProcess, startHost, upstream } from "../harness/hosts.ts";
import { bearer, WireClient } from "../harness/wire.ts";

let far: Awaited<ReturnType<typeof httpProcess>>;
beforeAll(async () => {
  far = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "far", prefix: "far_" })]);
});
afterAll(() => far.stop());

/** One server over stdio and one over HTTP. */
const servers = () => ({ near: upstream({ name: "near" }), far: { url: far.url } });

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** What a scrape has, parsed; labels hold no escapes here. */
async function scrape(url: URL, headers: Record<string, string> = {}): Promise<Sample[]> {
  const response = await fetch(new URL("/metrics", url), { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return (await response.text()).split("\n").flatMap((line) => {
    const [, name, labels, value] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...(labels ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

const stats = async (url: URL, headers: Record<string, string> = {}): Promise<Json> =>
  (await (await fetch(new URL("/stats", url), { headers })).json()) as Json;

/** The sum of the samples of a name with these labels; undefined where there is none. */
function total(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number | undefined {
  const found = samples.filter(
    (each) => each.name === name && Object.entries(labels).every(([key, value]) => (each.labels[key] ?? "") === value),
  );
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}

const COUNT = "mcp_server_operation_duration_seconds_count";

async function connected(url: URL): Promise<Client> {
  const client = sdkClient();
  await client.connect(httpTransport(url));
  await vi.waitFor(async () =>
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["echo", "far_echo"])),
  );
  return client;
}

test("the metrics and the client's own counts agree, by upstream, tool and error", async () => {
  await using running = await startHost({ mcpServers: servers(), plugins: [metrics()] });
  const client = await connected(running.url);
  const failed = async (call: Promise<unknown>): Promise<void> =>
    expect(
      await call.then(
        () => "well",
        () => "failed",
      ),
    ).toBe("failed");
  for (let i = 0; i < 7; i++) await client.callTool({ name: "echo", arguments: { i } });
  for (let i = 0; i < 3; i++) await client.callTool({ name: "far_echo", arguments: { i } });
  for (let i = 0; i < 2; i++) await client.callTool({ name: "isError", arguments: {} });
  await failed(client.callTool({ name: "fail", arguments: {} }));
  for (const name of ["none", "neither"]) await failed(client.callTool({ name, arguments: {} }));
  await client.getPrompt({ name: "plain" });
  await failed(client.readResource({ uri: "none://at/all" }));

  const samples = await scrape(running.url);
  const calls = { mcp_method_name: "tools/call" };
  expect(total(samples, COUNT, { ...calls, upstream: "near", gen_ai_tool_name: "echo", error_type: "" })).toBe(7);
  expect(total(samples, COUNT, { ...calls, upstream: "far", gen_ai_tool_name: "far_echo", error_type: "" })).toBe(3);
  expect(total(samples, COUNT, { ...calls, gen_ai_tool_name: "isError", error_type: "tool_error" })).toBe(2);
  expect(total(samples, COUNT, { ...calls, error_type: "invalid_params", rpc_response_status_code: "-32602", upstream: "" })).toBe(2);
  expect(total(samples, COUNT, calls)).toBe(15);
  expect(samples.find(({ name, labels }) => name === COUNT && labels.gen_ai_tool_name === "fail")?.labels.error_type).toMatch(/^-\d+$/);
  expect(total(samples, COUNT, { mcp_method_name: "prompts/get", gen_ai_prompt_name: "plain", upstream: "near" })).toBe(1);
  expect(total(samples, COUNT, { mcp_method_name: "resources/read", error_type: "resource_not_found" })).toBe(1);
  // What was sent has a time of its upstream's and one of the host's own; what was refused has neither.
  expect(total(samples, "mcp_client_operation_duration_seconds_count", calls)).toBe(13);
  expect(total(samples, "mcp_host_overhead_seconds_count", calls)).toBe(13);
  const whole = total(samples, "mcp_server_operation_duration_seconds_sum", { gen_ai_tool_name: "echo" }) ?? 0;
  expect(whole).toBeGreaterThan(total(samples, "mcp_client_operation_duration_seconds_sum", { gen_ai_tool_name: "echo" }) ?? Infinity);

  const told = await stats(running.url);
  expect(told.requests).toMatchObject({ errors: { tool_error: 2, invalid_params: 2, resource_not_found: 1 } });
  expect((told.requests as { of: Json[] }).of).toContainEqual(
    expect.objectContaining({
      method: "tools/call",
      upstream: "far",
      tool: "far_echo",
      count: 3,
      errors: {},
      meanUpstreamTime: expect.any(Number),
    }),
  );
  await client.close();
});

test("no argument, URI or principal is a label", async () => {
  await using running = await startHost({ mcpServers: servers(), plugins: [bearer(), metrics()] });
  const client = await WireClient.connect(running.url, { headers: { authorization: "Bearer alice" } });
  await vi.waitFor(async () =>
    expect((await client.request("tools/call", { name: "echo", arguments: { canary: "argument-canary" } })).json).toHaveProperty("result"),
  );
  await client.request("resources/read", { uri: "canary://uri-canary" });
  await client.request("tools/call", { name: "name-canary", arguments: {} });
  await client.request("canary/method-canary", {});
  for (const path of ["/metrics", "/stats"]) {
    const text = await (await fetch(new URL(path, running.url), { headers: { authorization: "Bearer bob" } })).text();
    expect(text).toContain("echo");
    expect(text).not.toMatch(/canary|alice|bob/);
  }
});

test("principals are counted where the option says so", async () => {
  await using running = await startHost({ mcpServers: { near: upstream() }, plugins: [bearer(), metrics({ principals: 1 })] });
  for (const name of ["alice", "bob", "carol"]) {
    const client = await WireClient.connect(running.url, { headers: { authorization: `Bearer ${name}` } });
    await client.request("ping");
  }
  const scraper = { authorization: "Bearer scraper" };
  const samples = await scrape(running.url, scraper);
  expect(total(samples, "mcp_host_principal_requests_total", { principal: "alice", outcome: "ok" })).toBe(2);
  expect(total(samples, "mcp_host_principal_requests_total", { principal: "other", outcome: "ok" })).toBe(4);
  expect((await stats(running.url, scraper)).principals).toMatchObject({ alice: { well: 2 }, other: { well: 4 } });
});

describe("sizes", () => {
  /** Notes what each exchange says of its sizes. */
  const noted: Pick<Exchange, "method" | "requestBytes" | "answerBytes">[] = [];
  const notes = definePlugin({
    name: "notes",
    host: "^1.0.0",
    apply: (host) =>
      host.hooks.settled.tap("notes", ({ method, requestBytes, answerBytes }) => void noted.push({ method, requestBytes, answerBytes })),
  });
  const sizes = (method: string) => {
    const { requestBytes, answerBytes } = noted.find((each) => each.method === method) ?? {};
    return [requestBytes, answerBytes];
  };

  test("over HTTP are those of the bodies, in bytes", async () => {
    noted.length = 0;
    await using running = await startHost({ mcpServers: { near: upstream() }, plugins: [notes(), metrics()] });
    const client = await WireClient.connect(running.url);
    const body = client.body("tools/call", { name: "echo", arguments: { text: "ünïcödé ✓" } });
    const { text } = await client.ask({ body });
    const [asked, answered] = [Buffer.byteLength(JSON.stringify(body)), Buffer.byteLength(text)];
    expect(sizes("tools/call")).toEqual([asked, answered]);
    expect(sizes("initialize")).toEqual([expect.any(Number), expect.any(Number)]);
    const samples = await scrape(running.url);
    expect(total(samples, "mcp_host_request_size_bytes_sum", { gen_ai_tool_name: "echo" })).toBe(asked);
    expect(total(samples, "mcp_host_response_size_bytes_sum", { gen_ai_tool_name: "echo" })).toBe(answered);

    // An answer on a stream, and requests in a batch.
    noted.length = 0;
    const streamed = await client.ask({ body: client.body("ping"), headers: { accept: "text/event-stream, application/json" } });
    expect(sizes("ping")).toEqual([expect.any(Number), JSON.stringify(streamed.json).length]);
    const old = await WireClient.connect(running.url, { version: "2025-03-26" });
    noted.length = 0;
    const batch = await old.ask({ body: [old.body("ping"), old.body("tools/list")] });
    expect(noted).toEqual(
      expect.arrayContaining(
        batch.json.map((answer: Json) => expect.objectContaining({ requestBytes: undefined, answerBytes: JSON.stringify(answer).length })),
      ),
    );
  });

  test("over stdio are those of the lines; in process there are none", async () => {
    noted.length = 0;
    await using running = await startHost({ mcpServers: { near: upstream() }, plugins: [notes(), metrics()] });
    const [input, output] = [new PassThrough(), new PassThrough()];
    const ended = running.host.serveStdio({ input, output });
    const line = JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "ünï", version: "1" } },
    });
    input.write(`${line}\n`);
    const [answer] = (await new Promise<Buffer>((resolve) => output.once("data", resolve))).toString().split("\n");
    expect(sizes("initialize")).toEqual([Buffer.byteLength(line), answer?.length]);
    const during = await scrape(running.url);
    expect(total(during, "mcp_host_sessions", { network_transport: "pipe" })).toBe(1);
    expect(total(during, "mcp_host_request_size_bytes_sum", { mcp_method_name: "initialize" })).toBe(Buffer.byteLength(line));
    input.end();
    await ended;
    expect(
      total(await scrape(running.url), "mcp_server_session_duration_seconds_count", {
        network_transport: "pipe",
        mcp_protocol_version: "2025-11-25",
      }),
    ).toBe(1);

    noted.length = 0;
    const { InMemoryTransport } = await import("@modelcontextprotocol/sdk/inMemory.js");
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await running.host.connect(theirs);
    const client = sdkClient();
    await client.connect(ours);
    expect(sizes("initialize")).toEqual([undefined, undefined]);
    await client.close();
  });
});

test("what is in flight is seen while it is, at the host and at its upstream, and sessions come and go", async () => {
  await using running = await startHost({ mcpServers: servers(), plugins: [metrics()] });
  const client = await connected(running.url);
  const stop = new AbortController();
  const slow = client.callTool({ name: "slow", arguments: {} }, undefined, { signal: stop.signal }).catch(() => "stopped");
  await vi.waitFor(async () => {
    const samples = await scrape(running.url);
    expect(total(samples, "mcp_host_requests_in_flight")).toBe(1);
    expect(total(samples, "mcp_host_upstream_requests_in_flight", { upstream: "near" })).toBe(1);
    expect(total(samples, "mcp_host_upstream_requests_in_flight", { upstream: "far" })).toBe(0);
    expect(total(samples, "mcp_host_sessions", { network_transport: "tcp" })).toBe(1);
  });
  stop.abort();
  expect(await slow).toBe("stopped");
  await vi.waitFor(async () => {
    const samples = await scrape(running.url);
    expect(total(samples, "mcp_host_requests_in_flight")).toBe(0);
    expect(total(samples, COUNT, { gen_ai_tool_name: "slow", error_type: "cancelled" })).toBe(1);
  });
  await (client.transport as ReturnType<typeof httpTransport>).terminateSession();
  await client.close();
  const samples = await scrape(running.url);
  expect(total(samples, "mcp_host_sessions")).toBe(0);
  expect(total(samples, "mcp_host_sessions_opened_total", { network_transport: "tcp" })).toBe(1);
  expect(total(samples, "mcp_server_session_duration_seconds_count", { network_transport: "tcp" })).toBe(1);
});

test("an upstream that dies is down, came back is up, and its loss is counted", async () => {
  const near = { ...upstream({ name: "near" }), required: true };
  await using running = await startHost({ mcpServers: { near, far: { url: far.url } }, plugins: [metrics()] });
  const client = await connected(running.url);
  const status = (): HostStatus["upstreams"][number] | undefined => running.host.status().upstreams.find(({ name }) => name === "near");
  const before = await scrape(running.url);
  expect(total(before, "mcp_host_upstream_up", { upstream: "near" })).toBe(1);
  expect(total(before, "mcp_host_upstream_restarts_total", { upstream: "near" })).toBe(0);
  expect(total(before, "mcp_host_upstream_entries", { upstream: "near", kind: "tools" })).toBeGreaterThan(5);
  expect(total(before, "mcp_host_upstream_latency_seconds", { upstream: "near" })).toBeGreaterThan(0);

  process.kill(status()?.connections[0]?.pid ?? 0, "SIGKILL");
  await vi.waitFor(() =>
    expect(running.logs).toContainEqual(expect.objectContaining({ message: "an upstream was lost", upstream: "near" })),
  );
  const samples = await scrape(running.url);
  expect(total(samples, "mcp_host_upstream_restarts_total", { upstream: "near" })).toBe(1);
  expect(total(samples, "mcp_host_upstream_restarts_total", { upstream: "far" })).toBe(0);
  await client.callTool({ name: "echo", arguments: {} });
  const after = await scrape(running.url);
  expect(total(after, "mcp_host_upstream_up", { upstream: "near" })).toBe(1);
  expect(total(after, "mcp_host_upstream_state", { upstream: "near", state: "ready" })).toBe(1);
  expect(total(after, "mcp_host_upstream_state", { upstream: "near" })).toBe(1);
  expect(total(after, "mcp_host_upstream_state_changes_total", { upstream: "near", state: "ready" })).toBe(2);
  expect(total(after, "mcp_host_ready")).toBe(1);
  await client.close();
});

test("a required upstream that cannot be started is told", async () => {
  await using running = await startHost({ mcpServers: { needed: { command: "./none", required: true } }, plugins: [metrics()] });
  await vi.waitFor(async () => {
    const samples = await scrape(running.url);
    expect(total(samples, "mcp_host_ready")).toBe(0);
    expect(total(samples, "mcp_host_upstream_up", { upstream: "needed" })).toBe(0);
  });
  expect(await stats(running.url)).toMatchObject({ ready: false, down: ["needed"] });
});

test("losses of sessions' own connections stay counted when the sessions are gone", async () => {
  const own = { ...upstream(), isolation: "session" as const };
  await using running = await startHost({ mcpServers: { own }, plugins: [metrics()] });
  const client = await WireClient.connect(running.url);
  await client.call("echo");
  process.kill(running.host.status().upstreams[0]?.connections[0]?.pid ?? 0, "SIGKILL");
  await vi.waitFor(() => expect(running.host.status().upstreams[0]?.restarts).toBe(1));
  await client.ask({ method: "DELETE" });
  await vi.waitFor(() => expect(running.host.status().upstreams[0]?.connections).toEqual([]));
  expect(total(await scrape(running.url), "mcp_host_upstream_restarts_total", { upstream: "own" })).toBe(1);
});

describe("what other plugins count", () => {
  const counting = definePlugin({
    name: "counting",
    host: "^1.0.0",
    apply(host) {
      const calls = host.meter.counter({ name: "counting.calls", description: "Calls.", labels: ["tool"] });
      host.meter.gauge({ name: "counting.size", description: "Size.", unit: "By" }, () => [{ labels: [], value: 42 }]);
      host.operator.report(() => ({ well: true, apiKey: "secret-canary" }));
      host.hooks.settled.tap("counting", ({ entry }) => void (entry && calls.add(1, entry.name)));
    },
  });

  test.each(["before", "after"])("is published, applied %s the metrics, and so is what they report", async (when) => {
    const copies = [counting(), { use: counting(), id: "second" }];
    await using running = await startHost({
      mcpServers: { near: upstream() },
      plugins: when === "before" ? [...copies, metrics()] : [metrics(), ...copies],
    });
    const client = await WireClient.connect(running.url);
    await client.call("echo");
    const samples = await scrape(running.url);
    for (const plugin of ["counting", "second"]) {
      expect(total(samples, "mcp_host_counting_calls_total", { plugin, tool: "echo" })).toBe(1);
      expect(total(samples, "mcp_host_counting_size_bytes", { plugin })).toBe(42);
    }
    expect(await stats(running.url)).toMatchObject({
      instruments: expect.arrayContaining([
        expect.objectContaining({ name: "counting.calls", plugin: "second", readings: [{ labels: { tool: "echo" }, value: 1 }] }),
      ]),
      reports: { counting: { well: true, apiKey: "[redacted]" }, metrics: { series: expect.any(Number) } },
    });
  });
});

test("a plugin whose gauge cannot be read keeps nothing else from being told, and the log says why", async () => {
  const broken = definePlugin({
    name: "broken",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("broken", () => {});
      host.meter.gauge({ name: "broken.size", description: "Size." }, () => {
        throw new Error("no figures today");
      });
    },
  });
  await using running = await startHost({ mcpServers: {}, plugins: [broken(), metrics()] });
  expect(total(await scrape(running.url), "mcp_host_ready")).toBe(1);
  expect(await stats(running.url)).toMatchObject({ ready: true, instruments: [{ name: "broken.size", failed: true }] });
  expect(running.logs).toContainEqual(
    expect.objectContaining({ level: "error", metric: "mcp_host_broken_size", reason: "no figures today" }),
  );
});

describe("who may read", () => {
  const TOKEN = "a-token-of-the-scraper";

  test("with a token, whoever sends it, and nobody else", async () => {
    await using running = await startHost({ mcpServers: {}, plugins: [metrics({ token: TOKEN })] });
    for (const path of ["/metrics", "/stats"]) {
      const status = async (authorization?: string): Promise<[number, string | null]> => {
        const response = await fetch(new URL(path, running.url), authorization === undefined ? {} : { headers: { authorization } });
        expect(await response.text()).not.toContain(TOKEN);
        return [response.status, response.headers.get("www-authenticate")];
      };
      expect(await status(`Bearer ${TOKEN}`)).toEqual([200, null]);
      expect(await status(`bearer ${TOKEN}`)).toEqual([200, null]);
      for (const wrong of [undefined, "", TOKEN, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Bearer ", `Basic ${TOKEN}`])
        expect(await status(wrong), String(wrong)).toEqual([401, "Bearer"]);
    }
    expect(JSON.stringify(running.logs)).not.toContain(TOKEN);
  });

  test("a page of another origin may not, and only reading is possible", async () => {
    await using running = await startHost({ mcpServers: {}, plugins: [metrics()] });
    const url = new URL("/metrics", running.url);
    expect((await fetch(url, { headers: { origin: "https://evil.example" } })).status).toBe(403);
    expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(404);
    expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(url)).headers.get("x-content-type-options")).toBe("nosniff");
  });

  test.each([
    ["without a token, clients and nobody else", {}, [401, 200, 401]],
    ["with a token, who sends it, and that need be no client; a client is not enough", { token: TOKEN }, [401, 401, 200]],
    ["with open, everybody", { open: true }, [200, 200, 200]],
  ])("where a plugin says who clients are: %s", async (_, options, expected) => {
    // Behind a proxy, where everybody could read what this machine's users may.
    await using running = await startHost({ mcpServers: {}, plugins: [bearer(), metrics(options)], listen: { hosts: ["mcp.example"] } });
    for (const path of ["/metrics", "/stats"]) {
      const statuses: number[] = [];
      for (const authorization of ["", "Bearer alice", `Bearer ${TOKEN}`]) {
        const { status } = await fetch(new URL(path, running.url), { headers: { authorization } });
        statuses.push(status);
      }
      expect(statuses, path).toEqual(expected);
    }
  });
});
