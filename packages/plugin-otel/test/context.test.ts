import type { Json } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { contextOf } from "../dist/trace-context.js";
import { type ReceivedSpan, type Told, told } from "./receiver.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const AROUND = "4bf92f3577b34da6a3ce929d0e0e4736";
const said = { traceparent: `00-${TRACE}-b7ad6b7169203331-01`, tracestate: "a=1" };
const around = { traceparent: `00-${AROUND}-00f067aa0ba902b7-01`, tracestate: "b=2" };
const ALL = { ratio: 1, stages: false } as const;

/** Calls `add` over HTTP, as a client of 2026-07-28 does. */
async function post({ host }: Told, meta: Json, headers: Record<string, string> = {}): Promise<void> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "c", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
    ...meta,
  };
  const response = await fetch(String(host.host.url), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "add",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "add", arguments: { a: 1, b: 2 }, _meta } }),
  });
  expect(await response.text()).toContain('"3"');
}

const overHttp = (context: Json = {}): Promise<Told> => told({ traces: ALL, context }, { config: { listen: { port: 0 } } });
const server = ({ to }: Told): ReceivedSpan =>
  to.spans.find(({ name, kind }) => name === "tools/call add" && kind === "SERVER") as ReceivedSpan;
const sent = ({ up }: Told): Json => up.received("tools/call").at(-1)?._meta as Json;

