import type { Config } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { type Deliver, type Pipe, RawClient, socketPipe, ssePipe, transportPipe } from "../fidelity/raw.ts";
import type { Message } from "../fixtures/upstream.mjs";
import { memoryTransport } from "../harness/clients.ts";
import { httpProcess, startHost, type TestHost, upstream } from "../harness/hosts.ts";
import { type Answer, RawHttp } from "../harness/raw-http.ts";
import { sized } from "../harness/storm.ts";

const STEPS = 3;

const progressOf = ({ messages }: Answer): Message[] => messages.filter(({ method }) => method === "notifications/progress");
const logsOf = ({ messages }: Answer): Message[] => messages.filter(({ method }) => method === "notifications/message");

/** Calls `echo`, which reports progress and logs on its way, with an id that is the progress token too. */
function echo(client: RawHttp, id: string | number, who: string): Promise<Answer> {
  const args = { who, text: `from ${who}`, delayMs: 15, steps: STEPS };
  return client.post({
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name: "echo", arguments: args, _meta: { progressToken: id, "example.test/who": who } },
  });
}

/** Every message of an answer must be about this call and no other. */
function expectOwn(answer: Answer, id: string | number, who: string, logs: number): void {
  const text = `from ${who}`;
  expect(progressOf(answer).map(({ params }) => [params.progressToken, params.progress, params.message])).toEqual(
    Array.from({ length: STEPS }, (_, n) => [id, n + 1, text]),
  );
  expect(logsOf(answer).map(({ params }) => params.data.text)).toEqual(Array.from({ length: logs }, () => text));
  expect(answer.messages).toHaveLength(STEPS + logs + 1);
  const response = answer.messages.at(-1);
  expect(response?.id).toBe(id);
  expect(response?.result.structuredContent.arguments.who).toBe(who);
  expect(response?.result._meta["example.test/who"]).toBe(who);
}

const payloadOf = (answer: Answer): string => answer.messages.at(-1)?.result.structuredContent.payload;

/** A server over a wire, and the end of its process. */
async function serverOver(wire: "http" | "stdio" | "sse" | "websocket") {
  if (wire === "stdio") return { server: upstream(), stop: async () => {} };
  const { url, stop } = await httpProcess("upstream", [wire]);
  return { server: { url, ...(wire !== "http" && { type: wire }) }, stop };
}

/** Every client at once over one wire, where nothing but ids tells whose a message is; a few over each of the others. */
const crowd = (wire: string, full: number): number => (wire === "stdio" ? full : sized(full, 20));

/** Ways in with one stream for everything, so that only ids and tokens tell calls apart. */
const ONE_STREAM: Record<string, (running: TestHost, deliver: Deliver) => Promise<Pipe>> = {
  "HTTP+SSE": ({ url }, deliver) => ssePipe(url, deliver),
  WebSocket: ({ url }, deliver) => socketPipe(url, deliver),
  "in-process transports": async ({ host }, deliver) => transportPipe(await memoryTransport(host), deliver),
};

