import { definePlugin, type Json, type Plugin, type PluginHost, refuse } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { drawn, type ReceivedSpan, told } from "./receiver.ts";

const plugin = (name: string, apply: (host: PluginHost) => void): Plugin => definePlugin({ name, host: "^1.0.0", apply })();

/** Chooses `away` first, and `home` once nothing could be sent there. */
const choosing = plugin("choosing", ({ hooks }) => {
  hooks.route.tap("choosing", ({ attempts }) => ({ upstream: attempts.length === 0 ? "away" : "home" }));
});
/** Looks at arguments, and stands around every call. */
const looking = plugin("looking", ({ hooks }) => {
  hooks.transform.for("tools/call").tap("looking", (params) => ({ ...params, arguments: { ...(params.arguments as Json), seen: true } }));
  hooks.call.for("tools/call").tap("looking", (next) => (exchange) => next(exchange));
});

const named = (spans: readonly ReceivedSpan[], name: string, kind?: ReceivedSpan["kind"]): ReceivedSpan[] =>
  spans.filter((span) => span.name === name && (kind === undefined || span.kind === kind)).sort((a, b) => a.start - b.start);
const traceOf = (meta: unknown): string[] => String((meta as Json | undefined)?.traceparent).split("-");

describe("a call through two plugins, over an attempt that failed, with a question to the person", () => {
  test.each(["legacy", "modern"] as const)("servers of the %s era", async (era) => {
    const book = (_: Json, { ask }: { ask(method: string, params: Json): Promise<Json> }): Promise<Json> =>
      ask("elicitation/create", {
        message: "Window or aisle?",
        requestedSchema: { type: "object", properties: { seat: { type: "string" } } },
      });
    const home = fakeUpstream({ era, tools: { book: { call: book } } });
    const away = fakeUpstream({ era, tools: { book: { call: book } } });
    await using it = await told(
      { traces: { ratio: 1 } },
      {
        before: [choosing, looking],
        up: fakeUpstream(),
        upstreams: { home: { transport: home.transport, isolation: "session" }, away: { transport: away.transport, isolation: "session" } },
        client: { capabilities: { elicitation: {} } },
      },
    );
    const asked: Json[] = [];
    it.client.on("elicitation/create", (params) => {
      asked.push(params);
      return { action: "accept", content: { seat: "window" } };
    });
    await it.client.request("tools/list");
    away.fail("down");
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const _meta = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "vendor=1" };
    await it.client.request("tools/call", { name: "book", arguments: {}, _meta });
    await it.end();

    const spans = it.to.spans.filter((span) => span.traceId === traceId);
    expect(drawn(spans)).toEqual([
      "SERVER tools/call book (retry)",
      "  INTERNAL route",
      "    INTERNAL route choosing",
      "  INTERNAL transform",
      "    INTERNAL transform looking",
      "  INTERNAL call ! upstream_down ERROR",
      "    INTERNAL call looking ! upstream_down ERROR",
      "      CLIENT tools/call book ! upstream_down ERROR",
      "  INTERNAL route",
      "    INTERNAL route choosing",
      "  INTERNAL transform",
      "    INTERNAL transform looking",
      "  INTERNAL call",
      "    INTERNAL call looking",
      "      CLIENT tools/call book",
      "        SERVER elicitation/create",
      "          CLIENT elicitation/create",
    ]);
    const [server] = named(spans, "tools/call book", "SERVER");
    expect(server).toMatchObject({ parentId: "b7ad6b7169203331", state: "vendor=1", flags: 0x301, status: 0 });
    expect(server?.attributes).toMatchObject({
      "mcp.method.name": "tools/call",
      "gen_ai.tool.name": "book",
      "gen_ai.operation.name": "execute_tool",
      "mcp_host.upstream": "home",
      "mcp_host.attempts": 2,
      "mcp_host.decisions": ["choosing routed in route", "choosing routed in route"],
    });
    expect(server?.events.map(({ name, attributes }) => [name, attributes["error.type"]])).toEqual([["retry", "upstream_down"]]);
    const attempts = named(spans, "tools/call book", "CLIENT");
    expect(attempts.map(({ attributes }) => [attributes["mcp_host.upstream"], attributes["error.type"]])).toEqual([
      ["away", "upstream_down"],
      ["home", undefined],
    ]);
    // The server, and the person's client, go on from where they were asked.
    const [sent] = home.received("tools/call");
    expect(traceOf(sent?._meta)).toEqual(["00", traceId, attempts[1]?.spanId, "01"]);
    expect(sent?._meta).toMatchObject({ tracestate: "vendor=1" });
    expect(traceOf(asked[0]?._meta)).toEqual(["00", traceId, named(spans, "elicitation/create", "CLIENT")[0]?.spanId, "01"]);
    for (const { start, end } of spans) expect(end).toBeGreaterThanOrEqual(start);
  });
});

