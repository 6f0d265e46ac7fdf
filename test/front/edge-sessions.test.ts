import net from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createWorld, inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { ask, bearer, initialize, WireClient } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const ping = (id = 1): Message => ({ jsonrpc: "2.0", id, method: "ping" });
const bearing = (name: string): { headers: Record<string, string> } => ({ headers: { authorization: `Bearer ${name}` } });

afterEach(() => void vi.useRealTimers());

describe("session ids", () => {
  test("are visible ASCII of at least 128 random bits, and never the same", async () => {
    await using host = await startHost({ mcpServers });
    const seen = new Set<string>();
    const ones = new Array<number>(128).fill(0);
    for (let count = 0; count < 300; count++) {
      const { headers } = await ask(host.url, { body: initialize() });
      const id = String(headers["mcp-session-id"]);
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      seen.add(id);
      const bits = BigInt(`0x${id}`);
      for (let bit = 0; bit < 128; bit++) if ((bits >> BigInt(bit)) & 1n) ones[bit] = (ones[bit] ?? 0) + 1;
    }
    expect(seen.size).toBe(300);
    // Of a fair coin thrown 300 times, fewer than 80 or more than 220 heads come once in 10^15: no bit is fixed.
    for (const count of ones) expect(Math.abs(count - 150)).toBeLessThan(70);
  });

  test("a request without one is answered 400, and never falls to the only session", async () => {
    await using host = await startHost({ mcpServers });
    await WireClient.connect(host.url);
    for (const asked of [{ body: ping() }, { method: "GET" }, { method: "DELETE" }]) {
      const { status, json } = await ask(host.url, asked);
      expect([status, json.error.data.type]).toEqual([400, "session_required"]);
    }
  });

  test("an unknown one is answered 404 on POST, GET and DELETE, and is not repeated in the answer", async () => {
    await using host = await startHost({ mcpServers });
    const client = await WireClient.connect(host.url);
    for (const session of [
      "0".repeat(32),
      "",
      " ",
      "x".repeat(5_000),
      "../../etc",
      client.session.toUpperCase(),
      `${client.session}0`,
      `${client.session}, ${client.session}`,
    ]) {
      for (const asked of [{ body: ping() }, { method: "GET" }, { method: "DELETE" }, { body: initialize() }]) {
        const { status, json, text } = await ask(host.url, { ...asked, headers: { "mcp-session-id": session } });
        expect([status, json.error.data.type], session).toEqual([404, "session_not_found"]);
        expect(text).not.toContain("x".repeat(100));
      }
    }
    expect((await client.request("ping")).status).toBe(200);
  });

  test("an initialize that failed gives none", async () => {
    await using host = await startHost({ mcpServers });
    const { status, headers, json } = await ask(host.url, { body: { ...initialize(), params: {} } });
    expect([status, json.error.code]).toEqual([200, -32602]);
    expect(headers["mcp-session-id"]).toBeUndefined();
    expect(host.host.status().sessions).toBe(0);
  });

  test("initialize twice on one session is refused", async () => {
    await using host = await startHost({ mcpServers });
    const client = await WireClient.connect(host.url);
    expect((await client.ask({ body: initialize() })).json.error.code).toBe(-32600);
    expect((await client.request("ping")).status).toBe(200);
  });
});

test("a session is its principal's: another's request is answered exactly like one with an unknown id", async () => {
  await using host = await startHost({ mcpServers, plugins: [bearer()] });
  const alice = await WireClient.connect(host.url, bearing("alice"));
  const mallory = { authorization: "Bearer mallory" };
  for (const asked of [
    { body: ping() },
    { body: { jsonrpc: "2.0", method: "notifications/x" } },
    { method: "GET" },
    { method: "DELETE" },
  ]) {
    const stolen = await ask(host.url, { ...asked, headers: { ...alice.headers, ...mallory } });
    const unknown = await ask(host.url, { ...asked, headers: { ...alice.headers, ...mallory, "mcp-session-id": "0".repeat(32) } });
    expect(stolen.status).toBe(404);
    expect([stolen.status, stolen.text]).toEqual([unknown.status, unknown.text]);
    expect(
      (await ask(host.url, { ...asked, headers: { ...alice.headers, authorization: undefined } })).status,
      "the id alone is nothing",
    ).toBe(401);
  }
  expect((await alice.request("ping")).status).toBe(200);
});

