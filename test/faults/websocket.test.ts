import type { Duplex } from "node:stream";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { answerTo, type FaultyWire, faultyWebSocket, type WebSocketFaults } from "../harness/faulty-wires.ts";
import { beside as besideGood } from "../harness/neighbour.ts";

const SECRET = "what-no-client-may-see";

const beside = (bad: Pick<FaultyWire, "url">, settings: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  besideGood({ url: bad.url, ...settings }, { limits: { messageBytes: "64kb" }, ...more });

const faults: [fault: string, call: NonNullable<WebSocketFaults["call"]>, error: Message][] = [
  ["a cut connection", (socket) => socket.terminate(), { code: -31506, data: { type: "upstream_lost", sent: "unknown" } }],
  ["a close frame", (socket) => socket.close(1011, SECRET), { code: -31506, data: { type: "upstream_lost", sent: "unknown" } }],
  [
    "a frame that is too large",
    (socket) => socket.send("x".repeat(70_000)),
    { code: -31502, data: { type: "upstream_protocol", sent: "unknown" } },
  ],
  [
    "many fragments that are too large together",
    (socket) => {
      for (let n = 0; n < 100; n++) socket.send("x".repeat(1_000), { fin: n === 99 });
    },
    { code: -31502, data: { type: "upstream_protocol", sent: "unknown" } },
  ],
  [
    "bytes that are no WebSocket",
    // What is below the socket is no part of its types.
    (socket) => void (socket as unknown as { _socket: Duplex })._socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff])),
    { code: -31502, data: { type: "upstream_protocol", sent: "unknown" } },
  ],
  [
    "an answer that is no JSON-RPC",
    (socket, { id }) => socket.send(JSON.stringify({ jsonrpc: "2.0", id, result: 1, error: SECRET })),
    { code: -31502, data: { type: "upstream_protocol", sent: "yes" } },
  ],
  [
    "an answer with a key that changes prototypes",
    (socket, { id }) => socket.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"__proto__":{}}}`),
    { code: -31502, data: { type: "upstream_protocol", sent: "yes" }, message: expect.stringContaining("__proto__") },
  ],
];

describe("a WebSocket upstream that answers a call with", () => {
  test.each(faults)("%s gives the right error, and goes on afterwards", async (_, call, error) => {
    await using bad = await faultyWebSocket({ call });
    await using here = await beside(bad);
    const response = await here.client.call("bad");
    expect(response.error).toMatchObject({ ...error, data: { origin: "mcp-host", upstream: "bad", ...error.data } });
    expect(bad.calls).toHaveLength(1);
    expect(JSON.stringify([response, here.logs, here.status()])).not.toContain(SECRET);
    await vi.waitFor(async () => expect((await here.client.call("ok")).result?.content[0].text).toBe("ok"));
    await here.unnoticed();
  });

  test("garbage before its answer is heard all the same, and the garbage is counted", async () => {
    await using bad = await faultyWebSocket({
      call: (socket, message) => {
        for (const junk of ["", "{", "[1]", '{"jsonrpc":"1.0"}', Buffer.from([0x7b, 0xff])]) socket.send(junk, { binary: false });
        socket.ping();
        socket.send(answerTo(message));
      },
    });
    await using here = await beside(bad);
    expect((await here.client.call("bad")).result.content[0].text).toBe("ok");
    expect(here.status()?.connections).toMatchObject([{ state: "ready", garbage: 5 }]);
    await here.unnoticed();
  });

  test("silence is timed out", async () => {
    await using bad = await faultyWebSocket({ call: () => {} });
    await using here = await beside(bad, { timeout: 300 });
    expect((await here.client.call("bad")).error).toMatchObject({ code: -31505, data: { type: "upstream_timeout", sent: "unknown" } });
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    await here.unnoticed();
  });

  test("nothing, since it does not read, gets no more than so many bytes", async () => {
    await using bad = await faultyWebSocket({ call: (socket) => socket.pause() });
    await using here = await beside(bad, { timeout: 3_000 }, { limits: { upstreamQueueBytes: "64kb" } });
    const text = "x".repeat(2_000_000);
    const calls = Array.from({ length: 12 }, () => here.client.call("bad", { text }));
    const types = (await Promise.all(calls)).map(({ error }) => error.data.type);
    expect(new Set(types)).toEqual(new Set(["upstream_timeout", "overloaded"]));
    await here.unnoticed();
  });
});

const answering =
  (head: string): NonNullable<WebSocketFaults["upgrade"]> =>
  (socket) => {
    socket.end(`HTTP/1.1 ${head}\r\nconnection: close\r\ncontent-length: ${SECRET.length}\r\n\r\n${SECRET}`);
    return true;
  };

describe("a WebSocket upstream whose handshake", () => {
  test.each<[string, WebSocketFaults, RegExp, string]>([
    ["is refused with 401", { upgrade: answering("401 Unauthorized") }, /refuses the host's credentials \(HTTP 401\)/, "failed"],
    ["is refused with 404", { upgrade: answering("404 Not Found") }, /answered HTTP 404/, "backing off"],
    ["is answered like any request", { upgrade: answering("200 OK") }, /answered HTTP 200/, "backing off"],
    ["redirects", { upgrade: answering("302 Found\r\nlocation: ws://127.0.0.1:9/") }, /answered HTTP 302/, "backing off"],
    ["agrees to no subprotocol", { subprotocol: false }, /does not speak the subprotocol "mcp"/, "backing off"],
    [
      "is cut",
      {
        upgrade: (socket) => {
          socket.destroy();
          return true;
        },
      },
      /cannot be reached/,
      "backing off",
    ],
    [
      "is forged",
      {
        upgrade: (socket) => {
          socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n");
          return true;
        },
      },
      /Invalid Sec-WebSocket-Accept/,
      "backing off",
    ],
  ])("%s is not connected, and status says why", async (_, of, reason, state) => {
    await using bad = await faultyWebSocket(of);
    await using here = await beside(bad, { headers: { authorization: `Bearer ${SECRET}` } });
    await vi.waitFor(() => expect(here.status()).toMatchObject({ state, wire: "websocket", reason: expect.stringMatching(reason) }));
    expect((await here.client.call("bad")).error).toBeDefined();
    expect(JSON.stringify([here.logs, here.status()])).not.toContain(SECRET);
    await here.unnoticed();
  });

  test("never ends is given up after startTimeout", async () => {
    await using bad = await faultyWebSocket({ upgrade: () => true });
    await using here = await beside(bad, { startTimeout: 200 });
    await vi.waitFor(() => expect(here.status()?.reason).toMatch(/did not start within 200 ms|handshake has timed out/));
    await here.unnoticed();
  });

  test("carries headers, the subprotocol and credentials, which are renewed when they are refused, and offers no compression", async () => {
    let nth = 0;
    const vault = definePlugin({
      name: "vault",
      host: "^1.0.0",
      apply(host) {
        host.hooks.credentials.tap("vault", (given) => ({ ...given, headers: { authorization: `token-number-${++nth}` } }));
      },
    });
    await using bad = await faultyWebSocket({ upgrade: (socket, count) => count === 1 && answering("401 Unauthorized")(socket, count) });
    await using here = await beside(bad, { headers: { "x-team": "blue" } }, { plugins: [vault()] });
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    const given = bad.heads.map(({ headers }) => [
      headers.authorization,
      headers["x-team"],
      headers["sec-websocket-protocol"],
      headers["sec-websocket-extensions"],
    ]);
    expect(given[0]?.slice(1)).toEqual(["blue", "mcp", undefined]);
    expect(given).toHaveLength(2);
    expect(given[1]?.[0]).not.toBe(given[0]?.[0]);
    await here.unnoticed();
  });
});
