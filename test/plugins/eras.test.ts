import { alerts } from "@host/plugin-alerts";
import { approval } from "@host/plugin-approval";
import { auth } from "@host/plugin-auth";
import { cache } from "@host/plugin-cache";
import { metrics } from "@host/plugin-metrics";
import { namespace } from "@host/plugin-namespace";
import { otel } from "@host/plugin-otel";
import { profiles } from "@host/plugin-profiles";
import { rateLimit } from "@host/plugin-rate-limit";
import { resilience } from "@host/plugin-resilience";
import { routing } from "@host/plugin-routing";
import { toolSearch } from "@host/plugin-tool-search";
import { transform } from "@host/plugin-transform";
import { webhooks } from "@host/plugin-webhooks";
import type { Config, Json } from "mcp-host";
import {
  createTestHost,
  FakeClock,
  type FakeUpstream,
  type FakeUpstreamSpec,
  fakeUpstream,
  type TestClient,
  type TestClientOptions,
  type TestHost,
  type TestHostOptions,
} from "mcp-host/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { receiver as collector } from "../../packages/plugin-otel/test/receiver.ts";
import { receiver } from "../../packages/plugin-webhooks/test/receiver.ts";

// What every plugin here does to what clients of either era see of servers of either. The contract (packages/plugin-*/test/contract.test.ts)
// says what it leaves alone.

const BOTH = ["legacy", "modern"] as const;
type Era = (typeof BOTH)[number];
const PAIRS = BOTH.flatMap((client) => BOTH.map((server) => [client, server] as const));
const ASKABLE = { elicitation: { form: {} }, roots: {} };
const SERVER_INFO = "io.modelcontextprotocol/serverInfo";

const made: TestHost[] = [];
afterEach(async () => {
  for (const host of made.splice(0)) await host.close();
});

/** A server with something of every kind, whose names begin with its own. */
function server(era: Era, name = "files", tools: FakeUpstreamSpec["tools"] = {}): FakeUpstream {
  return fakeUpstream({
    era,
    instructions: `How to use ${name}.`,
    tools: {
      [`${name}_read`]: { annotations: { readOnlyHint: true }, call: (args) => ({ read: name, args }) },
      [`${name}_write`]: () => "written",
      [`${name}_ask`]: async (_args, { ask }) => (await ask("roots/list")).roots as object,
      ...tools,
    },
    prompts: { [`${name}_pack`]: { get: () => "What do I pack?" } },
    resources: { [`${name}:///open`]: { read: () => "open" } },
  });
}

async function hosting(
  upstreams: Record<string, FakeUpstream>,
  plugins: Config["plugins"] & object,
  options: TestHostOptions = {},
): Promise<TestHost> {
  // Over a wire that does not tell what belongs to which client, a server of the legacy era has to be each one's own to ask it.
  const servers = Object.entries(upstreams).map(([key, { transport }]) => [key, { transport, isolation: "session" }] as const);
  const host = await createTestHost({ upstreams: Object.fromEntries(servers), plugins, client: false, ...options });
  made.push(host);
  return host;
}

/** Somebody who answers what they are asked, and counts it. */
async function person(host: TestHost, era: Era, options: TestClientOptions = {}): Promise<TestClient & { asked: number }> {
  const client = Object.assign(await host.connect({ era, capabilities: ASKABLE, ...options }), { asked: 0 });
  client.on("roots/list", () => {
    client.asked++;
    return { roots: [{ uri: "file:///w" }] };
  });
  client.on("elicitation/create", () => {
    client.asked++;
    return { action: "accept", content: {} };
  });
  return client;
}

const names = (entries: readonly Json[], key = "name"): unknown[] => entries.map((entry) => entry[key]);
const textOf = ({ content }: Json): string => (content as { text: string }[])[0]?.text ?? "";

/** Wants to hear of a resource, as the client's era has it. */
async function subscribe(client: TestClient, era: Era, uri: string): Promise<Json> {
  if (era === "legacy") return client.request("resources/subscribe", { uri });
  return (await client.listen({ resourceSubscriptions: [uri] })).agreed;
}

