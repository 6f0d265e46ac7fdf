import { randomBytes, randomUUID } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { CallToolRequestSchema, ElicitResultSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";

const KEY = "io.modelcontextprotocol/";
const able: ModernOptions = { meta: { [`${KEY}clientCapabilities`]: { elicitation: { form: {} } } } };
const accepted = { action: "accept", content: { ok: true } };

/** What a tool of the server may do, and what it saw. */
interface Call {
  ask(message: string): Promise<Message>;
  readonly signal: AbortSignal;
}

const say = (value: unknown): Message => ({ content: [{ type: "text", text: JSON.stringify(value) }] });

/** A server of 2025-11-25 over HTTP whose tools ask in every way that is awkward. */
async function asker(): Promise<{ url: string; cancelled: string[]; answered: string[]; refused: string[]; close(): Promise<void> }> {
  const cancelled: string[] = [];
  const answered: string[] = [];
  const refused: string[] = [];
  const tools: Record<string, (call: Call) => Promise<Message>> = {
    once: async ({ ask }) => say(await ask("once")),
    twice: async ({ ask }) => say([await ask("first"), await ask("second")]),
    both: async ({ ask }) => say(await Promise.all([ask("left"), ask("right")])),
    async hasty({ ask }) {
      ask("never mind").catch(() => {});
      return say("done already");
    },
    async failing({ ask }) {
      ask("never mind").catch(() => {});
      throw new Error("it broke meanwhile");
    },
    hanging: async ({ ask, signal }) => {
      const answer = await ask("and then?");
      answered.push("hanging");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return say(answer);
    },
  };
  const open = new Map<string, StreamableHTTPServerTransport>();
  const make = (): Server => {
    const server = new Server({ name: "asker", version: "1" }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: "object" as const } })),
    }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendRequest }) => {
      signal.addEventListener("abort", () => cancelled.push(params.name));
      const ask = async (message: string): Promise<Message> => {
        const form = { message, requestedSchema: { type: "object" as const, properties: {} } };
        try {
          return await sendRequest({ method: "elicitation/create", params: form }, ElicitResultSchema);
        } catch (error) {
          refused.push(message);
          throw error;
        }
      };
      return (tools[params.name] as (call: Call) => Promise<Message>)({ ask, signal });
    });
    return server;
  };
  const server = http.createServer(async (request, response) => {
    let transport = open.get(String(request.headers["mcp-session-id"]));
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void open.set(id, transport as StreamableHTTPServerTransport),
      });
      await make().connect(transport as Parameters<Server["connect"]>[0]); // its types forget that `sessionId` may be undefined
    }
    await transport.handleRequest(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    cancelled,
    answered,
    refused,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let server: Awaited<ReturnType<typeof asker>>;
let running: TestHost;
let client: ModernHttp;
beforeEach(async () => {
  server = await asker();
});
afterEach(async () => {
  await running.host.close();
  await server.close();
});

async function start(more: Partial<Parameters<typeof startHost>[0]> = {}): Promise<void> {
  running = await startHost({ mcpServers: { one: { url: server.url, protocol: "legacy" } }, ...more });
  client = new ModernHttp(running.url);
}

async function begun(name: string): Promise<Message> {
  const { result, error } = await client.call(name, {}, able);
  expect(error).toBeUndefined();
  expect(result.resultType).toBe("input_required");
  return result;
}

const again = (name: string, state: unknown, inputResponses: Message) =>
  client.ask("tools/call", { name, arguments: {}, requestState: state, inputResponses }, able);

const said = ({ result, error }: Message): unknown => {
  expect(error).toBeUndefined();
  return JSON.parse(result.content[0].text);
};

describe("while a call waits for its client", () => {
  test("the server asks once more, or twice at once", async () => {
    await start();
    const first = await begun("twice");
    expect(first.inputRequests).toMatchObject({ q1: { params: { message: "first" } } });
    const second = (await again("twice", first.requestState, { q1: accepted })).result;
    expect(second.inputRequests).toMatchObject({ q2: { params: { message: "second" } } });
    expect(Object.keys(second.inputRequests)).toEqual(["q2"]);
    expect((await again("twice", first.requestState, { q1: accepted })).error).toMatchObject({ data: { type: "state_invalid" } });
    expect(said(await again("twice", second.requestState, { q2: { action: "decline" } }))).toEqual([accepted, { action: "decline" }]);

    const both = await begun("both");
    expect(Object.values<Message>(both.inputRequests).map(({ params }) => params.message)).toEqual(["left", "right"]);
    const left = (await again("both", both.requestState, { q1: accepted })).result;
    expect(Object.keys(left.inputRequests)).toEqual(["q2"]);
    expect(said(await again("both", left.requestState, { q2: { action: "cancel" } }))).toEqual([accepted, { action: "cancel" }]);
  });

  test("the server answers all the same, or fails: the client is told when it comes, and nobody is told twice", async () => {
    await start();
    for (const [name, outcome] of [
      ["hasty", { result: { content: [{ text: '"done already"' }] } }],
      ["failing", { error: { message: expect.stringContaining("it broke meanwhile") } }],
    ] as const) {
      const { result, error } = await client.call(name, {}, able);
      // Whether the question or the end is seen first is the server's business; both are right.
      if (result?.resultType !== "input_required") {
        expect({ result, error }).toMatchObject(outcome);
        continue;
      }
      await expect.poll(() => running.host.status().inFlight).toBe(0);
      expect(await again(name, result.requestState, { q1: accepted })).toMatchObject(outcome);
      expect((await again(name, result.requestState, { q1: accepted })).error).toMatchObject({ data: { type: "state_invalid" } });
    }
  });

  test("the server is lost: the client is told when it comes, and may call again", async () => {
    await start();
    const { requestState } = await begun("once");
    await server.close();
    const told = await again("once", requestState, { q1: accepted });
    expect(told.error ?? told.result).toMatchObject({ data: { upstream: "one", sent: expect.stringMatching(/yes|unknown/) } });
    expect(running.host.status().inFlight).toBe(0);
  });

  test("a reload changes nothing for the call, even where it takes the server out", async () => {
    await start({ drain: 50 });
    const one = { url: server.url, protocol: "legacy" as const };
    const kept = await begun("once");
    await running.host.reload({ mcpServers: { one, two: { url: server.url, protocol: "legacy" } }, drain: 50, listen: { port: 0 } });
    expect(said(await again("once", kept.requestState, { q1: accepted }))).toEqual(accepted);
    const lost = await begun("once");
    await running.host.reload({ mcpServers: {}, drain: 50, listen: { port: 0 } });
    expect(said(await again("once", lost.requestState, { q1: accepted }))).toEqual(accepted);
    await expect.poll(() => running.host.status().inFlight).toBe(0);
  });

  test("the host stops: the client may still answer, and nothing else is taken", async () => {
    await start({ drain: "30s" });
    const { requestState } = await begun("twice");
    const stopped = running.host.close();
    await expect.poll(async () => (await client.send("tools/list")).status).toBe(503);
    expect((await client.send("tools/call", { name: "twice", inputResponses: {} }, able)).status).toBe(503);
    const second = (await again("twice", requestState, { q1: accepted })).result;
    expect(second.inputRequests).toMatchObject({ q2: { params: { message: "second" } } });
    expect(said(await again("twice", second.requestState, { q2: { action: "decline" } }))).toEqual([accepted, { action: "decline" }]);
    await stopped;
  });

  test("a client that hangs up cancels, with its first request and with a later one; in between there is nothing to hang up", async () => {
    await start();
    const { requestState } = await begun("hanging");
    expect(server.cancelled).toEqual([]);
    const params = { name: "hanging", arguments: {}, requestState, inputResponses: { q1: accepted } };
    const later = client.open("tools/call", params, able);
    later.answer.catch(() => {}); // hung up
    await vi.waitFor(() => expect(server.answered).toEqual(["hanging"]));
    later.close();
    await vi.waitFor(() => expect(server.cancelled).toEqual(["hanging"]));
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    expect((await client.ask("tools/call", params, able)).error).toMatchObject({ data: { type: "state_invalid" } });
  });

  test("a hundred that nobody comes back to are given up, and leave nothing", async () => {
    await start({ limits: { parkTime: 300, questionsPerConnection: 200, inFlightPerSession: 200 } });
    await begun("once"); // connections are open
    await expect.poll(() => server.refused.length).toBe(1);
    const count = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = count();
    await Promise.all(Array.from({ length: 100 }, () => begun("once")));
    await expect.poll(() => server.refused.length, { timeout: 20_000 }).toBe(101);
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    await expect.poll(count).toBeLessThanOrEqual(before + 2);
  });
});

test("what is no state is refused, whatever it is", async () => {
  await start();
  const { requestState } = await begun("once");
  const [form, key, text] = requestState.split(".");
  const made = Array.from({ length: 500 }, (_, index) => {
    const junk = randomBytes(index).toString(index % 2 === 0 ? "base64url" : "latin1");
    return [junk, `${form}.${key}.${junk}`, `${form}.${junk}.${text}`, `${junk}.${key}.${text}`][index % 4];
  });
  for (const state of [...made, "", "..", `${requestState}.`, `${requestState}=`, ` ${requestState}`, {}, null, [requestState], 7]) {
    const { error } = await again("once", state, { q1: accepted });
    expect(error).toMatchObject({ code: -32602, data: { type: "state_invalid" } });
  }
  expect(said(await again("once", requestState, { q1: accepted }))).toEqual(accepted);
});
