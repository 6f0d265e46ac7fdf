import { definePlugin } from "mcp-host";
import { describe, expect, test } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { httpProcess, startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";

const KEY = "io.modelcontextprotocol/";
const both = { protocols: ["legacy" as const, "modern" as const] };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const able: ModernOptions = { meta: { [`${KEY}clientCapabilities`]: CAPABILITIES } };
const ASKS = { name: "elicit", arguments: { params: { message: "Deploy?", requestedSchema: { type: "object", properties: {} } } } };

/** A host before a legacy server over HTTP, where every question is tied to its call. */
async function behind(limits: Record<string, number> = {}): Promise<TestHost & { client: ModernHttp }> {
  const process = await httpProcess("upstream", ["http"]);
  const running = await startHost({ mcpServers: { one: { url: process.url } }, listen: both, limits });
  const client = new ModernHttp(running.url);
  const close = running[Symbol.asyncDispose];
  const end = async (): Promise<void> => {
    await close.call(running);
    await process.stop();
  };
  return Object.assign(running, { client, [Symbol.asyncDispose]: end });
}

/** Begins a call that asks; gives the round. */
async function begun(client: ModernHttp, params: Message = ASKS, options: ModernOptions = able): Promise<Message> {
  const { result, error } = await client.ask("tools/call", params, options);
  expect(error).toBeUndefined();
  expect(result).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
  return result;
}

const again = (client: ModernHttp, state: unknown, responses: Message | undefined, params: Message = ASKS, options: ModernOptions = able) =>
  client.ask("tools/call", { ...params, requestState: state, ...(responses && { inputResponses: responses }) }, options);

const accepted = { action: "accept", content: { ok: true } };

describe("a question of a legacy server", () => {
  test("is the answer to the call, and the call goes on with what the client answers", async () => {
    await using running = await behind();
    const { client } = running;
    const round = await begun(client);
    expect(round.inputRequests).toMatchObject({ q1: { method: "elicitation/create", params: ASKS.arguments.params } });
    expect(round._meta).toEqual({ [`${KEY}serverInfo`]: expect.objectContaining({ name: "mcp-host" }) });
    const { result } = await again(client, round.requestState, { q1: accepted });
    expect(result).toMatchObject({ resultType: "complete", structuredContent: { result: accepted } });
    expect(running.host.status().inFlight).toBe(0);
  });

  test("of each kind reaches the client as it was asked", async () => {
    await using running = await behind();
    for (const [tool, answer] of [
      ["sample", { role: "assistant", content: { type: "text", text: "hm" }, model: "m" }],
      ["roots", { roots: [{ uri: "file:///w" }] }],
    ] as const) {
      const params = { name: tool, arguments: {} };
      const { inputRequests, requestState } = await begun(running.client, params);
      expect(Object.keys(inputRequests)).toEqual(["q1"]);
      const { result } = await again(running.client, requestState, { q1: answer }, params);
      expect(result.structuredContent.result).toMatchObject(answer);
    }
  });

  test("that a client did not say it can be asked is refused to the server at once", async () => {
    await using running = await behind();
    const { result } = await running.client.ask("tools/call", ASKS);
    expect(result).toMatchObject({ resultType: "complete", structuredContent: { error: { code: -32601 } } });
  });

  test("that is left unanswered is asked again; what nobody asked is ignored", async () => {
    await using running = await behind();
    const { client } = running;
    const first = await begun(client);
    const second = (await again(client, first.requestState, { other: accepted })).result;
    expect(second).toMatchObject({ resultType: "input_required", inputRequests: first.inputRequests });
    expect(second.requestState).not.toBe(first.requestState);
    expect((await again(client, second.requestState, { q1: { action: "decline" } })).result).toMatchObject({
      structuredContent: { result: { action: "decline" } },
    });
  });

  test("progress comes with the token of the request that waits, logs as chatty as that one wants", async () => {
    await using running = await behind();
    const { client } = running;
    const meta = { ...able.meta, progressToken: "first" };
    const round = await begun(client, ASKS, { meta });
    const sent = await client.send(
      "tools/call",
      { ...ASKS, requestState: round.requestState, inputResponses: { q1: accepted } },
      { id: "second", meta: { ...able.meta, progressToken: "second" } },
    );
    expect(sent.messages.at(-1)).toMatchObject({ id: "second", result: { resultType: "complete" } });
    for (const { params } of sent.messages.slice(0, -1)) expect(params.progressToken).toBe("second");
  });

  test("on a pipe belongs to the only call in flight; with several, nothing is guessed", async () => {
    const plugin = definePlugin({
      name: "names",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.authenticate.tap("names", ({ headers }) => ({ id: String(headers["x-user"]), roles: [] }));
      },
    });
    await using running = await startHost({
      mcpServers: { one: { ...upstream(), isolation: "session" } },
      listen: both,
      plugins: [plugin()],
    });
    const client = new ModernHttp(running.url, { "x-user": "ada" });
    const round = await begun(client);
    expect((await again(client, round.requestState, { q1: accepted })).result.structuredContent.result).toEqual(accepted);
    const slow = client.open("tools/call", { name: "slow", arguments: { ms: 60_000 } }, able);
    slow.answer.catch(() => {}); // hung up
    await expect.poll(() => running.host.status().inFlight).toBe(1);
    const { result } = await client.ask("tools/call", ASKS, able);
    expect(result.structuredContent.error).toMatchObject({ code: -31511, message: expect.stringContaining('"concurrency": 1') });
    slow.close();
  });
});