test("a session is of the roles that it was opened with, in whatever order they come", async () => {
  await using host = await startHost({ mcpServers, plugins: [bearer()] });
  const alice = await WireClient.connect(host.url, bearing("alice:read,write"));
  const as = async (authorization: string): Promise<number> =>
    (await ask(host.url, { body: ping(), headers: { ...alice.headers, authorization } })).status;
  for (const weaker of ["Bearer alice", "Bearer alice:read", "Bearer alice:read write", "Bearer alice:read,write,admin"])
    expect(await as(weaker), weaker).toBe(404);
  for (const same of ["Bearer alice:read,write", "Bearer alice:write,read"]) expect(await as(same), same).toBe(200);
});

describe("a client that opens its GET stream again, since a proxy holds the old one open,", () => {
  const cases = ["2025-11-25", "2025-06-18", "2025-03-26"].flatMap((version) => [
    [version, {}] as const,
    [version, { resume: false }] as const,
  ]);

  test.each(cases)("of %s with listen %j, gets the new one, the old one ends, and the log says so", async (version, listen) => {
    await using host = await startHost({ mcpServers, listen });
    const client = await WireClient.connect(host.url, { version });
    const first = await client.open();
    const second = await client.open();
    await first.ended;
    const third = await client.open();
    await second.ended;
    expect([first, second, third].map(({ status }) => status)).toEqual([200, 200, 200]);
    const told = host.logs.filter(({ message }) => message === "a client opened its event stream again; the one that was open is closed");
    expect(told).toMatchObject([1, 2].map(() => ({ level: "info", session: client.session.slice(0, 8) })));
    await client.call("change", { kinds: ["tools"] });
    const news = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };
    await vi.waitFor(() => expect(third.messages()).toContainEqual(news));
    expect([...first.messages(), ...second.messages()]).toEqual([]);
    third.leave();
  });

  test("and is another principal, gets nothing, and the old one goes on", async () => {
    await using host = await startHost({ mcpServers, plugins: [bearer()] });
    const client = await WireClient.connect(host.url, bearing("alice"));
    const stream = await client.open();
    for (const authorization of ["Bearer mallory", "Bearer alice:admin"])
      expect((await client.ask({ method: "GET", headers: { authorization } })).status).toBe(404);
    await client.call("change", { kinds: ["tools"] });
    await vi.waitFor(() => expect(stream.messages()).toHaveLength(1));
    stream.leave();
  });
});

test.each(["2025-11-25", "2025-06-18", "2025-03-26"])(
  "the first byte of a GET stream of %s comes at once, resumable or not, for those who wait for it",
  async (version) => {
    for (const listen of [{}, { resume: false as const }]) {
      await using host = await startHost({ mcpServers, listen });
      const client = await WireClient.connect(host.url, { version });
      const stream = await client.open();
      await vi.waitFor(() => expect(stream.text()).not.toBe("")); // keep-alives come after 15 s
      expect(stream.messages()).toEqual([]);
      stream.leave();
    }
  },
);

test("DELETE ends the session: its stream ends, its calls are answered, and it is unknown from then on", async () => {
  await using host = await startHost({ mcpServers });
  const client = await WireClient.connect(host.url);
  const stream = await client.open();
  const call = client.request("tools/call", { name: "slow", arguments: {} });
  await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
  expect((await client.ask({ method: "DELETE" })).status).toBe(204);
  await stream.ended;
  expect((await call).messages[0]?.error.data.type).toBe("shutting_down");
  expect((await client.request("ping")).status).toBe(404);
  expect((await client.ask({ method: "DELETE" })).status).toBe(404);
});

describe("protocol versions", () => {
  test.each([
    ["2025-11-25", "2025-11-25"],
    ["2025-06-18", "2025-06-18"],
    ["2025-03-26", "2025-03-26"],
    ["2099-01-01", "2025-11-25"],
    ["", "2025-11-25"],
  ])("a client that asks for %j gets %s", async (asked, given) => {
    await using host = await startHost({ mcpServers });
    expect((await WireClient.connect(host.url, { version: asked })).server.protocolVersion).toBe(given);
  });

  test.each([
    ["legacy", ["2099-01-01", "2026-07-28", "", "latest", "2025-11-25, 2025-11-25"]],
    ["modern", ["", "latest", "2025-11-25, 2025-11-25"]],
  ] as const)(
    "one that the host does not speak is refused in the header with 400, and none is fine (up to the %s era)",
    async (era, versions) => {
      await using host = await startHost({ mcpServers, listen: { protocols: era === "legacy" ? ["legacy"] : ["legacy", "modern"] } });
      const client = await WireClient.connect(host.url);
      for (const version of versions)
        for (const asked of [{ body: ping() }, { method: "GET" }, { method: "DELETE" }]) {
          const { status, json } = await client.ask({ ...asked, headers: { "mcp-protocol-version": version } });
          expect([status, json.error.data.type], version).toEqual([400, "unsupported_version"]);
        }
      const { "mcp-protocol-version": _, ...without } = client.headers;
      expect((await ask(host.url, { headers: without, body: ping() })).status).toBe(200);
    },
  );
});

