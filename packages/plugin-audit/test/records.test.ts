import { type AuditOptions, audit } from "@host/plugin-audit";
import { type Config, definePlugin, refuse, registerSecret } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHost } from "mcp-host/testing";
import { expect, test } from "vitest";
import { startHost, temporary } from "../../../test/harness/hosts.ts";
import { RawHttp } from "../../../test/harness/raw-http.ts";
import { logIn, type Recorded, recordsOf } from "./log.ts";

const UP = () =>
  fakeUpstream({
    tools: {
      add: ({ a, b }) => ({ sum: Number(a) + Number(b) }),
      fail: () => {
        throw new Error("it broke");
      },
      ask: async (_args, { ask }) => ({
        answer: await ask("elicitation/create", { message: "Sure?", requestedSchema: { type: "object", properties: {} } }),
      }),
      stuck: () => new Promise(() => {}),
    },
    prompts: { greet: { get: () => "hello" } },
    resources: { "doc:///a": { read: () => "text" } },
  });

/** Refuses a tool by a rule, and others in other hooks. */
const strict = definePlugin({
  name: "strict",
  host: "^1.0.0",
  apply(host) {
    host.hooks.transform.for("tools/call").tap("strict", (params) => {
      if (params.arguments?.a === 13) throw refuse("forbidden", "thirteen is refused", { rule: "unlucky" });
      return params;
    });
    host.hooks.permit.tap("strict", ({ name }) => (name === "doc:///hidden" ? false : undefined));
    host.hooks.admit.tap("strict", ({ path }) => {
      if (path.endsWith("/flood")) throw refuse("rate_limited", "too many", { rule: "per address" });
    });
  },
});

/** What a host records while something is done with it. */
async function recorded(options: AuditOptions, work: (host: TestHost) => Promise<void>, more: Config["plugins"] = []): Promise<Recorded[]> {
  using folder = temporary();
  {
    await using host = await createTestHost({
      plugins: [audit(options), ...more],
      upstreams: { up: UP() },
      folder: folder.path,
      client: { principal: { id: "key:ann", roles: ["dev"] }, capabilities: { elicitation: {} } },
    });
    await work(host);
  }
  return recordsOf(logIn(folder));
}

const of = (records: Recorded[], method: string): Recorded[] => records.filter((record) => record.method === method);

