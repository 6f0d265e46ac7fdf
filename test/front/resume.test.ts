import type { Config } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { eventsOf, resume, type SentEvent, untilMessages } from "../harness/events.ts";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { bearer, type Incoming, WireClient } from "../harness/wire.ts";

interface Job {
  step(progress: number, text?: string): void;
  finish(): void;
}

/** A server with one tool, whose calls do what the test says. */
function jobs(): { server: ReturnType<typeof fakeUpstream>; job(name: string): Promise<Job> } {
  const running = new Map<string, Job>();
  const server = fakeUpstream({
    tools: {
      job: ({ name }, { progress }) =>
        new Promise((finish) =>
          running.set(String(name), { step: (n, text) => progress(n, undefined, text), finish: () => finish({ name }) }),
        ),
      ask: async (_, { ask }) => ask("elicitation/create", { message: "Well?" }),
    },
  });
  return { server, job: (name) => vi.waitFor(() => running.get(name) ?? Promise.reject(new Error(`${name} has not begun`))) };
}

/** Begins a call whose answer is a stream from the start. */
function call(client: WireClient, name: string): Promise<Incoming> {
  const params = { name: "job", arguments: { name }, _meta: { progressToken: name } };
  return client.open({ headers: { accept: "text/event-stream, application/json" }, body: client.body("tools/call", params) });
}

type Listen = NonNullable<Parameters<typeof startHost>[0]["listen"]>;

async function startJobs(listen: Listen = {}, more: Omit<Config, "listen" | "mcpServers"> = {}) {
  const { server, job } = jobs();
  const host = await startHost({ mcpServers: { up: { transport: server.transport } }, listen, drain: 0, ...more });
  return { host, server, job, [Symbol.asyncDispose]: () => host.host.close() };
}

const stepsOf = (events: readonly SentEvent[]): number[] => events.flatMap(({ message }) => message?.params?.progress ?? []);
const lastId = (events: readonly SentEvent[]): string => events.findLast(({ id }) => id !== undefined)?.id ?? "";
const answerOf = (events: readonly SentEvent[]): Message | undefined =>
  events.find(({ message }) => message && message.method === undefined)?.message?.result?.structuredContent;

const inFlight = ({ host }: TestHost): number => host.status().inFlight;

describe("a call whose connection breaks", () => {
  test("goes on, and the client that comes back gets what it missed, once, and then what is new", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const stream = await call(client, "a");
    const job = await running.job("a");
    job.step(1);
    job.step(2);
    const before = await untilMessages(stream, 2);
    stream.leave();
    await stream.ended;
    job.step(3);
    job.step(4);
    const again = await resume(client, lastId(before));
    expect([again.status, again.headers["content-type"]]).toEqual([200, "text/event-stream"]);
    await untilMessages(again, 2);
    job.step(5);
    job.finish();
    await again.ended;
    const after = eventsOf(again.text());
    expect([...stepsOf(before), ...stepsOf(after)]).toEqual([1, 2, 3, 4, 5]);
    expect(answerOf(after)).toEqual({ name: "a" });
    // What comes first on a connection says where it goes on.
    expect(after[0]).toEqual({ id: lastId(before), retry: 1_000, message: undefined });
    const ids = [...before, ...after.slice(1)].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    // It may come back with any id that it saw; with the last one, nothing is left and it need not come again.
    const [, second] = before;
    const whole = await resume(client, second?.id);
    await whole.ended;
    expect(stepsOf(eventsOf(whole.text()))).toEqual([2, 3, 4, 5]);
    const over = await resume(client, lastId(after));
    await over.ended;
    expect([over.status, over.text()]).toEqual([204, ""]);
  });

  test("that is over before the client comes back has its answer kept", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const stream = await call(client, "a");
    const job = await running.job("a");
    const [primed] = await vi.waitFor(() => (stream.text() ? eventsOf(stream.text()) : Promise.reject(new Error("nothing came"))));
    expect(primed).toEqual({ id: expect.stringMatching(/^[\w-]{12}\.0$/), retry: 1_000, message: undefined });
    stream.leave();
    job.finish();
    await vi.waitFor(() => expect(inFlight(running.host)).toBe(0));
    const again = await resume(client, primed?.id);
    await again.ended;
    expect(answerOf(eventsOf(again.text()))).toEqual({ name: "a" });
  });

  test("is resumed while the host does not know yet that the connection broke", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const stream = await call(client, "a");
    const job = await running.job("a");
    job.step(1);
    const before = await untilMessages(stream, 1);
    const again = await resume(client, lastId(before));
    await stream.ended; // the old connection is ended for the new one
    job.step(2);
    job.finish();
    await again.ended;
    expect([stepsOf(eventsOf(stream.text())), stepsOf(eventsOf(again.text()))]).toEqual([[1], [2]]);
  });

  test("is read at the client's pace when it comes back to more than its queue holds", async () => {
    await using running = await startJobs({}, { limits: { clientQueueBytes: "64kb" } });
    const client = await WireClient.connect(running.host.url);
    const stream = await call(client, "a");
    const job = await running.job("a");
    job.step(1);
    const before = await untilMessages(stream, 1);
    stream.leave();
    await stream.ended;
    const text = "x".repeat(100_000);
    for (let n = 2; n <= 50; n++) job.step(n, text);
    job.finish();
    await vi.waitFor(() => expect(inFlight(running.host)).toBe(0));
    const again = await resume(client, lastId(before));
    await again.ended;
    expect(stepsOf(eventsOf(again.text()))).toEqual(Array.from({ length: 49 }, (_, n) => n + 2));
    expect(answerOf(eventsOf(again.text()))).toEqual({ name: "a" });
  });

  test("is none of those whose answer is plain JSON: they have no ids and nothing is kept", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const answer = client.request("tools/call", { name: "job", arguments: { name: "a" } });
    (await running.job("a")).finish();
    expect((await answer).headers["content-type"]).toBe("application/json");
  });
});