describe("a state", () => {
  test("is refused to anybody else, for anything else, changed, or twice; and then the call still waits for its own", async () => {
    const names = definePlugin({
      name: "names",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.authenticate.tap("names", ({ headers }) => ({ id: String(headers["x-user"]), roles: [] }));
      },
    });
    const process = await httpProcess("upstream", ["http"]);
    await using running = await startHost({ mcpServers: { one: { url: process.url } }, listen: both, plugins: [names()] });
    const [ada, bob] = ["ada", "bob"].map((user) => new ModernHttp(running.url, { "x-user": user })) as [ModernHttp, ModernHttp];
    const { requestState: state } = await begun(ada);
    const answers = { q1: accepted };
    const invalid = { code: -32602, data: expect.objectContaining({ type: "state_invalid" }) };
    expect((await again(bob, state, answers)).error).toMatchObject(invalid);
    expect((await again(ada, state, answers, { ...ASKS, arguments: { params: { message: "Another?" } } })).error).toMatchObject(invalid);
    expect((await again(ada, state, answers, { ...ASKS, name: "echo" })).error).toMatchObject(invalid);
    expect((await again(ada, state, answers, ASKS, {})).error).toMatchObject(invalid); // capabilities of another client
    expect((await again(ada, 1, answers)).error).toMatchObject(invalid);
    for (let at = 0; at < state.length; at++) {
      const changed = `${state.slice(0, at)}${state[at] === "A" ? "B" : "A"}${state.slice(at + 1)}`;
      expect((await again(ada, changed, answers)).error).toMatchObject(invalid);
      if (at % 20 === 0) expect((await again(ada, state.slice(0, at), answers)).error).toMatchObject(invalid);
    }
    // Two at once: one goes on.
    const outcomes = await Promise.all([again(ada, state, answers), again(ada, state, answers)]);
    expect(outcomes.filter(({ result }) => result?.structuredContent.result.action === "accept")).toHaveLength(1);
    expect(outcomes.filter(({ error }) => error)).toMatchObject([{ error: invalid }]);
    expect((await again(ada, state, answers)).error).toMatchObject(invalid);
    await process.stop();
  });

  test("with answers that are none is refused, and is not used up", async () => {
    await using running = await behind();
    const { client } = running;
    const { requestState } = await begun(client);
    expect((await again(client, requestState, { q1: 1 })).error).toMatchObject({ code: -32602 });
    expect((await again(client, requestState, { q1: accepted })).result.structuredContent.result).toEqual(accepted);
  });
});

describe("a call that waits for its client", () => {
  test("is given up when nobody comes back in time: the server is told, and nothing is left", async () => {
    await using running = await behind({ parkTime: 100 });
    const { requestState } = await begun(running.client);
    await expect.poll(() => running.host.status().inFlight).toBe(0);
    await expect.poll(() => running.host.status().upstreams[0]?.connections[0]?.inFlight).toBe(0);
    expect((await again(running.client, requestState, { q1: accepted })).error).toMatchObject({ data: { type: "state_invalid" } });
  });

  test("and whose question the server took back goes on without one", async () => {
    await using running = await behind();
    const params = { ...ASKS, arguments: { ...ASKS.arguments, cancelMs: 500 } };
    const { requestState } = await begun(running.client, params);
    await expect.poll(() => running.host.status().inFlight).toBe(0); // the server has answered
    const { result } = await again(running.client, requestState, { q1: accepted }, params);
    expect(result).toMatchObject({ resultType: "complete" });
  });

  test("is one of limits.parked; over it the server is told", async () => {
    await using running = await behind({ parked: 1 });
    await begun(running.client);
    const { result } = await running.client.ask("tools/call", ASKS, able);
    expect(result.structuredContent.error).toMatchObject({ code: -31430 });
  });

  test("does not keep a host from stopping", async () => {
    const process = await httpProcess("upstream", ["http"]);
    const running = await startHost({ mcpServers: { one: { url: process.url } }, listen: both, drain: 50 });
    await begun(new ModernHttp(running.url));
    await running.host.close();
    await process.stop();
  });

  test("is the same for a plugin's question", async () => {
    const asking = definePlugin({
      name: "asking",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.call.for("tools/call").tap("asking", (next) => async (exchange) => {
          const answer = await exchange.ask("elicitation/create", {
            message: "Sure?",
            requestedSchema: { type: "object", properties: {} },
          });
          return answer.action === "accept" ? next(exchange) : { content: [{ type: "text", text: "not done" }], isError: true };
        });
      },
    });
    await using running = await startHost({ mcpServers: { one: upstream() }, listen: both, plugins: [asking()] });
    const client = new ModernHttp(running.url);
    const params = { name: "echo", arguments: { who: "me" } };
    const first = await begun(client, params);
    expect((await again(client, first.requestState, { q1: accepted }, params)).result.structuredContent.arguments).toEqual({ who: "me" });
    const second = await begun(client, params);
    expect((await again(client, second.requestState, { q1: { action: "decline" } }, params)).result).toMatchObject({ isError: true });
  });
});

test("100 calls of one client that wait at once are each answered with what was answered to them", async () => {
  await using running = await behind({ questionsPerConnection: 200 });
  const { client } = running;
  const results = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const params = { ...ASKS, arguments: { params: { ...ASKS.arguments.params, message: `Deploy ${n}?` } } };
      const { requestState, inputRequests } = await begun(client, params);
      expect(inputRequests.q1.params.message).toBe(`Deploy ${n}?`);
      return (await again(client, requestState, { q1: { action: "accept", content: { n } } }, params)).result.structuredContent.result
        .content.n;
    }),
  );
  expect(results).toEqual(Array.from({ length: 100 }, (_, n) => n));
});
