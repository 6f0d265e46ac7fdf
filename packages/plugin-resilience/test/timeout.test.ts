import { resilience } from "@host/plugin-resilience";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { pass, settle, stopClocks } from "./clock.ts";

beforeAll(stopClocks);
afterAll(() => void vi.useRealTimers());

const off = { retry: false, breaker: false, bulkhead: false } as const;

/** A host over an upstream whose tools answer when the test says so. */
async function world(options: Parameters<typeof resilience>[0], server: object = {}) {
  let answer: (text: string) => void = () => {};
  let progress: (value: number) => void = () => {};
  const tool = (_: unknown, context: { progress(value: number): void }): Promise<string> => {
    progress = (value) => context.progress(value);
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  const fake = fakeUpstream({ tools: { slow: tool, slower: tool }, prompts: { hello: { get: tool } } });
  const running = await createTestHost({ plugins: [resilience(options)], upstreams: { up: { transport: fake.transport, ...server } } });
  await running.host.known(1_000);
  return Object.assign(running, { fake, answer: (text: string) => answer(text), progress: (value: number) => progress(value) });
}

/** What has come of a promise by now. */
function watched<T>(promise: Promise<T>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: "pending" };
  promise.then(
    (value) => Object.assign(seen, { outcome: value }),
    (error: unknown) => Object.assign(seen, { outcome: error }),
  );
  return seen;
}

test("a silent upstream is given up and told, and a late answer is dropped", async () => {
  await using host = await world({ defaults: { ...off, timeout: { idle: "5s" } } });
  const call = watched(host.client.callTool("slow"));
  await pass(4_998);
  expect(call.outcome).toBe("pending");
  await pass(2);
  expect(call.outcome).toMatchObject({
    code: -31505,
    message: 'upstream "up" did not answer within 5000 ms; the call may or may not have run',
    data: { type: "upstream_timeout", upstream: "up", sent: "unknown" },
  });
  await settle();
  expect(host.fake.notifications.map(({ method }) => method)).toContain("notifications/cancelled");
});

test("progress starts the silence anew, up to the total", async () => {
  await using host = await world({ defaults: { ...off, timeout: { idle: "5s", total: "12s" } } });
  const call = watched(host.client.callTool("slow", {}, { onProgress() {} }));
  for (const step of [1, 2, 3]) {
    await pass(3_500);
    expect(call.outcome).toBe("pending");
    host.progress(step);
    await settle();
  }
  await pass(1_500);
  expect(call.outcome).toMatchObject({ message: expect.stringContaining("did not answer within 12000 ms") });
});

test("an answer in time is the answer", async () => {
  await using host = await world({ defaults: { ...off, timeout: { idle: "5s" } } });
  const call = host.client.callTool("slow");
  await pass(4_000);
  host.answer("in time");
  expect(await call).toMatchObject({ content: [{ text: "in time" }] });
  await pass(100_000);
  expect(host.log.filter(({ level }) => level === "error")).toEqual([]);
});

test("a tool's own limits go before its server's, and may be longer than the host's", async () => {
  await using host = await world(
    {
      defaults: off,
      servers: { up: { timeout: { idle: "2s" } } },
      tools: [{ match: ["up:slower"], timeout: { idle: "90s", total: "20m" } }],
    },
    { timeout: 10_000, maxTimeout: 30_000 },
  );
  const short = watched(host.client.callTool("slow"));
  await pass(2_000);
  expect(short.outcome).toMatchObject({ data: { type: "upstream_timeout" } });
  const long = watched(host.client.callTool("slower"));
  await pass(89_000);
  expect(long.outcome).toBe("pending");
  host.answer("at last");
  await settle();
  expect(long.outcome).toMatchObject({ content: [{ text: "at last" }] });
});

test("a send that timed out leaves time for a retry of a read, and for the fallback of a tool", async () => {
  await using host = await world({
    defaults: { ...off, retry: {}, timeout: { idle: "5s" } },
    tools: [{ match: ["slow"], fallback: { text: "instead" } }],
  });
  const read = watched(host.client.getPrompt("hello"));
  await pass(5_000);
  await pass(100);
  await host.fake.until("prompts/get", 2);
  host.answer("the second time");
  await settle();
  expect(read.outcome).toMatchObject({ messages: [{ content: { text: "the second time" } }] });

  const call = watched(host.client.callTool("slow"));
  await pass(5_000);
  expect(call.outcome).toMatchObject({
    content: [{ text: "instead" }],
    _meta: { "io.mcp-host/fallback": { reason: "upstream_timeout", sent: "unknown" } },
  });
});

test("a fallback brings the limits of its server along", async () => {
  await using host = await world({ defaults: off, tools: [{ match: ["slow"], fallback: { text: "instead" } }] }, { timeout: 3_000 });
  const call = watched(host.client.callTool("slow"));
  await pass(3_000);
  expect(call.outcome).toMatchObject({ content: [{ text: "instead" }] });
});

test("timeouts in a row open the breaker", async () => {
  await using host = await world({ defaults: { ...off, breaker: { consecutive: 2 }, timeout: { idle: "1s" } } });
  for (let calls = 0; calls < 2; calls++) {
    const call = watched(host.client.callTool("slow"));
    await pass(1_000);
    expect(call.outcome).toMatchObject({ data: { type: "upstream_timeout" } });
  }
  await expect(host.client.callTool("slow")).rejects.toMatchObject({ data: { type: "circuit_open" } });
});

test("a call that was given up while its server was being connected is not sent when that is done", async () => {
  const fake = fakeUpstream({ tools: { slow: () => "too late" } });
  let open: () => void = () => {};
  let gate: Promise<void> | undefined;
  const transport = async () => {
    await gate;
    return fake.transport();
  };
  await using host = await createTestHost({
    plugins: [resilience({ defaults: { ...off, timeout: { idle: "1s" } } })],
    upstreams: { up: { transport, start: "lazy" } },
  });
  await host.client.listTools();
  gate = new Promise((resolve) => {
    open = resolve;
  });
  fake.fail("down");
  await settle();
  fake.fail(undefined);
  const call = watched(host.client.callTool("slow"));
  await pass(1_000);
  expect(call.outcome).toMatchObject({
    message: 'upstream "up" did not answer within 1000 ms; nothing was sent',
    data: { type: "upstream_timeout", sent: "no" },
  });
  open();
  await settle();
  expect(fake.connections).toBe(1);
  expect(fake.received("tools/call")).toEqual([]);
});