describe("limits, below, at and beyond", () => {
  test("of requests in flight of one session; others are not concerned", async () => {
    await using host = await startHost({ mcpServers, limits: { inFlightPerSession: 3 } });
    const client = await WireClient.connect(host.url);
    const calls: Promise<unknown>[] = [];
    for (let count = 1; count <= 3; count++) {
      calls.push(client.request("tools/call", { name: "slow", arguments: {} }, count));
      await vi.waitFor(() => expect(host.host.status().inFlight).toBe(count));
    }
    const { status, json } = await client.request("ping", undefined, 4);
    expect([status, json]).toMatchObject([
      200,
      { id: 4, error: { code: -31430, data: { type: "overloaded", sent: "no", retryable: true } } },
    ]);
    expect((await (await WireClient.connect(host.url)).request("ping")).json.result).toEqual({});
    await client.notify("notifications/cancelled", { requestId: 1 });
    expect((await client.request("ping", undefined, 5)).json.result).toEqual({});
    await client.ask({ method: "DELETE" });
    await Promise.all(calls);
  });

  test("of sessions: one more is answered 503 with Retry-After, and the open ones go on", async () => {
    await using host = await startHost({ mcpServers, limits: { sessions: 3 } });
    const clients = [];
    for (let count = 1; count <= 3; count++) clients.push(await WireClient.connect(host.url));
    const { status, headers, json } = await ask(host.url, { body: initialize() });
    expect([status, headers["retry-after"], json.error.data.type]).toEqual([503, "5", "overloaded"]);
    for (const client of clients) expect((await client.request("ping")).status).toBe(200);
    await clients[0]?.ask({ method: "DELETE" });
    expect((await ask(host.url, { body: initialize() })).status).toBe(200);
  });

  test("of sessions of one named principal; others are not concerned", async () => {
    await using host = await startHost({ mcpServers, plugins: [bearer()], limits: { sessionsPerPrincipal: 2 } });
    for (let count = 1; count <= 2; count++) await WireClient.connect(host.url, bearing("alice"));
    const { status, json } = await ask(host.url, { ...bearing("alice"), body: initialize() });
    expect([status, json.error.data.type]).toEqual([503, "overloaded"]);
    await WireClient.connect(host.url, bearing("bob"));
  });

  test("the sessions of nobody in particular are not counted as one principal's", async () => {
    await using host = await startHost({ mcpServers, limits: { sessionsPerPrincipal: 1 } });
    for (let count = 1; count <= 3; count++) await WireClient.connect(host.url);
    expect(host.host.status().sessions).toBe(3);
  });
});