describe("what belongs together", () => {
  test("a plugin that tries again has a span for each attempt", async () => {
    const again = plugin("again", ({ hooks }) => {
      hooks.call.for("tools/call").tap(
        "again",
        (next) => (exchange) =>
          next(exchange).catch((error) => {
            exchange.retry("upstream_error");
            if (!error.rpc) throw error;
            return next(exchange);
          }),
      );
    });
    let calls = 0;
    const up = fakeUpstream({
      methods: {
        "tools/call": () => {
          if (++calls === 1) throw Object.assign(new Error("busy"), { code: -32_000 });
          return { content: [] };
        },
      },
      tools: { a: () => "a" },
    });
    await using it = await told(
      { traces: { ratio: 1 } },
      { before: [again], up: fakeUpstream(), upstreams: { x: { transport: up.transport, idempotent: ["*"] } } },
    );
    await it.client.callTool("a").catch(() => undefined);
    await it.end();
    const attempts = named(it.to.spans, "tools/call a", "CLIENT");
    const parents = attempts.map(({ parentId }) => it.to.spans.find(({ spanId }) => spanId === parentId)?.name);
    expect(parents).toEqual(attempts.map(() => "call again"));
    expect(new Set(up.received("tools/call").map(({ _meta }) => traceOf(_meta)[2]))).toEqual(new Set(attempts.map(({ spanId }) => spanId)));
  });

  test("what a plugin calls and asks is below the tap that did", async () => {
    const busy = plugin("busy", ({ hooks }) => {
      hooks.transform.for("tools/call").tap("busy", async (params, exchange) => {
        if (exchange.parent) return params;
        await exchange.call("tools/call", { name: "add", arguments: { a: 1, b: 1 } });
        await exchange.ask("elicitation/create", { message: "Sure?", requestedSchema: { type: "object", properties: {} } });
        return params;
      });
    });
    await using it = await told({ traces: { ratio: 1 } }, { before: [busy], client: { capabilities: { elicitation: {} } } });
    it.client.on("elicitation/create", () => ({ action: "accept", content: {} }));
    await it.client.callTool("add", { a: 1, b: 2 });
    await it.end();
    const { traceId } = named(it.to.spans, "tools/call add", "SERVER")[0] as ReceivedSpan;
    expect(drawn(it.to.spans, traceId)).toEqual([
      "SERVER tools/call add",
      "  INTERNAL transform",
      "    INTERNAL transform busy",
      "      INTERNAL tools/call add",
      "        INTERNAL transform",
      "          INTERNAL transform busy",
      "        INTERNAL call",
      "          CLIENT tools/call add",
      "      INTERNAL elicitation/create",
      "        CLIENT elicitation/create",
      "  INTERNAL call",
      "    CLIENT tools/call add",
    ]);
    expect(named(it.to.spans, "elicitation/create", "INTERNAL")[0]?.attributes["mcp_host.plugin"]).toBe("busy");
  });

  test("a question that goes out in the answer to a client of the modern era has its spans, and so has what follows", async () => {
    const up = fakeUpstream({
      era: "modern",
      tools: { book: (_, { ask }) => ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} } }) },
    });
    await using it = await told({ traces: { ratio: 1 } }, { up, client: { era: "modern", capabilities: { elicitation: {} } } });
    const asked: Json[] = [];
    it.client.on("elicitation/create", (params) => {
      asked.push(params);
      return { action: "accept", content: {} };
    });
    await it.client.callTool("book");
    await it.end();
    const question = named(it.to.spans, "elicitation/create", "CLIENT")[0] as ReceivedSpan;
    expect(traceOf(asked[0]?._meta).slice(1, 3)).toEqual([question.traceId, question.spanId]);
    expect(drawn(it.to.spans, question.traceId)).toEqual([
      "SERVER tools/call book",
      "  INTERNAL call",
      "    CLIENT tools/call book",
      "  SERVER elicitation/create",
      "    CLIENT elicitation/create",
    ]);
    expect(named(it.to.spans, "tools/call book", "SERVER")).toHaveLength(2);
  });
});