describe("the context of a client", () => {
  test("in `_meta` is the parent, and that of the HTTP request a link", async () => {
    await using it = await overHttp();
    await post(it, said, around);
    await it.end();
    expect(server(it)).toMatchObject({
      traceId: TRACE,
      parentId: "b7ad6b7169203331",
      state: "a=1",
      links: [{ traceId: AROUND, spanId: "00f067aa0ba902b7" }],
    });
    expect(server(it).attributes).toMatchObject({
      "network.transport": "tcp",
      "network.protocol.name": "http",
      "mcp.protocol.version": "2026-07-28",
    });
    expect(sent(it)).toMatchObject({ traceparent: expect.stringContaining(TRACE), tracestate: "a=1" });
  });

  test("in headers is the parent where there is none in `_meta`; the request's own id, which the log has, is told", async () => {
    await using it = await overHttp();
    await post(it, {}, around);
    await it.end();
    expect(server(it)).toMatchObject({ traceId: AROUND, parentId: "00f067aa0ba902b7", links: [] });
    expect(server(it).attributes["mcp_host.request.id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(sent(it)).toMatchObject({ traceparent: expect.stringContaining(AROUND), tracestate: "b=2" });
  });

  test("with `link` begins another trace, which is linked to it", async () => {
    await using it = await overHttp({ in: "link" });
    await post(it, said);
    await it.end();
    expect(server(it)).toMatchObject({ parentId: "", links: [{ traceId: TRACE, spanId: "b7ad6b7169203331" }] });
    expect(server(it).traceId).not.toBe(TRACE);
    // Nothing of the client's goes on.
    expect(sent(it).traceparent).toContain(server(it).traceId);
    expect(sent(it).tracestate).toBeUndefined();
  });

  test("with `ignore` is as if it was not there", async () => {
    await using it = await overHttp({ in: "ignore" });
    await post(it, said, around);
    await it.end();
    expect(server(it)).toMatchObject({ parentId: "", links: [], state: "" });
    expect([TRACE, AROUND]).not.toContain(server(it).traceId);
  });

  test("that is none is no parent", async () => {
    const bad = [
      "",
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
      `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      `ff-${TRACE}-b7ad6b7169203331-01`,
      `00-${TRACE.toUpperCase()}-b7ad6b7169203331-01`,
      7,
    ];
    for (const traceparent of bad) expect(contextOf({ traceparent }), String(traceparent)).toBeUndefined();
    expect(contextOf({ traceparent: `01-${TRACE}-b7ad6b7169203331-00-more`, tracestate: "x".repeat(600) })).toEqual({
      traceId: TRACE,
      spanId: "b7ad6b7169203331",
      isSampled: false,
      state: undefined,
    });
    await using it = await told({ traces: ALL });
    await it.client.request("tools/call", { name: "add", arguments: {}, _meta: { traceparent: bad[2] } });
    await it.end();
    expect(server(it)).toMatchObject({ parentId: "" });
    expect(server(it).traceId).not.toBe("0".repeat(32));
  });
});

describe("servers and clients", () => {
  test("that the options do not name are told nothing: what the client sent goes on as it came", async () => {
    const other = fakeUpstream({ tools: { other: () => "ok" } });
    await using it = await told({ traces: ALL, context: { out: ["up"] } }, { upstreams: { other } });
    await it.client.request("tools/call", { name: "add", arguments: {}, _meta: said });
    await it.client.request("tools/call", { name: "other", _meta: said });
    expect(sent(it).traceparent).not.toBe(said.traceparent);
    expect(other.received("tools/call")[0]?._meta).toMatchObject(said);
  });

  test("with `questions: false` are asked as the server asked", async () => {
    const up = fakeUpstream({
      tools: { ask: (_, { ask }) => ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} } }) },
    });
    await using it = await told(
      { traces: ALL, context: { questions: false } },
      {
        up: fakeUpstream(),
        upstreams: { x: { transport: up.transport, isolation: "session" } },
        client: { capabilities: { elicitation: {} } },
      },
    );
    let asked: Json | undefined;
    it.client.on("elicitation/create", (params) => {
      asked = params;
      return { action: "decline" };
    });
    await it.client.callTool("ask");
    await it.end();
    expect(asked?._meta).toBeUndefined();
    expect(it.to.spans.filter(({ name }) => name === "elicitation/create").map(({ kind }) => kind)).toEqual(["SERVER"]);
  });

  test("of which several calls are under way have a question linked to each, for nobody can tell whose it is", async () => {
    let both: (() => void) | undefined;
    const waiting = new Promise<void>((go) => (both = go));
    const up = fakeUpstream({
      tools: {
        wait: () => waiting.then(() => "ok"),
        ask: (_, { ask }) => ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} } }),
      },
    });
    await using it = await told(
      { traces: ALL },
      {
        up: fakeUpstream(),
        upstreams: { x: { transport: up.transport, isolation: "session" } },
        client: { capabilities: { elicitation: {} } },
      },
    );
    it.client.on("elicitation/create", () => ({ action: "decline" }));
    const wait = it.client.callTool("wait");
    await up.until("tools/call");
    await it.client.callTool("ask");
    both?.();
    await wait;
    await it.end();
    const attempts = it.to.spans.filter(({ kind, name }) => kind === "CLIENT" && name.startsWith("tools/call"));
    const question = it.to.spans.find(({ kind, name }) => kind === "SERVER" && name === "elicitation/create");
    expect(question?.parentId).toBe("");
    expect(question?.links.map(({ spanId }) => spanId).sort()).toEqual(attempts.map(({ spanId }) => spanId).sort());
  });

  test.each(["legacy", "modern"] as const)(
    "that trace, too, ask within their own span; one of another trace is linked (%s servers)",
    async (era) => {
      const own = "00000000000000aa";
      const up = fakeUpstream({
        era,
        tools: {
          ask: ({ other }, { ask, meta }) => {
            const traceparent = other ? said.traceparent : String(meta?.traceparent).replace(/-[0-9a-f]{16}-/, `-${own}-`);
            return ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} }, _meta: { traceparent } });
          },
        },
      });
      await using it = await told(
        { traces: ALL },
        {
          up: fakeUpstream(),
          upstreams: { x: { transport: up.transport, isolation: "session" } },
          client: { capabilities: { elicitation: {} } },
        },
      );
      it.client.on("elicitation/create", () => ({ action: "decline" }));
      await it.client.callTool("ask");
      await it.client.callTool("ask", { other: true });
      await it.end();
      const [call] = it.to.spans
        .filter(({ name, kind }) => name === "tools/call ask" && kind === "SERVER")
        .sort((a, b) => a.start - b.start);
      const [within, elsewhere] = it.to.spans
        .filter(({ kind, name }) => kind === "SERVER" && name === "elicitation/create")
        .sort((a, b) => a.start - b.start);
      expect(within).toMatchObject({ traceId: call?.traceId, parentId: own });
      // A question that says of itself where it belongs, and of no call that is known, belongs there.
      if (era === "legacy") expect(elsewhere).toMatchObject({ traceId: TRACE, parentId: "b7ad6b7169203331" });
      else expect(elsewhere?.links).toMatchObject([{ traceId: TRACE, spanId: "b7ad6b7169203331" }]);
    },
  );
});
