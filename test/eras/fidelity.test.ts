import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { bystanders } from "../harness/bystanders.ts";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { type Answering, DISCOVERED, type ScriptedModern, say, scriptedModern } from "../harness/scripted-modern.ts";

const KEY = "io.modelcontextprotocol/";
const SERVER = `${KEY}serverInfo`;
/** What no specification has, at every place where it may stand. */
const vendor = (at: string) => ({ "x-vendor": { at, deep: [1, null, { é: "ü" }], big: 12345678901234, tiny: 1e-9 } });
const meta = (at: string) => ({ _meta: { [SERVER]: { name: "scripted" }, "example.test/meta": at, traceparent: "00-0-0-00" } });
const done = (result: Message): Message => ({ resultType: "complete", ...result });
const fresh = { ttlMs: 5_000, cacheScope: "public" };

const RESULTS: Record<string, Message> = {
  "tools/list": {
    tools: [
      {
        name: "ok",
        title: "Ok",
        inputSchema: {
          type: "object",
          properties: { a: { type: ["string", "null"], ...vendor("schema") } },
          $defs: {},
          ...vendor("input"),
        },
        outputSchema: { type: "array", items: { $ref: "#/$defs/x" }, $defs: { x: {} } },
        annotations: { readOnlyHint: true, ...vendor("annotations") },
        icons: [{ src: "data:,", ...vendor("icon") }],
        ...meta("tool"),
        ...vendor("tool"),
      },
    ],
    ...fresh, // what stands beside the entries is one server's word on a list of many
  },
  "prompts/list": { prompts: [{ name: "p", arguments: [{ name: "a", ...vendor("argument") }], ...vendor("prompt") }], ...fresh },
  "resources/list": { resources: [{ uri: "test://a", name: "a", size: 1, ...vendor("resource") }], ...fresh },
  "resources/templates/list": { resourceTemplates: [{ uriTemplate: "test://t/{x}", name: "t", ...vendor("template") }], ...fresh },
  "tools/call": {
    content: [
      {
        type: "text",
        text: "\u2028 ü \u0000",
        annotations: { priority: 0.1, ...vendor("annotation") },
        ...meta("block"),
        ...vendor("block"),
      },
      { type: "example.test/unknown", ...vendor("unknown") },
      { type: "resource", resource: { uri: "test://a", blob: "AAAA", ...vendor("contents") } },
    ],
    structuredContent: [1, { a: null }, "x"],
    isError: false,
    ...meta("result"),
    ...vendor("result"),
  },
  "prompts/get": { messages: [{ role: "user", content: { type: "text", text: "hm" }, ...vendor("message") }], ...vendor("prompt") },
  "resources/read": { contents: [{ uri: "test://a", text: "A", mimeType: "text/x", ...vendor("contents") }], ...meta("read"), ...fresh },
  "completion/complete": { completion: { values: ["a"], total: 1, hasMore: false, ...vendor("completion") }, ...vendor("result") },
};

/** Requests, each with everything that a client may put into it. */
const ASKED: [method: string, params: Message][] = [
  ["tools/list", {}],
  ["prompts/list", {}],
  ["resources/list", {}],
  ["resources/templates/list", {}],
  ["tools/call", { name: "ok", arguments: { a: "ü\u2028", nested: { b: [null, 1.5, { c: {} }] } }, ...vendor("params") }],
  ["tools/call", { name: "ok", ...vendor("params") }],
  ["prompts/get", { name: "p", arguments: { a: "x" }, ...vendor("params") }],
  ["resources/read", { uri: "test://a", ...vendor("params") }],
  ["resources/read", { uri: "test://t/%C3%BC?x=1#y", ...vendor("params") }],
  [
    "completion/complete",
    { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "v" }, context: { arguments: {} }, ...vendor("params") },
  ],
];

