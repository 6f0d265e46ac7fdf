import cache from "@host/plugin-cache";
import { definePlugin, type Exchange, refuse } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveModern } from "../fixtures/modern.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { httpProcess, startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";

const KEY = "io.modelcontextprotocol/";
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const able: ModernOptions = { meta: { [`${KEY}clientCapabilities`]: CAPABILITIES } };
const accepted = { action: "accept", content: { ok: true } };
const invalid = { code: -32602, data: expect.objectContaining({ type: "state_invalid" }) };

let server: Awaited<ReturnType<typeof serveModern>>;
beforeAll(async () => {
  server = await serveModern();
});
afterAll(() => server.close());

/** A host before the server; the tests send it requests of 2026-07-28. */
function behind(more: Parameters<typeof startHost>[0] = {}): Promise<TestHost> {
  return startHost({ mcpServers: { one: { url: server.url } }, ...more });
}

const begin = async (client: ModernHttp, name: string): Promise<Message> => {
  const { result, error } = await client.call(name, {}, able);
  expect(error).toBeUndefined();
  expect(result).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
  return result;
};

const next = (client: ModernHttp, name: string, state: unknown, responses: Message | undefined, options = able) =>
  client.ask("tools/call", { name, arguments: {}, requestState: state, ...(responses && { inputResponses: responses }) }, options);

const json = ({ result, error }: Message): Message => {
  expect(error).toBeUndefined();
  return JSON.parse(result.content[0].text);
};

const calls = (name: string): Message[] => server.received.flatMap(({ body }) => (body?.params?.name === name ? [body] : []));

const names = definePlugin({
  name: "names",
  host: "^1.0.0",
  apply({ hooks }) {
    hooks.authenticate.tap("names", ({ headers }) => ({ id: String(headers["x-user"]), roles: [] }));
  },
});

describe("a round of a server of 2026-07-28", () => {
  test("is passed on as it came but for the state, which is sealed, and nothing waits meanwhile", async () => {
    await using running = await behind();
    const client = new ModernHttp(running.url);
    const before = calls("confirm").length;
    const round = await begin(client, "confirm");
    expect(round.inputRequests).toEqual({
      confirm: { method: "elicitation/create", params: expect.objectContaining({ message: "Sure?" }) },
    });
    expect(round._meta).toEqual({ [`${KEY}serverInfo`]: expect.objectContaining({ name: "mcp-host" }) });
    expect(Buffer.from(round.requestState.split(".")[2], "base64url").toString("latin1")).not.toContain("state");
    expect(running.host.status().inFlight).toBe(0);
    expect(json(await next(client, "confirm", round.requestState, { confirm: accepted, other: accepted }))).toEqual({
      answer: accepted,
      state: 'state "of" the täst',
    });
    const sent = calls("confirm").slice(before);
    expect(sent.map(({ params }) => [params.inputResponses, params.requestState])).toEqual([
      [undefined, undefined],
      [{ confirm: accepted }, 'state "of" the täst'],
    ]);
  });

  test("asks several things at once, and once more after that", async () => {
    await using running = await behind();
    const client = new ModernHttp(running.url);
    const { inputRequests, requestState } = (await client.call("ask_all", {}, able)).result;
    expect(inputRequests).toMatchObject({
      roots: { method: "roots/list" },
      sum: { method: "sampling/createMessage", params: { maxTokens: 10 } },
      e: { method: "elicitation/create" },
    });
    const answers = { roots: { roots: [] }, sum: { role: "assistant", content: { type: "text", text: "Paris" }, model: "m" }, e: accepted };
    expect(json(await next(client, "ask_all", requestState, answers))).toEqual(answers);
    const first = await begin(client, "twice");
    expect(Object.keys(first.inputRequests)).toEqual(["q1"]);
    const second = (await next(client, "twice", first.requestState, { q1: accepted })).result;
    expect(Object.keys(second.inputRequests)).toEqual(["q2"]);
    expect(json(await next(client, "twice", second.requestState, { q2: accepted }))).toEqual({ q2: accepted });
    // Nobody keeps a count of what was used: the server answers the same again.
    expect(json(await next(client, "twice", second.requestState, { q2: accepted }))).toEqual({ q2: accepted });
  });

  test("that asks nothing is gone through without the client; one that never ends is given up", async () => {
    await using running = await behind();
    const client = new ModernHttp(running.url);
    expect((await client.call("busy", {}, able)).result).toMatchObject({ resultType: "complete", content: [{ text: "done" }] });
    let state: unknown;
    let rounds = 0;
    for (; rounds < 20; rounds++) {
      const { result, error } = await (state === undefined
        ? client.call("insistent", {}, able)
        : next(client, "insistent", state, { q: accepted }));
      if (error) {
        expect(error).toMatchObject({ data: { type: "upstream_protocol" }, message: expect.stringContaining("more than 10 times") });
        break;
      }
      state = result.requestState;
    }
    expect(rounds).toBe(10);
  });

  test("is not for a client that cannot be asked so: HTTP 400 and what it would have to declare", async () => {
    await using running = await behind();
    const { status, messages } = await new ModernHttp(running.url).send("tools/call", { name: "confirm", arguments: {} });
    expect(status).toBe(400);
    expect(messages).toMatchObject([{ error: { code: -32021, data: { requiredCapabilities: { elicitation: {} } } } }]);
  });

  test("may be answered before it is asked, unless a plugin looks at questions", async () => {
    const params = { name: "confirm", arguments: {}, inputResponses: { confirm: accepted } };
    await using running = await behind();
    expect(json(await new ModernHttp(running.url).ask("tools/call", params, able)).answer).toEqual(accepted);
    const looks = definePlugin({ name: "looks", host: "^1.0.0", apply: ({ hooks }) => void hooks.answer.tap("looks", (answer) => answer) });
    await using guarded = await behind({ plugins: [looks()] });
    expect((await new ModernHttp(guarded.url).ask("tools/call", params, able)).result.resultType).toBe("input_required");
    const wrong = await new ModernHttp(running.url).ask("tools/call", { ...params, inputResponses: { confirm: 1 } }, able);
    expect(wrong.error).toMatchObject({ code: -32602, message: expect.stringContaining("inputResponses") });
  });
});

