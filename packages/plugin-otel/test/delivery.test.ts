import { createServer } from "node:net";
import type { Json } from "mcp-host";
import { FakeClock, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { Courier } from "../dist/delivery.js";
import { drawn, type Receiver, receiver, type Told, told, until } from "./receiver.ts";

/** Spans of pings alone, one each. */
const PLAIN = { ratio: 1, stages: false } as const;
const traces = ({ report }: Told): Json => report().traces as Json;
const pings = ({ spans }: Receiver): number => spans.filter(({ name }) => name === "ping").length;
const ping = async ({ client }: Told, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await client.request("ping");
};

describe("batches", () => {
  test("wait for others, until there are enough or the first has waited long enough", async () => {
    const clock = new FakeClock();
    await using it = await told({ traces: PLAIN, batch: { max: 4, delay: "5s" } }, { clock });
    await ping(it, 2); // and initialize
    expect(it.to.requests).toEqual([]);
    await ping(it, 1);
    await clock.advance(1);
    await until(() => expect(it.to.requests.map(({ items }) => items)).toEqual([4]));
    await ping(it, 1);
    await until(async () => {
      await clock.advance(5_000);
      expect(it.to.requests.map(({ items }) => items)).toEqual([4, 1]);
    });
  });

  test("are smaller on the way, with the headers of the options, and tell what they are of", async () => {
    await using it = await told({
      traces: PLAIN,
      compression: "gzip",
      headers: { "api-key": "a key of this test" },
      service: "gateway",
      resource: { "deployment.environment.name": "test" },
    });
    await ping(it, 1);
    await it.end();
    expect(it.to.requests[0]?.headers).toMatchObject({
      "content-encoding": "gzip",
      "content-type": "application/x-protobuf",
      "api-key": "a key of this test",
    });
    expect(it.to.resources[0]).toMatchObject({
      "service.name": "gateway",
      "deployment.environment.name": "test",
      "process.pid": process.pid,
    });
    expect(pings(it.to)).toBe(1);
  });

  test("that are taken in part are counted so, and the collector's words are in the log", async () => {
    await using it = await told({ traces: PLAIN, batch: { delay: "10ms" } });
    it.to.partial = { rejected: 1, errorMessage: "too old" };
    await ping(it, 1);
    await until(() => expect(traces(it)).toMatchObject({ dropped: { rejected: 1 } }));
    expect(it.host.log.find(({ message }) => message.startsWith("the collector has something to say"))).toMatchObject({
      reason: "too old",
      signal: "traces",
    });
  });
});

describe("a collector that does not take what it is sent", () => {
  test("now, and later does: it is sent again, and nothing is lost", async () => {
    await using it = await told({ traces: PLAIN, batch: { delay: "10ms" } });
    let refused = 0;
    it.to.refuse = (_, response) => {
      if (++refused > 2) return true;
      response.writeHead(503, { "retry-after": "0" }).end();
      return false;
    };
    await ping(it, 3);
    await until(() => expect(pings(it.to)).toBe(3));
    expect(refused).toBeGreaterThan(2);
    await until(() => expect(traces(it).failing).toBeUndefined());
    expect(traces(it)).toMatchObject({ dropped: {}, failures: 2 });
    expect(it.host.log.filter(({ message }) => message === "the collector did not take what it was sent")).toHaveLength(1);
  });

  test("ever: it is dropped and counted, and what comes next is tried", async () => {
    await using it = await told({ traces: PLAIN, batch: { delay: "10ms" } });
    it.to.refuse = (_, response) => {
      response.writeHead(400).end();
      return false;
    };
    await ping(it, 1);
    await until(() => expect(traces(it)).toMatchObject({ failing: "it answered with HTTP 400" }));
    it.to.refuse = undefined;
    await ping(it, 1);
    await until(() => expect(traces(it).failing).toBeUndefined());
    expect((traces(it).dropped as Json).refused).toBeGreaterThan(0);
    expect(pings(it.to)).toBeGreaterThan(0);
  });

  test("and sends elsewhere: it is not followed", async () => {
    await using other = await receiver();
    await using it = await told({ traces: PLAIN, batch: { delay: "10ms" } });
    it.to.refuse = (_, response) => {
      response.writeHead(307, { location: `${other.url}/v1/traces` }).end();
      return false;
    };
    await ping(it, 1);
    await until(() => expect(String(traces(it).failing)).toContain("redirects are not followed"));
    expect(other.requests).toEqual([]);
  });

  test("because it is gone: calls go on, after some tries the batch is dropped, and once it is back it is told again", async () => {
    const clock = new FakeClock();
    const free = createServer().listen(0, "127.0.0.1");
    await new Promise((listening) => free.once("listening", listening));
    const { port } = free.address() as { port: number };
    await new Promise((closed) => free.close(closed));
    await using it = await told({ endpoint: `http://127.0.0.1:${port}`, traces: PLAIN, batch: { delay: "1s" } }, { clock });
    await ping(it, 2);
    await until(async () => {
      await clock.advance(30_000);
      expect(traces(it)).toMatchObject({ exported: 0, dropped: { unreachable: 3 }, failing: "it cannot be reached (ECONNREFUSED)" });
    });
    expect(it.host.log.filter(({ message }) => message === "the collector did not take what it was sent").length).toBeLessThan(5);
    await ping(it, 1); // as ever
  });

  test("and does not answer: calls wait for nothing, the queue is bounded, and the rest is counted", async () => {
    await using it = await told({ traces: PLAIN, batch: { max: 2, queue: 10, delay: "10ms" }, shutdown: 0, timeout: "1m" });
    it.to.refuse = () => false;
    await ping(it, 50);
    await until(() => expect(traces(it).waiting).toBe(10));
    await ping(it, 20);
    const { dropped, waiting } = traces(it) as { dropped: Json; waiting: number };
    expect(waiting).toBe(10);
    expect(dropped.queue_full).toBeGreaterThan(50);
  });
});

test("what cannot be written is dropped and counted, and told once", async () => {
  const counted: unknown[] = [];
  const log: string[] = [];
  const courier = new Courier({
    collector: {} as never, // it is never asked
    encoder: () => Promise.reject(new Error("no encoder")),
    tally: { signal: "traces", dropped: (...given: unknown[]) => counted.push(given) } as never,
    notices: { warn: (message: string) => log.push(message) } as never,
    host: {} as never,
  });
  expect(await courier.bring([1, 2])).toBe("unwritable");
  expect(counted).toEqual([[2, "unwritable"]]);
  expect(log).toEqual(["what was to be told could not be written"]);
});

describe("the end of the host", () => {
  test("sends what is left", async () => {
    await using it = await told({ traces: PLAIN, batch: { max: 3, delay: "1m" } });
    await ping(it, 10);
    await it.end();
    expect(pings(it.to)).toBe(10);
  });

  test.each(["hangs", "refuses"])("takes no longer than it may where the collector %s", async (how) => {
    await using it = await told({ traces: PLAIN, shutdown: "200ms", timeout: "1m", batch: { delay: "1m" } });
    it.to.refuse = (_, response) => {
      if (how === "refuses") response.writeHead(503, { "retry-after": "60" }).end();
      return false;
    };
    await ping(it, 3);
    await it.end(); // the time of the test is the bound
    expect(pings(it.to)).toBe(0);
  });

  test("a reload that changes the plugin's entry loses nothing, and one that does not leaves it as it is", async () => {
    await using to = await receiver();
    await using it = await told({ traces: PLAIN, batch: { delay: "1m" } }, { to });
    await ping(it, 2);
    const entry = (service: string) => [
      "@host/plugin-otel",
      { endpoint: to.url, compression: "none", metrics: false, logs: false, service, traces: PLAIN, batch: { delay: "1m" } },
    ];
    await it.host.host.reload({ mcpServers: {}, plugins: [entry("other") as [string, Json]] });
    await until(() => expect(pings(to)).toBe(2));
    await ping(it, 3);
    await it.host.host.reload({ mcpServers: {}, plugins: [entry("other") as [string, Json]] });
    await it.end();
    expect(pings(to)).toBe(5);
    expect(new Set(to.resources.map((each) => each["service.name"]))).toEqual(new Set(["mcp-host", "other"]));
    expect(new Set(to.resources.map((each) => each["service.instance.id"])).size).toBe(2);
  });

  test("a call that is under way while a reload changes the plugin's entry is told whole", async () => {
    let finish: ((text: string) => void) | undefined;
    const answered = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const up = fakeUpstream({ tools: { wait: () => answered } });
    await using to = await receiver();
    await using it = await told({ traces: PLAIN, batch: { delay: "1m" } }, { to, up, config: { drain: 10_000 } });
    const call = it.client.callTool("wait");
    await up.until("tools/call");
    const entry: [string, Json] = [
      "@host/plugin-otel",
      { endpoint: to.url, compression: "none", metrics: false, logs: false, service: "other", traces: PLAIN },
    ];
    await it.host.host.reload({ mcpServers: { up: { transport: up.transport } }, drain: 10_000, plugins: [entry] });
    finish?.("late");
    await call;
    await it.end();
    expect(drawn(to.spans.filter(({ name }) => name.startsWith("tools/call")))).toEqual([
      "SERVER tools/call wait",
      "  CLIENT tools/call wait",
    ]);
  });
});