describe("expiry", () => {
  /** The host's clocks stand still unless the test moves them. */
  const freeze = (): unknown => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const limits = { sessionInitialize: "20s", sessionIdle: "60s" };

  test("a session that sent only initialize is closed after limits.sessionInitialize", async () => {
    freeze();
    await using host = await startHost({ mcpServers, limits });
    const client = await WireClient.connect(host.url, { initialized: false });
    vi.advanceTimersByTime(20_000);
    expect(host.host.status().sessions).toBe(1);
    vi.advanceTimersByTime(5_000);
    expect(host.host.status().sessions).toBe(0);
    expect((await client.request("ping")).status).toBe(404);
  });

  test("pings alone keep no session that was never used", async () => {
    freeze();
    await using host = await startHost({ mcpServers, limits });
    const client = await WireClient.connect(host.url, { initialized: false });
    await client.request("ping");
    vi.advanceTimersByTime(25_000);
    expect(host.host.status().sessions).toBe(0);
  });

  test.each([
    ["said initialized", true],
    ["went on as if it had", false],
  ])("a session whose client %s is closed after limits.sessionIdle without traffic", async (_what, initialized) => {
    freeze();
    await using host = await startHost({ mcpServers, limits });
    const client = await WireClient.connect(host.url, { initialized });
    await client.request("tools/list");
    vi.advanceTimersByTime(55_000);
    expect((await client.request("ping")).status).toBe(200);
    vi.advanceTimersByTime(60_000);
    expect(host.host.status().sessions).toBe(1);
    vi.advanceTimersByTime(5_000);
    expect((await client.request("ping")).status).toBe(404);
  });

  test("a session with an open stream or a call in flight stays", async () => {
    freeze();
    await using host = await startHost({ mcpServers, limits });
    const listening = await WireClient.connect(host.url);
    const stream = await listening.open();
    const calling = await WireClient.connect(host.url);
    const call = calling.open({ body: calling.body("tools/call", { name: "slow", arguments: {} }) });
    while (host.host.status().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(300_000);
    expect(host.host.status().sessions).toBe(2);
    expect((await listening.request("ping")).status).toBe(200);
    await calling.ask({ method: "DELETE" });
    await (await call).ended;
    stream.leave();
  });
});

test("a stopping host answers new requests 503 with Retry-After, and calls in flight with shutting_down at the end", async () => {
  await using host = await startHost({ mcpServers, drain: 300 });
  const client = await WireClient.connect(host.url);
  const call = client.request("tools/call", { name: "slow", arguments: {} });
  await vi.waitFor(() => expect(host.host.status().inFlight).toBe(1));
  // A stopping host accepts no connections; this one is open before.
  const socket = net.connect(Number(host.url.port), host.url.hostname);
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    answer += chunk;
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(`DELETE /mcp HTTP/1.1\r\nHost: ${host.url.host}\r\n`);
  await client.request("ping"); // accepted later, so the other connection has been accepted too
  const stopped = host.host.close();
  await vi.waitFor(() => expect(ask(host.url, { path: "/healthz" })).rejects.toThrow("ECONNREFUSED"));
  socket.write(`Mcp-Session-Id: ${client.session}\r\n\r\n`);
  await closed;
  expect(answer).toMatch(/^HTTP\/1.1 503 /);
  expect(answer).toMatch(/^retry-after: \d+\r$/im);
  expect(answer).toMatch(/^connection: close\r$/im);
  expect(answer).toContain('"type":"shutting_down"');
  const { status, messages } = await call;
  expect([status, messages[0]?.error]).toMatchObject([200, { code: -31509, data: { type: "shutting_down" } }]);
  await stopped;
});

describe("sharing", () => {
  test("clients that use the same ids at the same time get their own answers, and the upstream sees ids of the host's", async () => {
    const world = createWorld({ name: "up" });
    await using host = await startHost({ mcpServers: { up: { transport: () => inProcessTransport({}, world) } } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => WireClient.connect(host.url)));
    world.received.length = 0;
    const answers = await Promise.all(
      clients.flatMap((client, who) =>
        [1, "1", 1].map(async (id, nth) => {
          const secret = `secret ${who}/${nth}`;
          const { messages } = await client.request(
            "tools/call",
            { name: "echo", arguments: { secret, text: secret, steps: 2, delayMs: 20 }, _meta: { progressToken: 1 } },
            id,
          );
          return { id, secret, messages };
        }),
      ),
    );
    for (const { id, secret, messages } of answers) {
      const last = messages.at(-1);
      expect(last?.id).toBe(id);
      expect(last?.result.structuredContent.arguments.secret).toBe(secret);
      expect(messages.slice(0, -1).map(({ params }) => [params.progressToken, params.message])).toEqual([
        [1, secret],
        [1, secret],
      ]);
    }
    const ids = world.received.filter(({ method }) => method === "tools/call").map(({ id, params }) => [id, params._meta.progressToken]);
    expect(new Set(ids.map(([id]) => id)).size).toBe(60);
    expect(new Set(ids.map(([, token]) => token)).size).toBe(60);
  });

  test("isolation says who shares a connection: all, one session, or the sessions of one principal", async () => {
    const own = (isolation: "shared" | "session" | "principal"): object => {
      const world = createWorld({ name: isolation, prefix: `${isolation}_`, only: ["connections"] });
      return { [isolation]: { transport: () => inProcessTransport({}, world), isolation } };
    };
    await using host = await startHost({ plugins: [bearer()], mcpServers: { ...own("shared"), ...own("session"), ...own("principal") } });
    const [first, second, other] = [
      await WireClient.connect(host.url, bearing("alice")),
      await WireClient.connect(host.url, bearing("alice")),
      await WireClient.connect(host.url, bearing("bob")),
    ];
    const numbers = async (isolation: string): Promise<unknown[]> =>
      Promise.all([first, second, other].map(async (client) => (await client.call(`${isolation}_connections`)).this));
    expect(new Set(await numbers("shared")).size).toBe(1);
    expect(new Set(await numbers("session")).size).toBe(3);
    const [one, two, three] = await numbers("principal");
    expect(one).toBe(two);
    expect(three).not.toBe(one);
  });
});