describe("a state", () => {
  test("is good for its client, its request and a while, in every host of the same key, and nowhere else", async () => {
    const stateKey = "a secret that is long enough";
    const plugins = [names()];
    await using one = await behind({ plugins, stateKey });
    await using two = await behind({ plugins, stateKey: ["another one that is long enough", stateKey] });
    await using three = await behind({ plugins });
    const as = (host: TestHost, user = "ada") => new ModernHttp(host.url, { "x-user": user });
    const { requestState: state } = await begin(as(one), "confirm");
    const answers = { confirm: accepted };
    expect(json(await next(as(two), "confirm", state, answers)).answer).toEqual(accepted);
    expect((await next(as(three), "confirm", state, answers)).error).toMatchObject(invalid);
    expect((await next(as(one, "bob"), "confirm", state, answers)).error).toMatchObject(invalid);
    expect((await next(as(one), "twice", state, answers)).error).toMatchObject(invalid);
    expect((await next(as(one), "confirm", state, answers, {})).error).toMatchObject(invalid);
    const others = { name: "confirm", arguments: { of: "another" }, requestState: state, inputResponses: answers };
    expect((await as(one).ask("tools/call", others, able)).error).toMatchObject(invalid);
    for (let at = 0; at < state.length; at++) {
      const changed = `${state.slice(0, at)}${state[at] === "A" ? "B" : "A"}${state.slice(at + 1)}`;
      expect((await next(as(one), "confirm", changed, answers)).error).toMatchObject(invalid);
      if (at % 20 === 0) expect((await next(as(one), "confirm", state.slice(0, at), answers)).error).toMatchObject(invalid);
    }
    expect(json(await next(as(one), "confirm", state, answers)).answer).toEqual(accepted);
  });

  test("leads to the server that asked, whatever a route says now, and to nobody once that is gone", async () => {
    const other = await serveModern();
    let to = "one";
    const routes = definePlugin({
      name: "routes",
      host: "^1.0.0",
      apply: ({ hooks }) => void hooks.route.tap("routes", () => ({ upstream: to })),
    });
    const both = { one: { url: server.url }, two: { url: other.url } };
    const plugins = [routes()];
    await using running = await behind({ mcpServers: both, plugins });
    const client = new ModernHttp(running.url);
    const { requestState } = await begin(client, "confirm");
    to = "two";
    expect(json(await next(client, "confirm", requestState, { confirm: accepted })).answer).toEqual(accepted);
    expect(other.received.filter(({ body }) => body?.method === "tools/call")).toEqual([]);
    await running.host.reload({ mcpServers: { two: both.two }, plugins, listen: { port: 0 } });
    expect((await next(client, "confirm", requestState, { confirm: accepted })).error).toMatchObject(invalid);
    await running.host.close();
    await other.close();
  });

  test("of a call that waits in one host is told by another to be that", async () => {
    const legacy = await httpProcess("upstream", ["http"]);
    const config = { mcpServers: { one: { url: legacy.url } }, stateKey: "a secret that is long enough" };
    await using one = await startHost(config);
    await using two = await startHost(config);
    const asks = { name: "elicit", arguments: { params: { message: "Deploy?", requestedSchema: { type: "object", properties: {} } } } };
    const { result } = await new ModernHttp(one.url).ask("tools/call", asks, able);
    const again = { ...asks, requestState: result.requestState, inputResponses: { q1: accepted } };
    expect((await new ModernHttp(two.url).ask("tools/call", again, able)).error).toMatchObject({
      ...invalid,
      message: expect.stringContaining("another instance"),
    });
    expect((await new ModernHttp(one.url).ask("tools/call", again, able)).result.structuredContent.result).toEqual(accepted);
    await legacy.stop();
  });
});

