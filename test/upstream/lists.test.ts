import { definePlugin } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { home, run } from "../harness/cli.ts";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { scripted } from "../harness/scripted.ts";

const entry = (name: string) => ({ name, inputSchema: { type: "object" } });
const partial = ({ result }: Message) => result._meta;

test("a list that fails is told of, makes the server degraded, and is read again until it comes", async () => {
  let isOffline = true;
  const one = fakeUpstream({
    capabilities: { tools: {}, prompts: {} },
    prompts: { p: { get: () => "p" } },
    methods: {
      "tools/list": () => {
        if (isOffline) throw new Error("fetch failed");
        return { tools: [entry("t")] };
      },
    },
  });
  await using running = await startHost({ mcpServers: { one: { transport: one.transport }, other: upstream({ only: ["echo"] }) } });
  const client = await RawHttp.open(running.url);
  const first = await client.ask("tools/list");
  expect(first.result.tools.map(({ name }: Message) => name)).toEqual(["echo"]);
  const why = expect.stringMatching(/^tools\/list failed: .*fetch failed/);
  expect(partial(first)).toEqual({ "io.mcp-host/partial": ["one"], "io.mcp-host/incomplete": { one: why } });
  const prompts = await client.ask("prompts/list");
  expect(partial(prompts)).toBeUndefined();
  const status = () => running.host.status().upstreams[0];
  expect(status()).toMatchObject({ state: "degraded", reason: why, incomplete: { "tools/list": why }, entries: { tools: 0, prompts: 1 } });
  expect(running.host.health()).toMatchObject({ status: "degraded", upstreams: [{ status: "degraded", reason: why }, {}] });
  await one.until("tools/list", 3);
  expect(running.logs.filter(({ message }) => message === "a list is incomplete")).toHaveLength(1);
  isOffline = false;
  await vi.waitFor(async () => expect(await client.tools()).toEqual(["t", "echo"]), 10_000);
  expect(status()).toMatchObject({ state: "ready", incomplete: {}, reason: undefined });
  expect(partial(await client.ask("tools/list"))).toBeUndefined();
  expect(one.received("prompts/list")).toHaveLength(1);
});

test("a list that fails later keeps what it was, says so, and is read again", async () => {
  let isOffline = false;
  const one = fakeUpstream({
    capabilities: { tools: { listChanged: true } },
    methods: {
      "tools/list": () => {
        if (isOffline) throw new Error("fetch failed");
        return { tools: [entry("t")] };
      },
    },
  });
  await using running = await startHost({ mcpServers: { one: { transport: one.transport } } });
  const client = await RawHttp.open(running.url);
  expect(await client.tools()).toEqual(["t"]);
  isOffline = true;
  one.notify("notifications/tools/list_changed");
  await vi.waitFor(() => expect(running.host.status().upstreams[0]?.state).toBe("degraded"), 5_000);
  const answer = await client.ask("tools/list");
  expect(answer.result.tools.map(({ name }: Message) => name)).toEqual(["t"]);
  expect(partial(answer)).toMatchObject({ "io.mcp-host/partial": ["one"] });
  isOffline = false;
  await vi.waitFor(() => expect(running.host.status().upstreams[0]?.state).toBe("ready"), 10_000);
  expect(partial(await client.ask("tools/list"))).toBeUndefined();
});

test("a list that a limit cuts says so in its answer and in the status, and is not read again", async () => {
  const many = fakeUpstream({ tools: { a: () => "", b: () => "", c: () => "" } });
  const more = fakeUpstream({ tools: { d: () => "", e: () => "" } });
  await using running = await startHost({
    mcpServers: { many: { transport: many.transport }, more: { transport: more.transport } },
    limits: { entriesPerUpstream: 2, entries: 3 },
  });
  const client = await RawHttp.open(running.url);
  const answer = await client.ask("tools/list");
  expect(answer.result.tools.map(({ name }: Message) => name)).toEqual(["a", "b", "d"]);
  const cut = "tools/list gave more than 2 entries; the rest is withheld";
  expect(partial(answer)).toEqual({
    "io.mcp-host/partial": ["many", "more"],
    "io.mcp-host/incomplete": {
      many: cut,
      more: "tools/list of all upstreams gave more than 3 entries (limits.entries); the rest is withheld",
    },
  });
  expect(running.host.status()).toMatchObject({
    upstreams: [{ state: "ready", incomplete: { "tools/list": cut } }, { incomplete: {} }],
    withheld: [{ name: "e", reason: "more than 3 entries" }],
  });
});

test("who may not see what was cut off is not told of it", async () => {
  const one = fakeUpstream({ tools: { a: () => "", b: () => "" } });
  const hides = definePlugin({
    name: "hides",
    host: "^1.0.0",
    apply: (host) => host.hooks.permit.tap("hides", ({ name }) => (name === "b" ? false : undefined)),
  });
  await using running = await startHost({ mcpServers: { one: { transport: one.transport } }, limits: { entries: 1 }, plugins: [hides()] });
  const client = await RawHttp.open(running.url);
  expect((await client.ask("tools/list")).result).toEqual({ tools: [entry("a")] });
});

test("the commands say what is missing, and why", async () => {
  const failing = scripted(`if (method === "tools/list") return new Error("fetch failed");`);
  using at = home({ mcpServers: { good: upstream({ only: ["echo"] }), bad: failing } });
  const validated = await run(at, ["validate", "--connect", "--log-level", "silent"]);
  expect(validated).toMatchObject({ code: 1, stdout: expect.stringMatching(/^bad +degraded +tools\/list failed: .*fetch failed$/m) });
  const json = await run(at, ["validate", "--connect", "--json", "--log-level", "silent"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, upstreams: [{ ok: true }, { ok: false, state: "degraded" }] });
  const listed = await run(at, ["list", "--log-level", "silent"]);
  expect(listed.stdout).toContain("echo");
  expect(listed.stderr).toMatch(/^mcp-host: server "bad" is not complete here: tools\/list failed: .*fetch failed$/m);
});