describe("an event id", () => {
  test("is of one stream: nothing of another one comes", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const [left, right] = await Promise.all([call(client, "left"), call(client, "right")]);
    const [one, other] = await Promise.all([running.job("left"), running.job("right")]);
    one.step(1);
    other.step(101);
    const [before, others] = await Promise.all([untilMessages(left, 1), untilMessages(right, 1)]);
    for (const stream of [left, right]) stream.leave();
    await Promise.all([left.ended, right.ended]);
    for (const n of [2, 3]) {
      one.step(n);
      other.step(100 + n);
    }
    const [back, backToo] = await Promise.all([resume(client, lastId(before)), resume(client, lastId(others))]);
    one.finish();
    other.finish();
    await Promise.all([back.ended, backToo.ended]);
    expect([stepsOf(eventsOf(back.text())), stepsOf(eventsOf(backToo.text()))]).toEqual([
      [2, 3],
      [102, 103],
    ]);
    expect([answerOf(eventsOf(back.text())), answerOf(eventsOf(backToo.text()))]).toEqual([{ name: "left" }, { name: "right" }]);
  });

  test("of another session or principal is answered like an unknown one, and its stream goes on", async () => {
    await using running = await startJobs({}, { plugins: [bearer()] });
    const as = (name: string) => WireClient.connect(running.host.url, { headers: { authorization: `Bearer ${name}` } });
    const [owner, second, stranger] = await Promise.all([as("alice"), as("alice"), as("bob")]);
    const stream = await call(owner, "a");
    const job = await running.job("a");
    job.step(1);
    const events = await untilMessages(stream, 1);
    const attempt = async (client: WireClient, id: string) => {
      const { status, ended, messages } = await resume(client, id);
      await ended;
      return { status, body: messages() };
    };
    for (const thief of [second, stranger]) {
      const refused = await attempt(thief, lastId(events));
      expect(refused).toMatchObject({ status: 404, body: [{ error: { data: { type: "event_not_found" } } }] });
      for (const unknown of ["", "x", "AAAAAAAAAAAA.0", `${lastId(events)}0`, "-1", lastId(events).replace(/\d+$/, "999")])
        expect(await attempt(thief, unknown)).toEqual(refused);
    }
    // With the owner's session id it is the session that is unknown.
    stranger.headers["mcp-session-id"] = owner.session;
    expect(await attempt(stranger, lastId(events))).toMatchObject({
      status: 404,
      body: [{ error: { data: { type: "session_not_found" } } }],
    });
    job.step(2);
    job.finish();
    await stream.ended;
    expect(stepsOf(eventsOf(stream.text()))).toEqual([1, 2]);
  });

  test("that is unknown never begins from the start, not even for the owner", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const stream = await call(client, "a");
    const job = await running.job("a");
    job.step(1);
    const events = await untilMessages(stream, 1);
    for (const id of ["", "0", lastId(events).replace(/\d+$/, "2"), `${lastId(events)}x`]) {
      const { status, ended } = await resume(client, id);
      await ended;
      expect([id, status]).toEqual([id, 404]);
    }
    job.finish();
    await stream.ended;
    expect(answerOf(eventsOf(stream.text()))).toEqual({ name: "a" });
    // With the session its streams are gone.
    await client.ask({ method: "DELETE" });
    expect((await resume(client, lastId(events))).status).toBe(404);
  });
});