const CAPABILITIES = { elicitation: { form: {} }, sampling: {}, roots: {} };
const envelope = {
  [`${KEY}clientCapabilities`]: CAPABILITIES,
  "example.test/mine": { a: [1] },
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

/** A message without what belongs to one hop: who the server is, and how long what it says may be kept. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== SERVER && key !== "ttlMs" && key !== "cacheScope" && key !== "requestState");
  // A `_meta` in which nothing else stood is none.
  const own = kept.filter(([key, each]) => !(key === "_meta" && Object.keys(each as object).every((name) => name === SERVER)));
  return Object.fromEntries(own.map(([key, each]) => [key, bare(each)]));
}

describe.each([
  ["alone", () => []],
  ["with plugins that have nothing against it", bystanders],
] as const)("a client and a server of 2026-07-28, %s", (_, plugins) => {
  let server: ScriptedModern;
  let running: TestHost;
  let direct: ModernHttp;
  let through: ModernHttp;
  let special: Answering | undefined;
  beforeAll(async () => {
    const answers = Object.fromEntries(
      Object.entries(RESULTS).map(([method, result]): [string, Answering] => [method, () => done(result)]),
    );
    const capabilities = { tools: {}, prompts: {}, resources: {}, completions: {} };
    server = await scriptedModern({
      ...answers,
      "server/discover": () => ({ ...DISCOVERED, capabilities }),
      "tools/call": (message, response, nth) => (special ?? (() => done(RESULTS["tools/call"] as Message)))(message, response, nth),
    });
    running = await startHost({ mcpServers: { one: { url: server.url } }, plugins: plugins() });
    direct = new ModernHttp(new URL(server.url));
    through = new ModernHttp(running.url);
    await vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ state: "ready", entries: { templates: 1 } }]));
  });
  afterAll(async () => {
    await running.host.close();
    await server[Symbol.asyncDispose]();
  });

  /** What a client gets, and what the server does, on both ways. */
  async function both(method: string, params: Message, id: string | number = 7) {
    const way = async (client: ModernHttp) => {
      const before = server.received.length;
      const { status, messages } = await client.send(method, params, {
        id,
        meta: { ...envelope, progressToken: "mine", [`${KEY}logLevel`]: "debug" },
      });
      const sent = server.received.slice(before).filter((message) => message.method === method);
      return { status, messages: messages.map(bare), sent };
    };
    return [await way(direct), await way(through)] as const;
  }

  test.each(ASKED)("%s passes as it is, both ways: %j", async (method, params) => {
    const [expected, given] = await both(method, params);
    expect(given.status).toBe(expected.status);
    expect(given.messages).toEqual(expected.messages);
    if (method.endsWith("/list")) return; // those are the host's own
    const seen = (sent: readonly Message[]) =>
      sent.map(({ params: { _meta, ...others } }) => {
        const { [`${KEY}clientInfo`]: ___, progressToken, ...rest } = _meta;
        return { ...others, _meta: rest, hasToken: progressToken !== undefined };
      });
    expect(seen(given.sent)).toEqual(seen(expected.sent));
  });

  test("errors, progress, log messages, vendor notifications and questions pass as they are", async () => {
    const cases: Answering[] = [
      () => ({ code: -32050, message: "mine", data: { ...vendor("error") } }),
      ({ params }, response) => {
        const { progressToken } = params._meta;
        say(response, {
          method: "notifications/progress",
          params: { progressToken, progress: 1, total: 3, message: "ü", ...vendor("progress"), ...meta("progress") },
        });
        say(response, {
          method: "notifications/message",
          params: { level: "info", logger: "l", data: { ...vendor("log") }, ...vendor("message") },
        });
        say(response, { method: "notifications/vendor/hello", params: { ...vendor("notification") } });
        say(response, { id: server.received.at(-1)?.id, result: done({ content: [] }) });
        response.end();
        return undefined;
      },
      () => ({
        resultType: "input_required",
        inputRequests: {
          "any key: ü": {
            method: "elicitation/create",
            params: {
              mode: "form",
              message: "m",
              requestedSchema: { type: "object", properties: {}, ...vendor("schema") },
              ...vendor("ask"),
              ...meta("ask"),
            },
          },
          r: { method: "roots/list" },
        },
        requestState: "state",
      }),
    ];
    for (const each of cases) {
      special = each;
      const [expected, given] = await both("tools/call", { name: "ok", arguments: {} }, "text id");
      const status = expected.messages.some((message) => "error" in (message as object)) ? 200 : expected.status;
      expect(given.status).toBe(status);
      expect(given.messages).toEqual(expected.messages);
    }
    special = undefined;
  });

  test("a kind of result that nobody knows is no answer", async () => {
    special = () => ({ resultType: "example.test/unheard-of", content: [] });
    const { error } = await through.call("ok");
    special = undefined;
    expect(error).toMatchObject({ data: { type: "upstream_protocol" }, message: expect.stringContaining("example.test/unheard-of") });
  });
});