describe("which traces are told", () => {
  test("of those that are not sampled, the ones with errors: without stages, and servers are told that they are not", async () => {
    await using it = await told({ traces: { ratio: 0, slow: false } });
    await it.client.callTool("add", { a: 1, b: 2 });
    await it.client.callTool("fails");
    await it.client.callTool("nobody").catch(() => undefined);
    await it.end();
    expect(drawn(it.to.spans)).toEqual([
      "SERVER tools/call fails ! tool_error ERROR",
      "  CLIENT tools/call fails ! tool_error ERROR",
      "SERVER tools/call ! invalid_params ERROR",
    ]);
    expect(it.up.received("tools/call").map(({ _meta }) => traceOf(_meta)[3])).toEqual(["00", "00"]);
    expect(it.to.spans[0]?.message).toBe("");
    expect(named(it.to.spans, "tools/call")[0]?.message).toContain("nobody");
  });

  test("those that an attempt of failed, though the call was saved", async () => {
    const [home, away] = [fakeUpstream({ tools: { a: () => "a" } }), fakeUpstream({ tools: { a: () => "a" } })];
    await using it = await told(
      { traces: { ratio: 0, slow: false } },
      { before: [choosing], up: fakeUpstream(), upstreams: { home, away } },
    );
    await it.client.request("tools/list");
    away.fail("down");
    await it.client.callTool("a");
    await it.end();
    expect(drawn(it.to.spans)).toEqual(["SERVER tools/call a", "  CLIENT tools/call a ! upstream_down ERROR", "  CLIENT tools/call a"]);
  });

  test("none of them with `errors: false`; slow ones, whatever came of them", async () => {
    await using it = await told(
      { traces: { ratio: 0, errors: false, slow: "1ms" } },
      {
        up: fakeUpstream({
          tools: { fails: () => ({ content: [], isError: true }), slow: () => new Promise((answer) => setTimeout(answer, 20, "late")) },
        }),
      },
    );
    await it.client.callTool("slow");
    await it.end();
    expect(named(it.to.spans, "tools/call slow", "SERVER")).toHaveLength(1);
    await using other = await told({ traces: { ratio: 0, errors: false, slow: false } });
    await other.client.callTool("fails");
    await other.end();
    expect(other.to.spans).toEqual([]);
  });

  test("a call that the client gave up is no error", async () => {
    const up = fakeUpstream({ tools: { hang: (_, { signal }) => new Promise((_, stop) => signal.addEventListener("abort", stop)) } });
    await using it = await told({ traces: { ratio: 0, slow: false } }, { up });
    const stop = new AbortController();
    const call = it.client.request("tools/call", { name: "hang" }, { signal: stop.signal }).catch(() => undefined);
    await up.until("tools/call");
    stop.abort();
    await call;
    await it.end();
    expect(it.to.spans).toEqual([]);
  });

  test("rules come before what the client wants, and that before the ratio", async () => {
    await using it = await told({
      traces: {
        ratio: 0,
        errors: false,
        slow: false,
        rules: [
          { names: ["add"], ratio: 0 },
          { methods: ["tools/list"], roles: ["dev"], ratio: 1 },
          { methods: ["ping"], endpoints: [""], ratio: 1 },
        ],
      },
    });
    const sampled = (parent: string) => ({ _meta: { traceparent: `00-${"1".repeat(32)}-${parent}-01` } });
    await it.client.request("tools/call", { name: "add", arguments: {}, ...sampled("000000000000000a") });
    await it.client.request("tools/call", { name: "fails", ...sampled("000000000000000b") });
    await it.client.request("tools/list");
    await it.client.request("ping");
    await it.end();
    expect(named(it.to.spans, "tools/call add")).toEqual([]);
    expect(named(it.to.spans, "tools/call fails", "SERVER")[0]?.parentId).toBe("000000000000000b");
    expect(named(it.to.spans, "tools/list")).toEqual([]); // another role
    expect(named(it.to.spans, "ping")).toHaveLength(1);
  });

  test("with `parent: false` a client cannot have itself sampled, and a share of all is", async () => {
    await using it = await told({ traces: { ratio: 0.5, parent: false, stages: false } });
    for (let i = 0; i < 200; i++)
      await it.client.request("ping", { _meta: { traceparent: `00-${"1".repeat(28)}cafe-000000000000000b-01` } });
    for (let i = 0; i < 200; i++) await it.client.request("ping");
    await it.end();
    const pings = named(it.to.spans, "ping");
    expect(pings.filter(({ traceId }) => traceId.startsWith("1".repeat(28)))).toHaveLength(200); // its last digits are below the half of all
    const own = pings.length - 200;
    expect(own).toBeGreaterThan(60);
    expect(own).toBeLessThan(140);
  });
});

test("refusals say who refused and why; arguments, results and who called only where the options say so", async () => {
  const deny = plugin("deny", ({ hooks }) => {
    hooks.transform.for("tools/call").tap("deny", (params) => {
      if (params.name === "fails") throw refuse("forbidden", "not today", { rule: "fridays" });
      return { ...params };
    });
  });
  await using it = await told(
    { traces: { ratio: 1, content: ["arguments", "results"], identity: true } },
    { before: [deny], client: { principal: { id: "ann", roles: [] } } },
  );
  await it.client.callTool("add", { a: 1, b: 2, password: "a secret of ann's" });
  await it.client.callTool("fails").catch(() => undefined);
  await it.end();
  const [add] = named(it.to.spans, "tools/call add", "SERVER");
  expect(add?.attributes).toMatchObject({ "user.id": "ann", "gen_ai.tool.call.arguments": '{"a":1,"b":2,"password":"[redacted]"}' });
  expect(add?.attributes["gen_ai.tool.call.result"]).toContain('"text":"3"');
  const [fails] = named(it.to.spans, "tools/call fails", "SERVER");
  expect(fails).toMatchObject({ status: 2, message: "not today" });
  expect(fails?.attributes).toMatchObject({ "error.type": "forbidden", "mcp_host.decisions": ["deny refused in transform (fridays)"] });
  await using silent = await told({ traces: { ratio: 1 } });
  await silent.client.callTool("add", { a: 1, b: 2 });
  await silent.end();
  const names = silent.to.spans.flatMap(({ attributes }) => Object.keys(attributes));
  expect(names.filter((name) => /user|client\.address|arguments|result/.test(name))).toEqual([]);
});