/** A round of a client that answers nothing by itself, and what another sends to go on with it. */
async function roundOf(client: TestClient, params: Json): Promise<Json> {
  const { inputRequests, requestState, ...rest } = await client.request("tools/call", params);
  expect(rest).toMatchObject({ resultType: "input_required" });
  const inputResponses = Object.fromEntries(Object.keys(inputRequests as object).map((key) => [key, { roots: [] }]));
  return { ...params, inputResponses, requestState };
}

describe.each(PAIRS)("a client of the %s era, servers of the %s era", (client, era) => {
  test("rate-limit: a call that asks is one request, however many rounds it takes, and what is beyond the limit is refused in words", async () => {
    const rules = [{ name: "few", per: ["principal" as const], requests: 2, window: "1m" }];
    const host = await hosting({ files: server(era) }, [rateLimit({ rules })], { clock: new FakeClock() });
    const ann = await person(host, client);
    expect((await ann.callTool("files_ask")).isError).toBeUndefined();
    await ann.callTool("files_read");
    expect(ann.asked).toBe(1);
    await expect(ann.callTool("files_read")).rejects.toMatchObject({
      code: -31429,
      message: expect.stringContaining('rule "few" lets through 2 requests in a minute'),
      data: { type: "rate_limited", sent: "no", retryable: true, retryAfterMs: expect.any(Number) },
    });
    expect((await ann.listTools()).length).toBeGreaterThan(0);
  });

  test("namespace: names are those of the host in lists, calls and prompts, and two servers may have the same", async () => {
    const [one, two] = [server(era), server(era)];
    const host = await hosting({ one, two }, [namespace()]);
    const ann = await person(host, client);
    expect(names(await ann.listTools())).toEqual(
      ["one", "two"].flatMap((key) => ["read", "write", "ask"].map((tool) => `${key}__files_${tool}`)),
    );
    expect(textOf(await ann.callTool("two__files_write"))).toBe("written");
    expect([one, two].map((each) => each.received("tools/call").length)).toEqual([0, 1]);
    expect(names(await ann.listPrompts())).toEqual(["one__files_pack", "two__files_pack"]);
    await ann.getPrompt("one__files_pack");
    expect(textOf(await ann.callTool("one__files_ask"))).toContain("file:///w");
    await expect(ann.callTool("files_write")).rejects.toMatchObject({ code: -32602 });
  });

  test("profiles: words, lists, calls and updates are those of the profile, and one that is for others is refused", async () => {
    const [files, git] = [server(era), server(era, "git")];
    const work = { servers: ["git"], description: "For work", instructions: "Be brief. {instructions}" };
    const host = await hosting({ files, git }, [profiles({ profiles: { work, ops: { roles: ["ops"] } } })]);
    const ann = await person(host, client, { endpoint: "work" });
    expect(ann.initialized.instructions).toBe("Be brief. ## git\n\nHow to use git.");
    const info = client === "legacy" ? ann.initialized.serverInfo : (ann.initialized._meta as Json)[SERVER_INFO];
    expect(info).toMatchObject({ name: "mcp-host", description: "For work" });
    expect(names(await ann.listTools())).toEqual(["git_read", "git_write", "git_ask"]);
    await expect(ann.callTool("files_write")).rejects.toThrow("Unknown tool: files_write");
    if (client === "modern") expect(await subscribe(ann, client, "files:///open")).toEqual({});
    else await expect(subscribe(ann, client, "files:///open")).rejects.toThrow("Resource not found");
    await subscribe(ann, client, "git:///open");
    for (const each of [files, git])
      each.notify("notifications/resources/updated", { uri: each === git ? "git:///open" : "files:///open" });
    expect(await ann.until("notifications/resources/updated")).toMatchObject({ uri: "git:///open" });
    await expect(person(host, client, { endpoint: "ops" })).rejects.toMatchObject({ data: { type: "forbidden" } });
  });

  test("transform: what is hidden, pinned and cut is so, and a question is none of its business", async () => {
    const files = server(era);
    const rules = [
      { match: ["files_write"], hide: true },
      { match: ["files_read"], args: { pin: { path: "/safe" } } },
      { match: ["files_ask"], result: { truncate: { max: 20 } } },
    ];
    const ann = await person(await hosting({ files }, [transform({ rules })]), client);
    expect(names(await ann.listTools())).toEqual(["files_read", "files_ask"]);
    await expect(ann.callTool("files_write")).rejects.toMatchObject({ code: -32602 });
    expect((await ann.callTool("files_read", { path: "/etc" })).structuredContent).toMatchObject({ args: { path: "/safe" } });
    const asked = await ann.callTool("files_ask");
    expect(ann.asked).toBe(1);
    expect(textOf(asked).length).toBeLessThan(60);
  });

  test("cache: what is kept is given again, and what asked somebody is not", async () => {
    const files = server(era);
    const ann = await person(await hosting({ files }, [cache({ tools: ["files_*"], ttl: "1m" })]), client);
    const results = [await ann.callTool("files_read", { a: 1 }), await ann.callTool("files_read", { a: 1 })];
    expect(results[0]).toEqual(results[1]);
    expect(files.received("tools/call")).toHaveLength(1);
    await ann.readResource("files:///open");
    await ann.readResource("files:///open");
    expect(files.received("resources/read")).toHaveLength(1);
    for (const _ of [1, 2]) expect(textOf(await ann.callTool("files_ask"))).toContain("file:///w");
    expect(ann.asked).toBe(2);
  });

  test("auth: who may not is shown nothing and gets nothing, and nobody goes on with another's round", async () => {
    const files = server(era);
    const rules = [{ roles: ["reader"], allow: { tools: ["files_read", "files_ask"] } }];
    const host = await hosting({ files }, [auth({ rules })]);
    const ann = await person(host, client, { principal: { id: "ann", roles: ["reader"] } });
    const bob = await person(host, client, { principal: { id: "bob", roles: [] } });
    expect([names(await ann.listTools()), names(await bob.listTools())]).toEqual([["files_read", "files_ask"], []]);
    await expect(ann.callTool("files_write")).rejects.toMatchObject({ code: -32602 });
    expect(textOf(await ann.callTool("files_ask"))).toContain("file:///w");
    if (client === "legacy") return;
    const silent = (id: string, roles: string[]) => host.connect({ era: client, capabilities: ASKABLE, principal: { id, roles } });
    const own = await silent("ann", ["reader"]);
    const params = await roundOf(own, { name: "files_ask" });
    const calls = files.received("tools/call").length;
    await expect(bob.request("tools/call", params)).rejects.toThrow();
    await expect((await silent("eve", ["reader"])).request("tools/call", params)).rejects.toMatchObject({
      data: { type: "state_invalid" },
    });
    // Whoever has lost the role meanwhile may not go on either.
    await expect((await silent("ann", [])).request("tools/call", params)).rejects.toThrow();
    expect(files.received("tools/call")).toHaveLength(calls);
    expect(await own.request("tools/call", params)).toMatchObject({ content: [{ text: "[]" }] });
  });

  test("approval: the person is asked, what they decline is not done, and what they answered before is remembered", async () => {
    const files = server(era);
    const rules = [{ match: ["files_write"], ask: "person" as const, remember: "session" as const }];
    const ann = await person(await hosting({ files }, [approval({ rules })]), client);
    ann.on("elicitation/create", () => ({ action: "decline" }));
    expect(textOf(await ann.callTool("files_write"))).toContain("Nothing was done");
    expect(files.received("tools/call")).toEqual([]);
    const questions: unknown[] = [];
    ann.on("elicitation/create", ({ requestedSchema }) => {
      questions.push(requestedSchema);
      const [[field = ""] = []] = Object.entries((requestedSchema as Json).properties as Json);
      return { action: "accept", content: { [field]: "in this session" } };
    });
    for (const _ of [1, 2]) expect(textOf(await ann.callTool("files_write"))).toBe("written");
    expect(questions).toHaveLength(1);
    expect(textOf(await ann.callTool("files_ask"))).toContain("file:///w");
  });

  test("alerts: requests of either era are counted alike, one that asks once", async () => {
    const files = server(era, "files", { files_fail: () => ({ isError: true, content: [{ type: "text", text: "no" }] }) });
    const rules = [{ kind: "error-ratio" as const, minimum: 3, above: 0.2, toolErrors: true }];
    const host = await hosting({ files }, [alerts({ rules, interval: 50 })]);
    const ann = await person(host, client);
    for (const tool of ["files_ask", "files_read", "files_fail"]) await ann.callTool(tool);
    expect(ann.asked).toBe(1);
    await vi.waitFor(() =>
      expect(host.host.reports().alerts).toMatchObject({
        firing: {
          "error-ratio files": expect.stringContaining('33.3 % of the 3 requests to server "files" of the last 5 min failed (1)'),
        },
      }),
    );
  });

  test("tool-search: what is found is called, and what it asks is asked, once", async () => {
    const host = await hosting({ files: server(era) }, [toolSearch({ show: "search" })]);
    const ann = await person(host, client);
    expect(names(await ann.listTools())).toEqual(["find_tools", "call_tool"]);
    expect(textOf(await ann.callTool("find_tools", { query: "files_ask" }))).toContain('"name":"files_ask"');
    expect((await ann.callTool("call_tool", { name: "files_ask" })).isError).toBeUndefined();
    expect(ann.asked).toBe(1);
  });

  test("webhooks: hooks see calls and results of either era alike, and a question is no result", async () => {
    await using hook = await receiver(({ body }) => {
      if (body.type === "validation") return { valid: body.payload.name !== "files_write", messages: [{ message: "not this one" }] };
      if (body.phase === "request") return { modified: true, patch: [{ op: "add", path: "/arguments/checked", value: true }] };
      return { modified: true, patch: [{ op: "add", path: "/content/-", value: { type: "text", text: "checked" } }] };
    });
    const hooks = (["permit", "transform", "respond"] as const).map((at) => ({ name: at, at, url: hook.url, timeout: 4_900 }));
    const files = server(era);
    const ann = await person(await hosting({ files }, [webhooks({ hooks })]), client);
    const read = await ann.callTool("files_read", { a: 1 });
    expect(read).toMatchObject({ structuredContent: { args: { a: 1, checked: true } }, content: [{}, { text: "checked" }] });
    await expect(ann.callTool("files_write")).rejects.toMatchObject({ message: expect.stringContaining("not this one") });
    const before = hook.received.length;
    expect(await ann.callTool("files_ask")).toMatchObject({ content: [{}, { text: "checked" }] });
    expect(ann.asked).toBe(1);
    const asked = hook.received.slice(before).map(({ body }) => body);
    for (const { event, payload } of asked) {
      expect(event).toBe("tools/call");
      for (const key of ["inputRequests", "inputResponses", "requestState", "resultType", "_meta"]) expect(payload).not.toHaveProperty(key);
    }
    expect(asked.filter(({ phase }) => phase === "response")).toHaveLength(1);
  });

  test("routing: a group has members of either era; what a question begins stays with who asked, and a mirror asks nobody", async () => {
    const other = era === "legacy" ? "modern" : "legacy";
    const files = { one: server(era), two: server(other) };
    const asking = (rules: object[] = []) =>
      routing({ groups: { files: { members: ["one", "two"], sticky: false, rules: rules as never } } });
    const host = await hosting(files, [asking(), namespace()]);
    const ann = await person(host, client);
    expect(names(await ann.listTools())).toEqual(["files__files_read", "files__files_write", "files__files_ask"]);
    for (let count = 0; count < 4; count++) expect(textOf(await ann.callTool("files__files_ask"))).toContain("file:///w");
    expect(ann.asked).toBe(4);
    await ann.request("prompts/get", { name: "files__files_pack" });
    await ann.readResource("files:///open");
    const calls = (key: "one" | "two") => files[key].received("tools/call").length;
    // A question of the modern era is answered with another request, to the same server.
    expect([calls("one") >= 2, calls("two") >= 2]).toEqual([true, true]);
    expect(host.host.reports().routing).toMatchObject({ groups: { files: { members: { one: { inFlight: 0 }, two: { inFlight: 0 } } } } });

    const rules = [
      { name: "first", to: "one" },
      { name: "shadow", mirror: "two", readOnly: true },
    ];
    await host.host.reload({ ...(host.host.config as Config), plugins: [asking(rules), namespace()] });
    const before = calls("two");
    await ann.callTool("files__files_ask");
    expect(ann.asked).toBe(5);
    await ann.callTool("files__files_read", { a: 1 });
    await expect
      .poll(() => host.host.reports().routing)
      .toMatchObject({ groups: { files: { rules: { shadow: { mirrored: { same: 1 } } } } } });
    expect(calls("two")).toBeGreaterThan(before);
    expect(ann.asked).toBe(5);
  });

  test("resilience: a question is an answer: it is neither retried, nor does its time count, nor does it open the breaker", async () => {
    const clock = new FakeClock();
    const files = server(era);
    const defaults = { retry: { retries: 3 }, breaker: { consecutive: 1 }, timeout: { idle: 1_000, total: 5_000 } };
    const host = await hosting({ files }, [resilience({ defaults })], { clock });
    const ann = await person(host, client);
    ann.on("roots/list", async () => {
      await clock.advance(60_000);
      return { roots: [{ uri: "file:///late" }] };
    });
    expect(textOf(await ann.callTool("files_ask"))).toContain("file:///late");
    expect(textOf(await ann.callTool("files_write"))).toBe("written");
    expect(
      files.received("tools/call").filter(({ name, requestState }) => name === "files_ask" && requestState === undefined),
    ).toHaveLength(1);
    expect(host.host.reports()).toMatchObject({ resilience: { files: { breaker: { state: "closed" } } } });
  });

  test("metrics: requests of both eras are counted, with how they ended", async () => {
    const files = server(era);
    const host = await hosting({ files }, [metrics()], { config: { listen: { port: 0 } } });
    const ann = await person(host, client);
    await ann.listTools();
    await ann.callTool("files_ask");
    await ann.callTool("files_write");
    await expect(ann.callTool("nobody_has_it")).rejects.toThrow();
    const text = await (await fetch(new URL("/metrics", host.host.url))).text();
    const counted = text.split("\n").flatMap((line) => {
      const [, labels = "", value] = /^mcp_server_operation_duration_seconds_count\{(.*)\} (\S+)$/.exec(line) ?? [];
      return value === undefined ? [] : [{ labels, value: Number(value) }];
    });
    const count = (...wanted: string[]): number =>
      counted.filter(({ labels }) => wanted.every((label) => labels.includes(label))).reduce((sum, { value }) => sum + value, 0);
    expect(count(`mcp_method_name="${client === "legacy" ? "initialize" : "server/discover"}"`)).toBe(1);
    expect(count('mcp_method_name="tools/list"')).toBe(1);
    expect(count('gen_ai_tool_name="files_write"')).toBe(1);
    expect(count('gen_ai_tool_name="files_ask"')).toBeGreaterThanOrEqual(1);
    expect(count('mcp_method_name="tools/call"', 'error_type="')).toBe(1);
  });

  test("otel: a call and its question are one trace, whoever speaks what, and the server is told of it", async () => {
    await using to = await collector();
    const files = server(era);
    const host = await hosting({ files }, [otel({ endpoint: to.url, traces: { ratio: 1, stages: false }, metrics: false, logs: false })]);
    const ann = await person(host, client);
    await ann.callTool("files_ask");
    const sent = files.received("tools/call").map(({ _meta }) => String((_meta as { traceparent?: string } | undefined)?.traceparent));
    await host.close();
    const question = to.spans.find(({ name, kind }) => kind === "CLIENT" && /^(roots|elicitation|sampling)\//.test(name));
    const call = to.spans.find(
      ({ name, kind, traceId }) => kind === "SERVER" && name.startsWith("tools/call") && traceId === question?.traceId,
    );
    expect(call, JSON.stringify(to.spans.map(({ name, kind }) => [kind, name]))).toBeDefined();
    const attempts = to.spans.filter(({ name, kind }) => kind === "CLIENT" && name.startsWith("tools/call"));
    // A round that the host makes itself, for a client that knows none, is the same attempt.
    expect(new Set(sent.map((traceparent) => traceparent.split("-")[2]))).toEqual(new Set(attempts.map(({ spanId }) => spanId)));
  });
});