describe("what is kept", () => {
  /** Makes events 1 to `count` after which the client left, and gives the ids of all events that it saw before: the first, without data, and event 0. */
  async function left(running: Awaited<ReturnType<typeof startJobs>>, client: WireClient, name: string, count: number, text?: string) {
    const stream = await call(client, name);
    const job = await running.job(name);
    job.step(0, text);
    const seen = await untilMessages(stream, 1);
    stream.leave();
    await stream.ended;
    for (let n = 1; n <= count; n++) job.step(n, text);
    return { job, id: lastId(seen), idOf: (n: number) => lastId(seen).replace(/\d+$/, String(n + 1)) };
  }

  const statusOf = async (client: WireClient, id: string): Promise<number> => {
    const answer = await resume(client, id);
    answer.leave();
    await answer.ended;
    return answer.status;
  };

  test("is the last `count` events of a stream", async () => {
    await using running = await startJobs({ resume: { count: 3 } });
    const client = await WireClient.connect(running.host.url);
    const { job, id, idOf } = await left(running, client, "a", 5);
    await vi.waitFor(async () => expect(await statusOf(client, idOf(5))).toBe(200));
    expect(await Promise.all([statusOf(client, id), statusOf(client, idOf(1))])).toEqual([404, 404]);
    const again = await resume(client, idOf(2));
    job.finish();
    await again.ended;
    expect(stepsOf(eventsOf(again.text()))).toEqual([3, 4, 5]);
  });

  test("is `bytes` of a stream, and what alone is larger reaches a client that is there all the same", async () => {
    await using running = await startJobs({ resume: { bytes: "10kb" } });
    const client = await WireClient.connect(running.host.url);
    const { idOf } = await left(running, client, "a", 6, "x".repeat(3_000));
    await vi.waitFor(async () => expect(await statusOf(client, idOf(6))).toBe(200));
    expect(await Promise.all([3, 2].map((n) => statusOf(client, idOf(n))))).toEqual([200, 404]);
    const stream = await call(client, "large");
    const job = await running.job("large");
    job.step(1, "x".repeat(20_000));
    job.step(2);
    const events = await untilMessages(stream, 2);
    expect(stepsOf(events)).toEqual([1, 2]);
    job.finish();
    await stream.ended;
  });

  test.each([
    ["totalCount", { totalCount: 6 }],
    ["totalBytes", { totalBytes: "20kb" }],
  ] as const)("is at most `%s` of all streams together, and the oldest events make room", async (_, bounds) => {
    await using running = await startJobs({ resume: bounds });
    const client = await WireClient.connect(running.host.url);
    const text = "x".repeat(3_000);
    const first = await left(running, client, "first", 4, text);
    await vi.waitFor(async () => expect(await statusOf(client, first.idOf(4))).toBe(200));
    expect(await statusOf(client, first.id)).toBe(200);
    const second = await left(running, client, "second", 3, text);
    await vi.waitFor(async () => expect(await statusOf(client, second.idOf(3))).toBe(200));
    expect(await statusOf(client, second.id)).toBe(200);
    expect(await statusOf(client, first.id)).toBe(404);
    expect(await statusOf(client, first.idOf(4))).toBe(200);
  });

  test("is no older than `age`, and a stream that is over goes with its last event", async () => {
    await using running = await startJobs({ resume: { age: "200ms" } });
    const client = await WireClient.connect(running.host.url);
    const { job, id, idOf } = await left(running, client, "a", 2);
    await vi.waitFor(async () => expect(await statusOf(client, id)).toBe(404));
    // The call goes on, so its last event can be followed still.
    expect(await statusOf(client, idOf(2))).toBe(200);
    job.finish();
    await vi.waitFor(() => expect(inFlight(running.host)).toBe(0));
    await vi.waitFor(async () => expect(await statusOf(client, idOf(2))).toBe(404));
  });

  test("is nothing with `resume: false`", async () => {
    await using running = await startJobs({ resume: false });
    const client = await WireClient.connect(running.host.url);
    const stream = await call(client, "a");
    const job = await running.job("a");
    job.step(1);
    job.finish();
    await stream.ended;
    const events = eventsOf(stream.text());
    expect([events.length, events.map(({ id }) => id)]).toEqual([2, [undefined, undefined]]);
  });
});

