import http from "node:http";
import { gzipSync } from "node:zlib";
import { definePlugin } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { answerTo, type FaultyWire, faultySse, listening, type SseFaults } from "../harness/faulty-wires.ts";
import { beside as besideGood } from "../harness/neighbour.ts";

const SECRET = "what-no-client-may-see";

const beside = (bad: Pick<FaultyWire, "url">, settings: Record<string, unknown> = {}, more: Record<string, unknown> = {}) =>
  besideGood({ type: "sse", url: bad.url, ...settings }, { limits: { messageBytes: "64kb" }, ...more });

const event = (data: string): string => `event: message\ndata: ${data}\n\n`;
const answer =
  (status: number, headers: Record<string, string> = {}): NonNullable<SseFaults["post"]> =>
  (response) => {
    response.writeHead(status, headers).end(SECRET);
    return true;
  };

const faults: [fault: string, faults: SseFaults, error: Message][] = [
  [
    "a stream that is cut",
    { call: (stream) => void stream.destroy() },
    { code: -31506, data: { type: "upstream_lost", sent: "unknown", retryable: false } },
  ],
  [
    "a stream that ends in the middle of the answer",
    { call: (stream, message) => void stream.end(event(answerTo(message)).slice(0, -20)) },
    { code: -31506, data: { type: "upstream_lost", sent: "unknown" } },
  ],
  [
    "an event that never ends",
    {
      call: (stream) => {
        stream.write("event: message\ndata: ");
        const write = (): void => void (stream.destroyed || stream.write("x".repeat(10_000), write));
        write();
      },
    },
    { code: -31502, data: { type: "upstream_protocol", sent: "unknown" } },
  ],
  [
    "an event of many lines that is too large",
    { call: (stream) => void stream.write(`event: message\n${`data: ${"x".repeat(1_000)}\n`.repeat(100)}\n`) },
    { code: -31502, data: { type: "upstream_protocol", sent: "unknown" } },
  ],
  [
    "an answer that is no JSON-RPC",
    { call: (stream, { id }) => void stream.write(event(JSON.stringify({ jsonrpc: "2.0", id, result: 1, error: SECRET }))) },
    { code: -31502, data: { type: "upstream_protocol", sent: "yes" } },
  ],
  [
    "an answer with a key that changes prototypes",
    { call: (stream, { id }) => void stream.write(event(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"__proto__":{}}}`)) },
    { code: -31502, data: { type: "upstream_protocol", sent: "yes" }, message: expect.stringContaining("__proto__") },
  ],
  ["401", { post: answer(401) }, { code: -31508, data: { type: "upstream_auth", sent: "no", retryable: false } }],
  ["404", { post: answer(404) }, { code: -31507, data: { type: "upstream_error", sent: "no" } }],
  ["429", { post: answer(429, { "retry-after": "2" }) }, { code: -31429, data: { type: "rate_limited", sent: "no", retryAfterMs: 2_000 } }],
  ["500", { post: answer(500) }, { code: -31507, data: { type: "upstream_error", sent: "unknown" } }],
  [
    "a connection that is closed without a word",
    {
      post: (response) => {
        response.destroy();
        return true;
      },
    },
    { code: -31506, data: { type: "upstream_lost", sent: "unknown" } },
  ],
];

describe("an SSE upstream that answers a call with", () => {
  test.each(faults)("%s gives the right error, and goes on afterwards", async (_, of, error) => {
    await using bad = await faultySse(of);
    await using here = await beside(bad);
    const response = await here.client.call("bad");
    expect(response.error).toMatchObject({ ...error, data: { origin: "mcp-host", upstream: "bad", ...error.data } });
    expect(bad.calls).toHaveLength(1);
    expect(JSON.stringify([response, here.logs, here.status()])).not.toContain(SECRET);
    await vi.waitFor(async () => expect((await here.client.call("ok")).result?.content[0].text).toBe("ok"));
    await here.unnoticed();
  });

  test("garbage before its answer is heard all the same, and the garbage is counted", async () => {
    await using bad = await faultySse({
      call: (stream, message) => {
        stream.write(": a comment\n\nevent: unheard\ndata: of\n\n");
        for (const junk of ["{", "[1]", "\u0000", '{"jsonrpc":"1.0"}']) stream.write(event(junk));
        stream.write("event: endpoint\ndata: /elsewhere\n\n");
        stream.write(event(answerTo(message)));
      },
    });
    await using here = await beside(bad);
    expect((await here.client.call("bad")).result.content[0].text).toBe("ok");
    expect(here.status()?.connections).toMatchObject([{ state: "ready", garbage: 5 }]);
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    await here.unnoticed();
  });

  test("silence is timed out, and the upstream told that nobody waits", async () => {
    await using bad = await faultySse({ call: () => {} });
    await using here = await beside(bad, { timeout: 300 });
    expect((await here.client.call("bad")).error).toMatchObject({ code: -31505, data: { type: "upstream_timeout", sent: "unknown" } });
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    await here.unnoticed();
  });

  test("a POST that stays open is heard on the stream, and the POST is ended", async () => {
    let ended = false;
    await using bad = await faultySse({
      post: (response, message, _, stream) => {
        response.on("close", () => {
          ended = true;
        });
        stream?.write(event(answerTo(message)));
        return true;
      },
    });
    await using here = await beside(bad);
    expect((await here.client.call("bad")).result.content[0].text).toBe("ok");
    await vi.waitFor(() => expect(ended).toBe(true));
    await here.unnoticed();
  });

  test("POSTs that it does not take are not piled up without end", async () => {
    await using bad = await faultySse({ post: () => true });
    await using here = await beside(bad, { timeout: 1_000 }, { limits: { upstreamQueueBytes: "4kb" } });
    const calls = Array.from({ length: 4 }, () => here.client.call("bad", { text: "x".repeat(3_000) }));
    const types = (await Promise.all(calls)).map(({ error }) => error.data.type).sort();
    expect(types).toEqual(["overloaded", "overloaded", "upstream_timeout", "upstream_timeout"]);
    await here.unnoticed();
  });

  test("a redirect within its origin is followed, to another it is not, and no credentials go there", async () => {
    const visits: string[] = [];
    const { url, close } = await listening(
      http.createServer((request, response) => {
        visits.push(request.url ?? "");
        response.writeHead(200).end();
      }),
    );
    await using bad = await faultySse({
      post: (response, { params }, nth) => {
        const to = params.arguments.away ? `${url}/messages` : `/messages?${nth}`;
        if (nth === 1 || params.arguments.away) response.writeHead(307, { location: to }).end();
        return nth === 1 || params.arguments.away;
      },
    });
    await using here = await beside(bad, { headers: { authorization: `Bearer ${SECRET}` } });
    expect((await here.client.call("bad")).result.content[0].text).toBe("ok");
    expect((await here.client.call("bad", { away: true })).error).toMatchObject({ data: { type: "upstream_error", sent: "no" } });
    expect(visits).toEqual([]);
    await here.unnoticed();
    await close();
  });
});

describe("an SSE upstream whose stream", () => {
  const respond =
    (status: number, headers: http.OutgoingHttpHeaders, body: string | Buffer = SECRET): NonNullable<SseFaults["get"]> =>
    (response) => {
      response.writeHead(status, headers).end(body);
      return true;
    };
  const events = { "content-type": "text/event-stream" };

  test.each<[string, SseFaults, RegExp, string]>([
    ["is refused with 401", { get: respond(401, {}) }, /refuses the host's credentials \(HTTP 401\)/, "failed"],
    ["is refused with 404", { get: respond(404, {}) }, /answered HTTP 404/, "backing off"],
    ["is a page", { get: respond(200, { "content-type": "text/html" }) }, /content type "text\/html"/, "backing off"],
    [
      "is compressed",
      { get: respond(200, { ...events, "content-encoding": "gzip" }, gzipSync("event: endpoint\ndata: /messages\n\n")) },
      /plain event stream/,
      "backing off",
    ],
    ["ends at once", { get: respond(200, events, "") }, /ended its event stream/, "backing off"],
    ["redirects elsewhere", { get: respond(307, { location: "http://127.0.0.1:9/sse" }) }, /redirects to another origin/, "backing off"],
    ["redirects in a circle", { get: respond(307, { location: "/sse" }) }, /redirects more than 3 times/, "backing off"],
    ["names no endpoint", { endpoint: "http://[" }, /no valid URL/, "backing off"],
    ["names an endpoint at another host", { endpoint: "http://127.0.0.2:9/messages" }, /refused: http:\/\/127\.0\.0\.2:9$/, "backing off"],
    ["names an endpoint at another port", { endpoint: "//127.0.0.1:9/messages" }, /refused: http:\/\/127\.0\.0\.1:9$/, "backing off"],
    ["names an endpoint of another scheme", { endpoint: "file:///etc/passwd" }, /another origin than its own/, "backing off"],
  ])("%s is not connected, and status says why", async (_, of, reason, state) => {
    await using bad = await faultySse(of);
    await using here = await beside(bad, { headers: { authorization: `Bearer ${SECRET}` } });
    await vi.waitFor(() => expect(here.status()).toMatchObject({ state, reason: expect.stringMatching(reason) }));
    expect((await here.client.call("bad")).error).toBeDefined();
    expect(bad.heads.filter(({ method }) => method === "POST")).toEqual([]);
    expect(JSON.stringify([here.logs, here.status()])).not.toContain(SECRET);
    await here.unnoticed();
  });

  test.each<[string, SseFaults]>([
    ["never begins", { get: () => true }],
    [
      "begins and says nothing",
      {
        get: (response) => {
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
          return true;
        },
      },
    ],
  ])("%s is given up after startTimeout", async (_, of) => {
    await using bad = await faultySse(of);
    await using here = await beside(bad, { startTimeout: 200 });
    await vi.waitFor(() => expect(here.status()?.reason).toMatch(/did not start within 200 ms/));
    await here.unnoticed();
  });

  test("redirects within its origin has its endpoint there", async () => {
    await using bad = await faultySse({
      get: (response, nth) => {
        if (nth === 1) response.writeHead(307, { location: "/other/sse" }).end();
        return nth === 1;
      },
      endpoint: "../messages?here",
    });
    await using here = await beside(bad);
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    expect(bad.heads.map(({ method, url }) => `${method} ${url}`)).toEqual(
      expect.arrayContaining(["GET /sse", "GET /other/sse", "POST /messages?here"]),
    );
  });
});

test("credentials of a plugin go with the stream and every message, and are renewed when they are refused", async () => {
  let token = "first-token-of-this-test";
  const asked: string[] = [];
  const vault = definePlugin({
    name: "vault",
    host: "^1.0.0",
    apply(host) {
      host.hooks.credentials.tap("vault", (given, { upstream: { wire }, reason }) => {
        asked.push(`${wire} ${reason}`);
        return { ...given, headers: { authorization: token } };
      });
    },
  });
  await using bad = await faultySse({
    get: (response, _, { headers }) => {
      if (headers.authorization === token) return false;
      response.writeHead(401).end();
      return true;
    },
    post: (response, _, nth) => {
      if (nth > 1) return false;
      token = "second-token-of-this-test";
      response.writeHead(401).end();
      return true;
    },
  });
  await using here = await beside(bad, {}, { plugins: [vault()] });
  expect((await here.client.call("bad")).result.content[0].text).toBe("ok");
  expect(asked.filter((line) => line.startsWith("sse"))).toEqual(["sse connect", "sse refused"]);
  const sent = bad.heads.filter(({ method }) => method === "POST").map(({ headers }) => headers.authorization);
  expect(new Set(sent)).toEqual(new Set(["first-token-of-this-test", "second-token-of-this-test"]));
  expect(sent.at(-1)).toBe("second-token-of-this-test");
});
