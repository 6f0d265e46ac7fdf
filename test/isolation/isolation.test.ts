import { PassThrough } from "node:stream";
import { createHost, createLogger, definePlugin } from "mcp-host";
import { expect, test, vi } from "vitest";
import { Session } from "../../packages/host/dist/session/session.js";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { crowds } from "./crowds.ts";

crowds();

test("a second request with an id that is in flight is refused over stdio, and the first is not touched", async () => {
  await using host = createHost(
    { mcpServers: { one: upstream() } },
    { log: createLogger({ level: "error", format: "json", stream: new PassThrough() }) },
  );
  const input = new PassThrough();
  const output = new PassThrough();
  const received: Message[] = [];
  output.on("data", (line) =>
    received.push(
      ...String(line)
        .trim()
        .split("\n")
        .map((each) => JSON.parse(each)),
    ),
  );
  const gone = host.serveStdio({ input, output });
  const send = (message: Message): boolean => input.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const call = (id: unknown, who: string) =>
    send({ id, method: "tools/call", params: { name: "slow", arguments: { ms: 200 }, _meta: { who } } });
  send({
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
  });
  await vi.waitFor(() => expect(received).toMatchObject([{ id: 0 }]));
  send({ method: "notifications/initialized" });
  received.length = 0;
  call(1, "first");
  call(1, "second");
  call("1", "a string is another id");
  await vi.waitFor(() => expect(received).toHaveLength(3));
  expect(received[0]).toMatchObject({ id: 1, error: { code: -32600, data: { type: "invalid_request", sent: "no" } } });
  const answers = new Map(received.slice(1).map(({ id, result }) => [id, result]));
  expect(new Set(answers.keys())).toEqual(new Set([1, "1"])); // whichever came first
  for (const result of answers.values()) expect(result).toMatchObject({ structuredContent: { waited: 200 } });
  // Free again.
  call(1, "third");
  await vi.waitFor(() => expect(received[3]).toMatchObject({ id: 1, result: {} }));
  input.end();
  await gone;
});

/** Takes whom the client says it is for granted. */
const headerAuth = definePlugin({
  name: "header-auth",
  host: "^1.0.0",
  apply(host) {
    host.hooks.authenticate.tap("header-auth", ({ headers }) => {
      const id = headers["x-user"];
      return typeof id === "string" ? { id, roles: String(headers["x-roles"] ?? "").split(",") } : undefined;
    });
  },
});

test("another principal's session is answered exactly as an unknown one, and goes on", async () => {
  await using running = await startHost({ mcpServers: { one: upstream() }, plugins: [headerAuth()] });
  const alice = await RawHttp.open(running.url, { headers: { "x-user": "alice", "x-roles": "admin" } });
  const ping: Message = { jsonrpc: "2.0", id: 1, method: "ping" };
  const stream = await alice.listen();
  const others: Record<string, string>[] = [
    { "x-user": "bob" },
    { "x-user": "bob", "x-roles": "admin" },
    { "x-user": "alice", "x-roles": "reader" }, // a weaker token of the same person
  ];
  for (const headers of others) {
    const stranger = new RawHttp(running.url, headers);
    const answers = async (session: string) => {
      stranger.session = session;
      const all = [
        await stranger.post(ping),
        await stranger.request("GET", { accept: "text/event-stream" }),
        await stranger.request("DELETE"),
      ];
      return all.map(({ status, messages }) => ({ status, messages }));
    };
    const refused = await answers(alice.session ?? "");
    expect(refused).toEqual(await answers("no-such-session"));
    expect(refused.map(({ status }) => status)).toEqual([404, 404, 404]);
  }
  expect((await new RawHttp(running.url).post(ping)).status).toBe(401);
  expect((await alice.ask("ping")).result).toEqual({});
  // None of them took her stream.
  expect(stream).toMatchObject({ status: 200, isOpen: true });
  stream.close();
});

test("session ids are unique, visible ASCII, and hold at least 128 random bits", () => {
  const unwritable = (): never => expect.fail("nothing is answered");
  const host = { run: () => Promise.resolve({}), settled() {}, refused() {}, unwritable, notification() {}, admit: () => undefined };
  const count = 100_000;
  const seen = new Set<string>();
  /** How often each character stands at each place. */
  const places: Map<string, number>[] = [];
  for (let n = 0; n < count; n++) {
    const { id } = new Session({ host, principal: { id: "x", roles: [] }, network: true, sole: false, inFlight: 1, duplicateIds: true });
    if (!/^[\x21-\x7e]+$/.test(id)) expect.fail(`${JSON.stringify(id)} is not visible ASCII`);
    seen.add(id);
    for (const [place, character] of [...id].entries()) {
      const counts = (places[place] ??= new Map());
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
  }
  expect(seen.size).toBe(count);
  // Shannon's measure, which a finite sample underestimates a little.
  const bits = places.flatMap((counts) => [...counts.values()]).reduce((sum, n) => sum - (n / count) * Math.log2(n / count), 0);
  expect(bits).toBeGreaterThan(127.9);
});