/** Many clients at once, over every way in and out: each gets what is theirs, and nothing else. @param plugins those of every host */
export function crowds(plugins: NonNullable<Config["plugins"]> = []): void {
  describe.each(["http", "stdio", "sse", "websocket"] as const)(
    "many sessions with the same ids and tokens, on one upstream over %s",
    (wire) => {
      /** Nothing on the others tells whose a log line is, so it goes to nobody. */
      const logs = wire === "http" ? STEPS : 0;
      const count = crowd(wire, 100);

      test("each get what is theirs and nothing else", async () => {
        const { server, stop } = await serverOver(wire);
        await using running = await startHost({ plugins, mcpServers: { one: server } });
        const sessions = await Promise.all(
          Array.from({ length: count }, async (_, n) => {
            const client = await RawHttp.open(running.url);
            return { client, name: `session ${n}`, stream: await client.listen() };
          }),
        );
        const ids = [1, "1", 2, "a"];
        const payloads = new Set<string>();
        for (let round = 0; round < 3; round++) {
          await Promise.all(
            sessions.flatMap(({ client, name }) =>
              ids.map(async (id) => {
                const who = `${name}, ${typeof id} ${id}, round ${round}`;
                const answer = await echo(client, id, who);
                expectOwn(answer, id, who, logs);
                payloads.add(payloadOf(answer));
              }),
            ),
          );
        }
        expect(payloads.size).toBe(sessions.length * ids.length * 3);
        const [status] = running.host.status().upstreams;
        expect(status?.connections).toMatchObject([{ sessions: count, inFlight: 0, unexpected: 0, garbage: 0, restarts: 0 }]);
        expect(status?.dropped).toBe((STEPS - logs) * payloads.size);
        for (const { stream } of sessions) expect(stream.messages).toEqual([]);
        await Promise.all(sessions.map(({ client }) => client.close()));
        expect(running.host.status().sessions).toBe(0);
        await stop();
      });

      test("may have one id in flight many times on one session, since each has its own stream", async () => {
        const { server, stop } = await serverOver(wire);
        await using running = await startHost({ plugins, mcpServers: { one: server } });
        const client = await RawHttp.open(running.url);
        const names = Array.from({ length: 20 }, (_, n) => `call ${n}`);
        const answers = await Promise.all(names.map((who) => echo(client, 1, who)));
        for (const [n, answer] of answers.entries()) expectOwn(answer, 1, names[n] ?? "", logs);
        expect(new Set(answers.map(payloadOf)).size).toBe(20);
        await stop();
      });
    },
  );

  test.each(["sse", "websocket"] as const)("a question over %s, where clients share a connection, is asked of nobody", async (wire) => {
    const { server, stop } = await serverOver(wire);
    await using running = await startHost({ plugins, mcpServers: { one: server } });
    const open = () => RawHttp.open(running.url, { capabilities: { elicitation: {}, sampling: {}, roots: {} } });
    const [asked, other] = await Promise.all([open(), open()]);
    const streams = await Promise.all([asked.listen(), other.listen()]);
    for (const tool of ["elicit", "sample", "roots"]) {
      const { result } = await asked.call(tool, { params: { message: "whose?" } });
      expect(result.structuredContent.error).toMatchObject({ code: -31511, message: expect.stringContaining("isolation") });
    }
    expect((await other.call("capabilities")).result.structuredContent.capabilities).toEqual({});
    for (const { messages } of streams) expect(messages).toEqual([]);
    await stop();
  });

  describe.each(Object.entries(ONE_STREAM))("many sessions over %s with the same ids and tokens", (_, pipe) => {
    test.each(["http", "stdio", "sse", "websocket"] as const)(
      "on one upstream over %s each get what are theirs and nothing else",
      async (wire) => {
        const logs = wire === "http" ? STEPS : 0;
        const { server, stop } = await serverOver(wire);
        await using running = await startHost({ plugins, mcpServers: { one: server }, listen: { sse: true, websocket: true } });
        const clients = await Promise.all(
          Array.from({ length: crowd(wire, 50) }, () => RawClient.open((deliver) => pipe(running, deliver))),
        );
        await Promise.all(clients.map((client) => client.initialize()));
        const ids = [1, "1", 2, "a"];
        const whose = (n: number, id: string | number): string => `session ${n}, ${typeof id} ${id}`;
        const answers = await Promise.all(
          clients.flatMap((client, n) =>
            ids.map((id) => {
              const args = { who: whose(n, id), text: `from ${whose(n, id)}`, delayMs: 15, steps: STEPS };
              return client.call("echo", args, { _meta: { progressToken: id } }, id);
            }),
          ),
        );
        expect(new Set(answers.map(({ result }) => result.structuredContent.payload)).size).toBe(clients.length * ids.length);
        for (const [n, client] of clients.entries()) {
          const messages = client.received.map(({ message }) => message);
          for (const id of ids) {
            const [answer, ...more] = messages.filter((message) => message.id === id && message.result?.structuredContent);
            expect([answer?.result.structuredContent.arguments.who, more]).toEqual([whose(n, id), []]);
            const progress = messages.filter(({ method, params }) => method === "notifications/progress" && params.progressToken === id);
            expect(progress.map(({ params }) => [params.progress, params.message])).toEqual(
              Array.from({ length: STEPS }, (_, step) => [step + 1, `from ${whose(n, id)}`]),
            );
          }
          const lines = messages.filter(({ method }) => method === "notifications/message").map(({ params }) => params.data.text);
          expect(lines.sort()).toEqual(ids.flatMap((id) => Array.from({ length: logs }, () => `from ${whose(n, id)}`)).sort());
          // The answers to initialize and to the calls, their progress and their log lines: nothing else.
          expect(client.received).toHaveLength(1 + ids.length * (1 + STEPS + logs));
        }
        await Promise.all(clients.map((client) => client.pipe.close()));
        await vi.waitFor(() => expect(running.host.status().sessions).toBe(0));
        await stop();
      },
    );
  });

  test.each(["sse", "websocket"] as const)(
    "over %s with a connection of each session, a question is asked of its client alone",
    async (wire) => {
      const { server, stop } = await serverOver(wire);
      await using running = await startHost({ plugins, mcpServers: { one: { ...server, isolation: "session" } } });
      const open = () => RawHttp.open(running.url, { capabilities: { elicitation: {} } });
      const [asked, other] = await Promise.all([open(), open()]);
      const [its, others] = await Promise.all([asked.listen(), other.listen()]);
      const answer = await asked.post({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "elicit", arguments: { params: { message: "whose?" }, cancelMs: 100 } },
      });
      const questions = [...answer.messages, ...its.messages].map(({ method }) => method).filter(Boolean);
      expect(questions).toEqual(["elicitation/create", "notifications/cancelled"]);
      expect((await other.call("echo")).result).toBeDefined();
      expect(others.messages).toEqual([]);
      await stop();
    },
  );

  test("what an upstream sends to a session's own stream reaches that session alone", async () => {
    await using running = await startHost({ plugins, mcpServers: { one: upstream() } });
    const [asker, other] = await Promise.all([RawHttp.open(running.url), RawHttp.open(running.url)]);
    const [its, others] = await Promise.all([asker.listen(), other.listen()]);
    await asker.ask("resources/subscribe", { uri: "test://upstream/text" });
    await other.call("touch");
    await vi.waitFor(() => expect(its.messages).toMatchObject([{ method: "notifications/resources/updated" }]));
    // A change that concerns both is the sign that whatever was sent before has arrived.
    await asker.call("change", { kinds: ["tools"] });
    await vi.waitFor(() => expect(others.messages).toMatchObject([{ method: "notifications/tools/list_changed" }]));
    await vi.waitFor(() => expect(its.messages).toHaveLength(2));
  });

  test("a question on the stream of a call is asked of nobody else", async () => {
    const process = await httpProcess("upstream", ["http"]);
    await using running = await startHost({ plugins, mcpServers: { one: { url: process.url } } });
    const open = () => RawHttp.open(running.url, { capabilities: { elicitation: {} } });
    const [asked, other] = await Promise.all([open(), open()]);
    const streams = await Promise.all([asked.listen(), other.listen()]);
    // The client does not answer; the question is withdrawn and the call ends.
    const answer = await asked.post({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "elicit", arguments: { params: { message: "whose?" }, cancelMs: 100 } },
    });
    expect(answer.messages.map(({ method }) => method)).toEqual(["elicitation/create", "notifications/cancelled", undefined]);
    expect((await other.call("echo")).result).toBeDefined();
    for (const { messages } of streams) expect(messages).toEqual([]);
    // Without a call that it belongs to, it is nobody's, though both could be asked.
    const { result } = await other.call("elicit", { params: { message: "anybody?" }, push: true });
    expect(result.structuredContent.error).toMatchObject({ code: -31511, message: expect.stringContaining("isolation") });
    for (const { messages } of streams) expect(messages).toEqual([]);
    await process.stop();
  });
}
