import http from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { type Faulty, faulty } from "../harness/faulty.ts";
import { beside as besideGood } from "../harness/neighbour.ts";

const SECRET = "what-no-client-may-see";

const result = (id: unknown, text = "fine"): string =>
  JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }] } });
const event = (id: unknown): string => `event: message\ndata: ${result(id)}\n\n`;

const beside = (bad: Faulty, settings: Record<string, unknown> = {}) => besideGood({ url: bad.url, ...settings });

type Fault = (response: http.ServerResponse, message: Message) => void;

const json = { "content-type": "application/json" };
const events = { "content-type": "text/event-stream" };
const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (response) =>
    response.writeHead(code, { "content-type": "text/plain", ...headers }).end(SECRET);

const faults: [fault: string, answer: Fault, error: Message][] = [
  ["401", status(401), { code: -31508, data: { type: "upstream_auth", sent: "no", retryable: false } }],
  ["403", status(403), { code: -31508, data: { type: "upstream_auth", sent: "no", retryable: false } }],
  [
    "429 with Retry-After",
    status(429, { "retry-after": "2" }),
    { code: -31429, data: { type: "rate_limited", sent: "no", retryable: true, retryAfterMs: 2_000 } },
  ],
  [
    "429 with Retry-After as a date",
    status(429, { date: "Wed, 21 Oct 2015 07:27:30 GMT", "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }),
    { code: -31429, data: { type: "rate_limited", sent: "no", retryAfterMs: 30_000 } },
  ],
  [
    "503 with Retry-After",
    status(503, { "retry-after": "120" }),
    { code: -31507, data: { type: "upstream_error", sent: "unknown", retryAfterMs: 120_000 } },
  ],
  ["500 with a body", status(500), { code: -31507, data: { type: "upstream_error", sent: "unknown", retryable: false } }],
  ["400 with a body", status(400), { code: -31507, data: { type: "upstream_error", sent: "no", retryable: true } }],
  [
    "a page instead of JSON",
    (response) => response.writeHead(200, { "content-type": "text/html" }).end(`<h1>${SECRET}</h1>`),
    { code: -31502, data: { type: "upstream_protocol", sent: "yes", retryable: false } },
  ],
  [
    "JSON that ends too early",
    (response, { id }) => response.writeHead(200, json).end(result(id, SECRET).slice(0, -5)),
    {
      code: -31502,
      message: 'upstream "bad" sent a malformed answer: the message is not valid JSON',
      data: { type: "upstream_protocol", sent: "yes" },
    },
  ],
  [
    "a message of its own instead of an answer",
    (response, { id }) =>
      response.writeHead(200, json).end(
        result(id)
          .replace('"2.0"', '"1.0"')
          .replace(/"id":\d+,/, ""),
      ),
    { code: -31502, message: expect.stringContaining('malformed answer: a message must have "jsonrpc"'), data: { sent: "yes" } },
  ],
  [
    "a body that breaks off",
    (response, { id }) => {
      response.writeHead(200, { ...json, "content-length": "1000" });
      response.write(result(id), () => response.destroy());
    },
    { code: -31506, data: { type: "upstream_lost", sent: "unknown" } },
  ],
  [
    "the answer to another request",
    (response, { id }) => response.writeHead(200, json).end(result(id + 1_000)),
    {
      code: -31502,
      message: 'upstream "bad" answered another request than the one that was sent',
      data: { type: "upstream_protocol", sent: "yes" },
    },
  ],
  [
    "a compressed answer",
    (response, { id }) => response.writeHead(200, { ...json, "content-encoding": "gzip" }).end(gzipSync(result(id))),
    { code: -31502, data: { type: "upstream_protocol", sent: "yes" } },
  ],
  [
    "a stream that breaks off",
    (response, { id }) => {
      response.writeHead(200, events);
      response.write(event(id).slice(0, -10), () => response.destroy());
    },
    { code: -31506, data: { type: "upstream_lost", sent: "unknown" } },
  ],
  [
    "an oversized JSON body",
    (response) => {
      response.writeHead(200, json);
      const write = (): void => {
        if (!response.destroyed) response.write("x".repeat(1_000_000), write);
      };
      write();
    },
    { code: -31413, data: { type: "payload_too_large", sent: "yes" } },
  ],
  [
    "a redirect to what is no URL",
    (response) => response.writeHead(307, { location: "http://[" }).end(),
    { code: -31507, data: { type: "upstream_error", sent: "no" } },
  ],
  [
    "a connection that is closed without an answer",
    (response) => response.destroy(),
    { code: -31506, data: { type: "upstream_lost", sent: "unknown" } },
  ],
];

describe("an HTTP upstream that answers a call with", () => {
  test.each(faults)("%s gives the right error, at once, and shows nothing of the body", async (_, answer, error) => {
    await using bad = await faulty(answer);
    await using here = await beside(bad);
    const started = performance.now();
    const response = await here.client.call("bad");
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(response.error).toMatchObject({ ...error, data: { origin: "mcp-host", upstream: "bad", ...error.data } });
    expect(bad.calls()).toHaveLength(1);
    expect(JSON.stringify([response, here.logs, here.status()])).not.toContain(SECRET);
    // One call failed; the upstream did not.
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    await here.unnoticed();
  });

  test("a redirect to another origin is not followed, and no credentials go there", async () => {
    const visits: string[] = [];
    const elsewhere = http.createServer((request, response) => {
      visits.push(request.url ?? "");
      response.writeHead(200).end();
    });
    await new Promise<void>((done) => elsewhere.listen(0, "127.0.0.1", done));
    const { port } = elsewhere.address() as { port: number }; // it listens on TCP
    await using bad = await faulty((response) => response.writeHead(307, { location: `http://127.0.0.1:${port}/mcp` }).end());
    await using here = await beside(bad, { headers: { authorization: `Bearer ${SECRET}` } });
    expect((await here.client.call("bad")).error).toMatchObject({
      code: -31507,
      message: 'upstream "bad" redirects to another origin, which is not followed; configure its final URL',
      data: { type: "upstream_error", sent: "no" },
    });
    expect(visits).toEqual([]);
    await here.unnoticed();
    elsewhere.close();
  });

  test("a redirect within its origin is followed, at most three times", async () => {
    await using bad = await faulty((response, { id, params }, nth) => {
      if (nth > params.arguments.redirects) response.writeHead(200, json).end(result(id, `after ${nth}`));
      else response.writeHead(308, { location: `/mcp?${nth}` }).end();
    });
    await using here = await beside(bad);
    expect((await here.client.call("bad", { redirects: 2 })).result.content[0].text).toBe("after 3");
    bad.requests.length = 0;
    expect((await here.client.call("bad", { redirects: 9 })).error).toMatchObject({
      message: 'upstream "bad" redirects more than 3 times, which is not followed; configure its final URL',
      data: { type: "upstream_error", sent: "no" },
    });
    expect(bad.calls()).toHaveLength(4);
  });

  test("a redirect is followed with whatever goes there: notifications, the standing stream, the end of the session", async () => {
    await using bad = await faulty((response, { id }) => response.writeHead(200, json).end(result(id)), { at: "/moved" });
    {
      await using here = await beside(bad);
      expect((await here.client.call("bad")).result.content[0].text).toBe("fine");
      const arrived = () => bad.requests.map(({ method, message }) => message?.method ?? method);
      await vi.waitFor(() => expect(arrived()).toEqual(expect.arrayContaining(["notifications/initialized", "GET"])));
    }
    expect(bad.requests.at(-1)).toMatchObject({ method: "DELETE", headers: { "mcp-session-id": "session-1" } });
  });

  test("a redirect to no URL fails the call and says so", async () => {
    await using bad = await faulty((response) => response.writeHead(307, { location: "http://[" }).end());
    await using here = await beside(bad);
    expect((await here.client.call("bad")).error).toMatchObject({
      message: 'upstream "bad" redirects to what is no URL, which is not followed; configure its final URL',
      data: { type: "upstream_error", sent: "no" },
    });
    await here.unnoticed();
  });

  test("404 for its session is given a new session, and the rejected call once more", async () => {
    await using bad = await faulty((response, { id }, nth) => {
      if (nth === 1) response.writeHead(404, json).end(SECRET);
      else response.writeHead(200, json).end(result(id));
    });
    await using here = await beside(bad);
    expect((await here.client.call("bad")).result.content[0].text).toBe("fine");
    const sessions = bad.requests.filter(({ message }) => message?.method === "tools/call").map(({ headers }) => headers["mcp-session-id"]);
    expect(sessions).toEqual(["session-1", "session-2"]);
    await here.unnoticed();
  });

  test("404 again and again is not sent the call again and again", async () => {
    await using bad = await faulty((response) => response.writeHead(404, json).end());
    await using here = await beside(bad);
    expect((await here.client.call("bad")).error).toMatchObject({
      code: -31503,
      data: { type: "upstream_down", sent: "no", retryable: true },
    });
    expect(bad.calls()).toHaveLength(2);
    await here.unnoticed();
  });
});

test("an HTTP upstream that refuses connections is down, known tools stay listed, and nothing was sent", async () => {
  await using bad = await faulty((response, { id }) => response.writeHead(200, json).end(result(id)));
  await using here = await beside(bad);
  expect(await here.client.tools()).toEqual(["echo", "ok", "bad"]);
  await bad.close();
  const error = { code: -31503, data: { type: "upstream_down", upstream: "bad", sent: "no", retryable: true } };
  // A call over a connection whose end was not noticed yet may have been read, for all the host knows.
  await vi.waitFor(async () => expect((await here.client.call("bad")).error).toMatchObject(error));
  for (let use = 0; use < 5; use++) expect((await here.client.call("bad")).error).toMatchObject(error);
  expect(await here.client.tools()).toEqual(["echo", "ok", "bad"]);
  expect(here.status()?.reason).toMatch(/ECONNREFUSED/);
  await here.unnoticed();
});

test("an HTTP upstream that refuses the credentials at initialize is not asked again by itself", async () => {
  await using bad = await faulty(() => {});
  let asked = 0;
  const guard = http.createServer((_, response) => {
    asked++;
    response.writeHead(401, { "www-authenticate": `Bearer realm="${SECRET}"` }).end(SECRET);
  });
  await new Promise<void>((done) => guard.listen(0, "127.0.0.1", done));
  const { port } = guard.address() as { port: number }; // it listens on TCP
  await using here = await beside({ ...bad, url: `http://127.0.0.1:${port}/mcp` });
  await vi.waitFor(() => expect(here.status()).toMatchObject({ state: "failed", reason: expect.stringMatching(/HTTP 401/) }));
  const before = asked;
  await here.unnoticed();
  expect(asked).toBe(before);
  guard.close();
});

test("a call is never sent twice, wherever in the answer the connection breaks", async () => {
  const whole = event(1);
  await using bad = await faulty((response, { params }) => {
    const { cut, stream } = params.arguments;
    const body = whole.slice(0, cut);
    if (cut === 0) response.destroy();
    else {
      response.writeHead(200, stream ? events : { ...json, "content-length": "1000" });
      response.write(body, () => response.destroy());
    }
  });
  await using here = await beside(bad);
  const cuts = Array.from({ length: 20 }, (_, n) => Math.floor((n * (whole.length - 2)) / 20));
  for (let round = 0; round < 10; round++) {
    const asked = cuts.flatMap((cut) => [true, false].map((stream) => ({ cut, stream, id: `${round}/${cut}/${stream}` })));
    const answers = await Promise.all(asked.map((args) => here.client.call("bad", args)));
    for (const { error } of answers) expect(error).toMatchObject({ data: { type: "upstream_lost", sent: "unknown" } });
  }
  const times = new Map<string, number>();
  for (const { params } of bad.calls()) times.set(params.arguments.id, (times.get(params.arguments.id) ?? 0) + 1);
  expect(times.size).toBe(400);
  expect([...times.values()].filter((count) => count > 1)).toEqual([]);
  await here.unnoticed();
});
