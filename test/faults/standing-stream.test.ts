import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { faulty } from "../harness/faulty.ts";
import { answerTo } from "../harness/faulty-wires.ts";
import { startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

const events = { "content-type": "text/event-stream" };
const LOG = 'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n';

/** An upstream with a standing stream, and when each GET of it came. */
async function standing(get: (response: ServerResponse, nth: number, request: IncomingMessage) => void) {
  const at: number[] = [];
  const bad = await faulty(() => {}, {
    get: (response, nth, request) => {
      at.push(performance.now());
      get(response, nth, request);
    },
  });
  const running = await startHost({ mcpServers: { bad: { url: bad.url } } });
  return {
    bad,
    running,
    gets: () => at.length,
    /** Milliseconds between one GET and the next, once there were as many. */
    pauses: (count: number) =>
      vi.waitFor(
        () => {
          const pauses = at.slice(1).map((time, n) => time - (at[n] as number));
          expect(pauses.length).toBeGreaterThanOrEqual(count);
          return pauses;
        },
        { timeout: 20_000 },
      ),
    async [Symbol.asyncDispose]() {
      await running.host.close();
      await bad.close();
    },
  };
}

/** Timers may be early by less than this. */
const EARLY = 20;

test.each([409, 429, 400, 404, 500])("refused once with %i, the standing stream is opened later, and heard", async (status) => {
  await using here = await standing((response, nth) => {
    if (nth === 1) return void response.writeHead(status).end();
    response.writeHead(200, events).write(": open\n\n");
  });
  // A server with a session that answers 404 to it has ended it: another begins, with a stream of its own.
  await vi.waitFor(() => expect(here.gets()).toBeGreaterThanOrEqual(2), { timeout: 5_000 });
});

test("what comes on a stream that was refused at first is heard", async () => {
  let lists = 0;
  await using here = await standing((response, nth) => {
    if (nth === 1) return void response.writeHead(409).end();
    response.writeHead(200, events).write(LOG);
  });
  lists = here.bad.requests.filter(({ message }) => message?.method === "tools/list").length;
  await vi.waitFor(
    () => expect(here.bad.requests.filter(({ message }) => message?.method === "tools/list").length).toBeGreaterThan(lists),
    { timeout: 5_000 },
  );
});

test("refused with 405 it is not asked for again", async () => {
  await using here = await standing((response) => void response.writeHead(405).end());
  const client = await RawHttp.open(here.running.url);
  // More than the first pause goes by while the client calls.
  const until = performance.now() + 1_500;
  while (performance.now() < until) expect((await client.call("ok")).result).toBeDefined();
  expect(here.gets()).toBe(1);
});

test.each(["", "retry: 0\n\n", "id: 1\nretry: 0\ndata:\n\n"])(
  "a stream that ends at once without a message (%j) is opened again no sooner than a second later",
  async (text) => {
    await using here = await standing((response) => void response.writeHead(200, events).end(text));
    for (const pause of await here.pauses(2)) expect(pause).toBeGreaterThan(1_000 - EARLY);
  },
);

test("the pauses grow while streams end at once, and begin anew after one that brought something", async () => {
  await using here = await standing((response, nth) => void response.writeHead(200, events).end(nth === 3 ? LOG : ""));
  const [first, second, third] = await here.pauses(3);
  expect(first).toBeGreaterThan(1_000 - EARLY);
  expect(second).toBeGreaterThan(2_000 - EARLY);
  expect(third).toBeLessThan(4_000 - EARLY); // which it would be otherwise, at least
});

test("a server that asks to be asked again at once is, after a stream that brought something", async () => {
  await using here = await standing((response, nth) => {
    if (nth > 20) return void response.writeHead(200, events).write(": open\n\n");
    response.writeHead(200, events).end(`id: ${nth}\nretry: 0\n${LOG}`);
  });
  await here.pauses(20);
  expect(here.bad.requests.filter(({ method }) => method === "GET").at(-1)?.headers["last-event-id"]).toBe("20");
});

test("the stream of a call that is let go of at once, again and again, is not asked for without a pause", async () => {
  const at: number[] = [];
  await using bad = await faulty((response) => void response.writeHead(200, events).end("id: 1\nretry: 0\ndata:\n\n"), {
    get: (response, _, { headers }) => {
      if (headers["last-event-id"] === undefined) return void response.writeHead(405).end();
      at.push(performance.now());
      const call = bad.calls()[0] as Message; // it is what is resumed
      response.writeHead(200, events).end(at.length < 3 ? "id: 2\ndata:\n\n" : `data: ${answerTo(call)}\n\n`);
    },
  });
  await using running = await startHost({ mcpServers: { bad: { url: bad.url } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("bad")).result.content[0].text).toBe("ok");
  expect(at).toHaveLength(3);
  expect((at[1] as number) - (at[0] as number)).toBeGreaterThan(1_000 - EARLY);
  expect((at[2] as number) - (at[1] as number)).toBeGreaterThan(1_000 - EARLY);
});

test.each([409, 429, 503])("the stream of a call that is refused with %i when it is resumed is asked for again", async (status) => {
  let resumed = 0;
  await using bad = await faulty((response) => void response.writeHead(200, events).end("id: 1\nretry: 10\ndata:\n\n"), {
    get: (response, _, { headers }) => {
      if (headers["last-event-id"] === undefined || ++resumed === 1)
        return void response.writeHead(headers["last-event-id"] === undefined ? 405 : status).end();
      response.writeHead(200, events).end(`data: ${answerTo(bad.calls()[0] as Message)}\n\n`); // it is what is resumed
    },
  });
  await using running = await startHost({ mcpServers: { bad: { url: bad.url } } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("bad")).result.content[0].text).toBe("ok");
  expect(resumed).toBe(2);
});