test("calls, reads, prompts and lists are recorded: who, from where, what, how it ended, how long, how it was sent", async () => {
  const records = await recorded({}, async ({ client }) => {
    await client.listTools();
    await client.callTool("add", { a: 1, b: 2 });
    await client.callTool("fail");
    await client.getPrompt("greet");
    await client.readResource("doc:///a");
    await expect(client.callTool("nothing")).rejects.toThrow();
  });
  const common = { who: "key:ann", roles: ["dev"], from: "local", client: "test-client 1.0.0" };
  const [call, fail, nothing] = of(records, "tools/call");
  expect(call).toMatchObject({ type: "request", ...common, name: "add", upstream: "up", outcome: "ok", sent: "yes" });
  expect(call?.id).toMatch(/^[0-9a-f]{32}$/);
  expect(call?.at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(call?.ms).toBeGreaterThanOrEqual(call?.upstreamMs);
  expect(call?.session).toHaveLength(8);
  expect(call).not.toHaveProperty("arguments");
  expect(call).not.toHaveProperty("result");
  expect(fail).toMatchObject({ name: "fail", outcome: "tool_error" });
  expect(nothing).toMatchObject({ name: "nothing", outcome: "error", error: { type: "invalid_params", code: -32602 }, sent: "no" });
  expect(of(records, "prompts/get")).toMatchObject([{ ...common, name: "greet", outcome: "ok" }]);
  expect(of(records, "resources/read")).toMatchObject([{ ...common, name: "doc:///a", upstream: "up", outcome: "ok" }]);
  expect(of(records, "tools/list")).toMatchObject([{ ...common, outcome: "ok", sent: "no" }]);
  expect(of(records, "initialize")).toMatchObject([{ ...common, outcome: "ok" }]);
  expect(records.map(({ type }) => type).slice(0, 2)).toEqual(["started", "session"]);
  expect(records.at(-1)).toMatchObject({ type: "stopped" });
  expect(records.map(({ n }) => n)).toEqual(records.map((_, index) => index + 1));
});

test("a refusal names plugin, hook and rule; what a plugin hides does, too", async () => {
  const records = await recorded(
    {},
    async ({ client }) => {
      await expect(client.callTool("add", { a: 13, b: 0 })).rejects.toThrow("thirteen is refused");
      await client.callTool("add", { a: 1, b: 1 });
    },
    [strict()],
  );
  const [refused, ok] = of(records, "tools/call");
  expect(refused).toMatchObject({
    outcome: "refused",
    error: { type: "forbidden", message: "thirteen is refused" },
    by: [{ plugin: "strict", hook: "transform", did: "refused", rule: "unlucky" }],
  });
  expect(ok).not.toHaveProperty("by");
});

test("questions and their answers are recorded, and cancelled calls as such", async () => {
  const records = await recorded({ details: [{ match: ["elicitation/*"], arguments: "whole", results: "whole" }] }, async ({ client }) => {
    client.on("elicitation/create", () => ({ action: "decline" }));
    await client.callTool("ask");
    const cancel = new AbortController();
    const stuck = client.callTool("stuck", {}, { signal: cancel.signal });
    setTimeout(() => cancel.abort(new Error("enough")), 20);
    await expect(stuck).rejects.toThrow("enough");
  });
  const [question] = of(records, "elicitation/create");
  const [, stuck] = of(records, "tools/call");
  expect(question).toMatchObject({
    type: "question",
    upstream: "up",
    who: "key:ann",
    outcome: "ok",
    arguments: { value: { message: "Sure?" } },
    result: { value: { action: "decline" } },
  });
  expect(stuck).toMatchObject({ name: "stuck", outcome: "cancelled" });
});

test("questions in the modern era are recorded, and the rounds of their calls", async () => {
  using folder = temporary();
  {
    const up = fakeUpstream({
      era: "modern",
      tools: {
        ask: async (_args, { ask }) => ({
          answer: await ask("elicitation/create", { message: "Sure?", requestedSchema: { type: "object", properties: {} } }),
        }),
      },
    });
    await using host = await createTestHost({
      plugins: [audit()],
      upstreams: { up },
      folder: folder.path,
      client: { era: "modern", capabilities: { elicitation: {} } },
    });
    host.client.on("elicitation/create", () => ({ action: "accept", content: {} }));
    await host.client.callTool("ask");
  }
  const records = recordsOf(logIn(folder));
  const calls = of(records, "tools/call");
  expect(of(records, "elicitation/create")).toMatchObject([{ type: "question", id: calls[1]?.id, child: true, outcome: "ok" }]);
  expect(calls).toMatchObject([
    { outcome: "ok", kind: "input_required" },
    { outcome: "ok", round: 1 },
  ]);
});

test("arguments and results are off, hashed, redacted or whole, by the first rule that fits", async () => {
  registerSecret("a-secret-of-the-host");
  const given = { a: 1, b: 2, note: "a-secret-of-the-host", password: "hunter22" };
  const records = await recorded(
    {
      hashKey: "a key that nobody knows",
      details: [
        { match: ["fail"], arguments: "whole" },
        { match: ["up:add"], arguments: "hash", results: "redacted" },
        { match: ["*"], arguments: "redacted" },
      ],
    },
    async ({ client }) => {
      await client.callTool("add", given);
      await client.callTool("add", { password: "hunter22", note: "a-secret-of-the-host", b: 2, a: 1 });
      await client.callTool("add", { a: 2, b: 2 });
      await client.callTool("fail", given);
      await client.getPrompt("greet", { who: "ann", token: "t0p5ecret" });
    },
  );
  const [one, same, other, fail] = of(records, "tools/call");
  expect(one?.arguments).toEqual({ hash: expect.stringMatching(/^[\w-]{43}$/) });
  expect(same?.arguments).toEqual(one?.arguments);
  expect(other?.arguments).not.toEqual(one?.arguments);
  expect(one?.result.value.structuredContent).toEqual({ sum: 3 });
  expect(fail?.arguments).toEqual({ value: { a: 1, b: 2, note: "[redacted]", password: "hunter22" } });
  expect(of(records, "prompts/get")[0]?.arguments).toEqual({ value: { who: "ann", token: "[redacted]" } });
  expect(JSON.stringify(records)).not.toContain("a-secret-of-the-host");
});

test("what is kept of a value has its bound, and a value that is too long to be hashed says so", async () => {
  const long = "x".repeat(10_000);
  const records = await recorded(
    {
      maxDetail: 300,
      hashKey: "a key that nobody knows",
      details: [
        { match: ["add"], arguments: "whole" },
        { match: ["fail"], arguments: "hash" },
      ],
    },
    async ({ client }) => {
      await client.callTool("add", { long, list: Array.from({ length: 1_000 }, (_, n) => n) });
      await client.callTool("fail", { long: "x".repeat(1_100_000) });
    },
  );
  const [add, fail] = of(records, "tools/call");
  expect(add?.arguments.cut).toHaveLength(300);
  expect(fail?.arguments).toEqual({ tooLong: true });
});

test("secrets are in no record: not in names, URIs, errors, clients, nor in what is kept whole", async () => {
  const secret = "0123-the-canary-4567";
  registerSecret(secret);
  const token = `ghp_${"a".repeat(30)}`;
  const records = await recorded({ details: [{ arguments: "whole", results: "whole" }] }, async (host) => {
    const { client } = host;
    await expect(client.readResource(`doc:///${secret}`)).rejects.toThrow();
    await expect(client.callTool(`x ${token}`)).rejects.toThrow();
    await client.callTool("add", { a: secret, [secret]: token });
    await host.connect({ info: { name: secret, version: token } });
    await host.host.operator.run("reconnect", { upstream: secret }, `admin ${secret}`).catch(() => {});
  });
  const text = JSON.stringify(records);
  expect(text).not.toContain(secret);
  expect(text).not.toContain(token);
  expect(text).toContain("[redacted]");
});

test("refused logins, refusals at the edge and by admit are recorded with address, plugin and rule; kept headers, too", async () => {
  using folder = temporary();
  {
    await using running = await startHost(
      { mcpServers: {}, plugins: [audit({ headers: ["x-forwarded-for"] }), strict()] },
      { folder: folder.path },
    );
    const client = await RawHttp.open(running.url, { headers: { "x-forwarded-for": "192.0.2.7" } });
    await client.tools();
    await fetch(running.url, { method: "POST", headers: { origin: "https://evil.example" } });
    await fetch(new URL("/flood", running.url), { method: "POST" });
  }
  const records = recordsOf(logIn(folder));
  expect(of(records, "tools/list")).toMatchObject([
    { who: "anonymous", from: "127.0.0.1", headers: { "x-forwarded-for": "192.0.2.7" }, client: "raw 1" },
  ]);
  expect(of(records, "tools/list")[0]?.bytesIn).toBeGreaterThan(10);
  expect(records.filter(({ type }) => type === "refused")).toMatchObject([
    { method: "POST", path: "/mcp", from: "127.0.0.1", outcome: "refused", status: 403, error: { type: "forbidden" } },
    {
      path: "/flood",
      status: 429,
      error: { type: "rate_limited", message: "too many" },
      by: [{ plugin: "strict", hook: "admit", did: "refused", rule: "per address" }],
    },
  ]);
});

test("operations and reloads are recorded, done or failed; methods of `skip` are not", async () => {
  const records = await recorded({ skip: ["ping", "tools/*"] }, async ({ host, client }) => {
    await client.request("ping");
    await client.callTool("add", { a: 1, b: 2 });
    await client.getPrompt("greet");
    await host.operator.run("reconnect", { upstream: "up" }, "admin:eve");
    await host.operator.run("reconnect", { upstream: "nobody" }, "admin:eve").catch(() => {});
  });
  expect(records.filter(({ type }) => type === "operated")).toMatchObject([
    { who: "admin:eve", operation: "reconnect", params: { upstream: "up" }, outcome: "ok" },
    { who: "admin:eve", operation: "reconnect", outcome: "error", error: { message: expect.stringContaining("nobody") } },
  ]);
  expect([of(records, "ping"), of(records, "tools/call")]).toEqual([[], []]);
  expect(of(records, "prompts/get")).toHaveLength(1);
});