describe("plugins", () => {
  test("see each round as a call of its own, and what is asked and answered by `ask` and `answer`", async () => {
    const seen: unknown[] = [];
    const watch = definePlugin({
      name: "watch",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.call.for("tools/call").tap("watch", (next) => async (exchange) => {
          const result = await next(exchange);
          seen.push(["call", exchange.round, exchange.resultKind, Object.keys(result)]);
          return result;
        });
        hooks.respond.for("tools/call").tap("watch", (result) => {
          seen.push(["respond"]);
          return result;
        });
        hooks.ask.tap("watch", (question) => {
          seen.push(["ask", question.params.message]);
          return question;
        });
        hooks.answer.tap("watch", (answer, { method, route, isQuestion }: Exchange) => {
          seen.push(["answer", method, route, isQuestion]);
          return { ...answer, content: { ok: "seen" } };
        });
        hooks.settled.tap(
          "watch",
          ({ method, isQuestion, resultKind, asked }) =>
            void (method !== "tools/list" && seen.push(["settled", method, isQuestion, resultKind, asked])),
        );
      },
    });
    await using running = await behind({ plugins: [watch()] });
    const client = new ModernHttp(running.url);
    const { requestState } = await begin(client, "confirm");
    expect(json(await next(client, "confirm", requestState, { confirm: accepted })).answer).toEqual({
      action: "accept",
      content: { ok: "seen" },
    });
    expect(seen).toEqual([
      ["call", 0, "input_required", ["inputRequests"]],
      ["ask", "Sure?"],
      ["settled", "tools/call", false, "input_required", true],
      ["answer", "elicitation/create", { upstream: "one" }, true],
      ["settled", "elicitation/create", true, "complete", false],
      ["call", 1, "complete", expect.arrayContaining(["content"])],
      ["respond"],
      ["settled", "tools/call", false, "complete", false],
    ]);
  });

  test("answer in the client's place, alone or with it, or refuse the question", async () => {
    let mode: "all" | "some" | "none" = "all";
    const answers = definePlugin({
      name: "answers",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.ask.tap("answers", (question) => {
          if (mode === "none") throw refuse("forbidden", "no questions here");
          const isOurs = mode === "all" || question.method === "roots/list";
          return isOurs ? { answer: question.method === "roots/list" ? { roots: [] } : { action: "decline" } } : question;
        });
      },
    });
    await using running = await behind({ plugins: [answers()] });
    const client = new ModernHttp(running.url);
    expect(json(await client.call("confirm", {}, able)).answer).toEqual({ action: "decline" });
    mode = "some";
    const { inputRequests, requestState } = (await client.call("ask_all", {}, able)).result;
    expect(Object.keys(inputRequests)).toEqual(["sum", "e"]);
    const sum = { role: "assistant", content: { type: "text", text: "Paris" }, model: "m" };
    // What the plugin has answered the client does not.
    const given = { sum, e: accepted, roots: { roots: [{ uri: "file:///etc" }] } };
    expect(json(await next(client, "ask_all", requestState, given))).toEqual({ sum, e: accepted, roots: { roots: [] } });
    mode = "none";
    expect((await client.call("confirm", {}, able)).error).toMatchObject({ message: expect.stringContaining("no questions here") });
  });
});

test("a page that a legacy server wants visited is a round, and the next request a new call", async () => {
  const legacy = await httpProcess("upstream", ["http"]);
  await using running = await startHost({ mcpServers: { one: { url: legacy.url } } });
  const client = new ModernHttp(running.url);
  const params = { name: "urlRequired", arguments: {} };
  const { result } = await client.ask("tools/call", params, able);
  expect(result).toMatchObject({
    resultType: "input_required",
    inputRequests: { page1: { method: "elicitation/create", params: { mode: "url", url: expect.stringContaining("http") } } },
  });
  expect(result.inputRequests.page1.params).not.toHaveProperty("elicitationId");
  const again = { ...params, requestState: result.requestState, inputResponses: { page1: { action: "accept" } } };
  expect((await client.ask("tools/call", again, able)).result.resultType).toBe("input_required"); // it wants it each time
  const { status, messages } = await client.send("tools/call", params, {
    meta: { [`${KEY}clientCapabilities`]: { elicitation: { form: {} } } },
  });
  expect([status, messages[0]?.error]).toMatchObject([400, { code: -32021, data: { requiredCapabilities: { elicitation: { url: {} } } } }]);
  await legacy.stop();
});

test("through a cache it is a round under the server's names all the same, and none is kept", async () => {
  await using running = await behind({ plugins: [cache({ tools: "confirm" })] });
  const client = new ModernHttp(running.url);
  for (const count of [1, 2]) {
    const { inputRequests, requestState } = await begin(client, "confirm");
    expect(Object.keys(inputRequests)).toEqual(["confirm"]);
    const ok = { ...accepted, content: { ok: count === 1 } };
    expect(json(await next(client, "confirm", requestState, { confirm: ok })).answer).toEqual(ok);
  }
});