describe("polling", () => {
  test("a stream that is held for long is closed, and the client comes back until the answer is there", async () => {
    await using running = await startJobs({ resume: { hold: "50ms", retry: "30ms" } });
    const client = await WireClient.connect(running.host.url);
    let stream = await call(client, "a");
    const job = await running.job("a");
    const all: SentEvent[] = [];
    for (let round = 1; round <= 4; round++) {
      await stream.ended;
      const events = eventsOf(stream.text());
      expect(events[0]).toMatchObject({ retry: 30, message: undefined });
      all.push(...events);
      if (round < 4) job.step(round);
      else job.finish();
      stream = await resume(client, lastId(events));
    }
    await stream.ended;
    all.push(...eventsOf(stream.text()));
    expect([stepsOf(all), answerOf(all)]).toEqual([[1, 2, 3], { name: "a" }]);
  });

  test("the SDK's client does so by itself", async () => {
    await using running = await startJobs({ resume: { hold: "40ms", retry: "20ms" } });
    const client = sdkClient();
    await client.connect(httpTransport(running.host.url));
    const steps: number[] = [];
    const answer = client.callTool({ name: "job", arguments: { name: "a" } }, undefined, {
      onprogress: ({ progress }) => void steps.push(progress),
    });
    const job = await running.job("a");
    for (const n of [1, 2, 3, 4]) {
      job.step(n);
      await vi.waitFor(() => expect(steps).toContain(n));
      const before = performance.now();
      await vi.waitFor(() => expect(performance.now() - before).toBeGreaterThan(60)); // closed meanwhile
    }
    job.finish();
    expect((await answer).structuredContent).toEqual({ name: "a" });
    expect(steps).toEqual([1, 2, 3, 4]);
    await client.close();
  });

  test("clients of older versions are told no empty events, and their streams are not closed", async () => {
    await using running = await startJobs({ resume: { hold: "20ms" } });
    const client = await WireClient.connect(running.host.url, { version: "2025-06-18" });
    const stream = await call(client, "a");
    const job = await running.job("a");
    const others = await WireClient.connect(running.host.url);
    await (await call(others, "b")).ended; // a newer client's stream, opened later, was closed
    job.step(1);
    const before = await untilMessages(stream, 1);
    expect(before).toMatchObject([{ id: expect.stringMatching(/\.0$/), retry: undefined }]);
    stream.leave();
    await stream.ended;
    job.step(2);
    job.finish();
    // They can come back all the same.
    const again = await resume(client, lastId(before));
    await again.ended;
    const after = eventsOf(again.text());
    expect([stepsOf(after), answerOf(after), after.length]).toEqual([[2], { name: "a" }, 2]);
  });

  test("a request that is cancelled leaves nothing to come back for", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const body = client.body("tools/call", { name: "job", arguments: { name: "a" }, _meta: { progressToken: "a" } }, "mine");
    const stream = await client.open({ headers: { accept: "text/event-stream, application/json" }, body });
    (await running.job("a")).step(1);
    const events = await untilMessages(stream, 1);
    await client.notify("notifications/cancelled", { requestId: "mine" });
    await stream.ended;
    expect((await resume(client, lastId(events))).status).toBe(204);
  });
});

describe("the standing stream", () => {
  test("is resumed with what was said meanwhile, once, and goes on", async () => {
    await using running = await startJobs();
    const client = await WireClient.connect(running.host.url);
    const stream = await client.open({ method: "GET" });
    running.server.set({ tools: { one: () => "1" } });
    const before = await untilMessages(stream, 1);
    stream.leave();
    await stream.ended;
    running.server.set({ prompts: { p: { get: () => "p" } } });
    const again = await resume(client, lastId(before));
    await untilMessages(again, 1);
    running.server.set({ tools: { two: () => "2" } });
    const after = await untilMessages(again, 2);
    const methods = [...before, ...after].flatMap(({ message }) => message?.method ?? []);
    expect(methods).toEqual(["tools", "prompts", "tools"].map((list) => `notifications/${list}/list_changed`));
    // One that is opened without an id begins anew, and takes the place of the one that is open.
    const fresh = await client.open({ method: "GET" });
    await again.ended;
    expect((await resume(client, lastId(after))).status).toBe(404);
    fresh.leave();
  });

  test("of a client that is away keeps notifications, but takes no question", async () => {
    const { server } = jobs();
    await using host = await startHost({ mcpServers: { up: { transport: server.transport, isolation: "session" } } });
    const client = await WireClient.connect(host.url);
    await client.request("tools/list"); // its own connection is up
    const stream = await client.open({ method: "GET" });
    server.notify("notifications/vendor/hello", { n: 1 });
    const before = await untilMessages(stream, 1);
    stream.leave();
    await stream.ended;
    const away = await vi.waitFor(async () => {
      server.notify("notifications/vendor/hello", { n: 2 });
      return (await client.request("ping")).json;
    });
    expect(away.result).toEqual({});
    const again = await resume(client, lastId(before));
    const after = await untilMessages(again, 1);
    const numbers = after.flatMap(({ message }) => message?.params?.n ?? []);
    expect([...new Set(numbers)]).toEqual([2]);
    again.leave();
  });
});
