import type { Config } from "mcp-host";
import { definePlugin, type Handler } from "mcp-host";
import { createTestHost, type FakeContext, type FakeUpstream, fakeUpstream, type TestHost } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import { httpProcess, startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** Where a server with `concurrency: 1` is, for each wire; and how it is left. */
const WIRES: Record<string, () => Promise<{ server: object; stop?: () => Promise<void> }>> = {
  stdio: async () => ({ server: upstream() }),
  http: async () => {
    const { url, stop } = await httpProcess("upstream", ["http"]);
    return { server: { url }, stop };
  },
};

/** Which call it was to reach the server, of those that were answered. */
const numberOf = ({ result }: { result?: { structuredContent?: { payload?: string } } }): string | undefined =>
  result?.structuredContent?.payload?.split("/")[2];

test.each(Object.keys(WIRES))("calls wait in the order in which they came, and one that is cancelled never leaves: %s", async (wire) => {
  const { server, stop } = await (WIRES[wire] as () => ReturnType<(typeof WIRES)[string]>)();
  const mcpServers = { one: { ...server, concurrency: 1 } } as Config["mcpServers"];
  {
    await using running = await startHost({ mcpServers });
    const waiting = (): number | undefined => running.host.status().upstreams[0]?.waiting;
    const first = await RawHttp.open(running.url);
    const second = await RawHttp.open(running.url);
    const cancel = (requestId: string) =>
      first.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId, reason: "enough" } });
    const held = first.call("slow", {}, { id: "held" }).catch(() => {});
    await vi.waitFor(() => expect(running.host.stats().upstreams[0]?.inFlight).toBe(1));
    const calls: Promise<object | undefined>[] = [];
    for (const [index, client] of [first, second, first, second].entries()) {
      calls.push(client.call("echo", {}, { id: `call ${index}` }).catch(() => undefined));
      await vi.waitFor(() => expect(waiting()).toBe(index + 1));
    }
    expect(running.host.stats().upstreams[0]).toMatchObject({ inFlight: 1, waiting: 4 });
    await cancel("call 2");
    await vi.waitFor(() => expect(waiting()).toBe(3));
    // What steers work that is under way does not wait behind it.
    const { resources } = (await first.ask("resources/list")).result;
    expect((await first.ask("resources/subscribe", { uri: resources[0].uri })).error).toBeUndefined();
    await cancel("held");
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => answer && numberOf(answer))).toEqual(["1", "2", undefined, "3"]);
    await held;
    expect(waiting()).toBe(0);
  }
  await stop?.();
});

test("a call whose time is up leaves, and nothing was sent", async () => {
  const { url, stop } = await httpProcess("upstream", ["http"]);
  {
    await using running = await startHost({ mcpServers: { one: { url, concurrency: 1, timeout: "300ms" } } });
    const client = await RawHttp.open(running.url, { capabilities: { elicitation: {} } });
    // A question to a person stops the clock of its call, so that only the other is late.
    const asking = client.call("elicit", {}, { id: "asks" }).catch(() => {});
    await vi.waitFor(() => expect(running.host.stats().upstreams[0]?.inFlight).toBe(1));
    const { error } = await client.call("echo");
    expect(error).toMatchObject({
      message: expect.stringContaining(
        'has as many calls in flight as its "concurrency" allows (1), and the turn of this one did not come within 300 ms',
      ),
      data: { type: "overloaded", sent: "no", retryable: true, upstream: "one" },
    });
    expect(running.host.status().upstreams[0]?.waiting).toBe(0);
    await client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "asks" } });
    await asking;
    expect(numberOf(await client.call("echo"))).toBe("1");
  }
  await stop();
});

/** A server in memory whose tool `hold` answers when it is let go, and whose tool `quick` does at once. */
function holding(): { fake: FakeUpstream; letGo: () => void; called: () => unknown[] } {
  const held: (() => void)[] = [];
  const fake = fakeUpstream({
    tools: {
      hold: (_, { signal }: FakeContext) =>
        new Promise((resolve, reject) => {
          held.push(() => resolve("let go"));
          signal.addEventListener("abort", () => reject(new Error("cancelled")));
        }),
      quick: () => "done",
      fails: () => {
        throw new Error("no");
      },
    },
    resources: { "test://a": { read: () => "text" } },
  });
  const called = (): unknown[] => fake.received("tools/call").map(({ name }) => name);
  return { fake, letGo: () => held.shift()?.(), called };
}

const waitingAt = ({ host }: TestHost): number | undefined => host.status().upstreams[0]?.waiting;

describe("in process", () => {
  test("as many calls as it says are under way at once, of whatever method", async () => {
    const { fake, letGo, called } = holding();
    await using test = await createTestHost({ upstreams: { one: { transport: fake.transport, concurrency: 2 } } });
    const calls = [test.client.callTool("hold"), test.client.callTool("hold"), test.client.callTool("quick")];
    const read = test.client.request("resources/read", { uri: "test://a" });
    await fake.until("tools/call", 2);
    await vi.waitFor(() => expect(waitingAt(test)).toBe(2));
    letGo();
    await Promise.all([calls[2], read]);
    expect(called()).toEqual(["hold", "hold", "quick"]);
    letGo();
    await Promise.all(calls);
    expect(waitingAt(test)).toBe(0);
  });

  test("a part of a call with a time limit of its own leaves when that is over", async () => {
    const { fake, letGo, called } = holding();
    const impatient = definePlugin({
      name: "impatient",
      host: "^1.0.0",
      apply({ hooks }) {
        const soon = { timeout: 30, maxTimeout: 30 };
        hooks.call.for("tools/call").tap("impatient", (next): Handler => {
          return (exchange) => (exchange.params.name === "quick" ? exchange.within(soon, next) : next(exchange));
        });
      },
    });
    await using test = await createTestHost({
      plugins: [impatient()],
      upstreams: { one: { transport: fake.transport, concurrency: 1 } },
    });
    const held = test.client.callTool("hold");
    await fake.until("tools/call");
    await expect(test.client.callTool("quick")).rejects.toMatchObject({ rpc: { data: { type: "overloaded", sent: "no" } } });
    letGo();
    await held;
    await test.client.request("resources/read", { uri: "test://a" });
    expect(called()).toEqual(["hold"]);
  });

  test("more than may wait are refused at once", async () => {
    const { fake, letGo } = holding();
    await using test = await createTestHost({
      config: { limits: { waitingPerUpstream: 1 } },
      upstreams: { one: { transport: fake.transport, concurrency: 1 } },
    });
    const held = test.client.callTool("hold");
    await fake.until("tools/call");
    const waits = test.client.callTool("quick");
    await vi.waitFor(() => expect(waitingAt(test)).toBe(1));
    await expect(test.client.callTool("quick")).rejects.toMatchObject({
      message: expect.stringContaining("and 1 that wait; nothing was sent"),
      rpc: { data: { type: "overloaded", sent: "no", upstream: "one" } },
    });
    letGo();
    await Promise.all([held, waits]);
  });

  test("whatever comes of a call, the next has its turn", async () => {
    const { fake } = holding();
    await using test = await createTestHost({ upstreams: { one: { transport: fake.transport, concurrency: 1, timeout: "200ms" } } });
    const quick = () => test.client.callTool("quick");
    const answered = quick();
    await quick();
    await answered;
    await test.client.callTool("fails");
    for (const fault of [{ error: { code: -32000, message: "no" } }, "hang", "garbage", "disconnect"] as const) {
      fake.fail(fault);
      await Promise.allSettled([quick(), quick()]);
      fake.fail(undefined);
      await vi.waitFor(quick);
    }
    const leaves = await test.connect();
    const before = fake.received("tools/call").length;
    const left = Promise.allSettled([leaves.callTool("hold"), leaves.callTool("hold")]);
    await fake.until("tools/call", before + 1);
    await vi.waitFor(() => expect(waitingAt(test)).toBe(1));
    await leaves.close();
    await left;
    await quick();
    expect(fake.received("tools/call").slice(before)).toMatchObject([{ name: "hold" }, { name: "quick" }]);
    expect(waitingAt(test)).toBe(0);
  });

  test("what a plugin answered while its call waited is not sent", async () => {
    const { fake, letGo, called } = holding();
    const hasty = definePlugin({
      name: "hasty",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.call.for("tools/call").tap("hasty", (next): Handler => {
          return (exchange) => {
            const sent = next(exchange);
            if (exchange.params.name !== "quick") return sent;
            sent.catch(() => {});
            return Promise.resolve({ content: [] });
          };
        });
      },
    });
    await using test = await createTestHost({ plugins: [hasty()], upstreams: { one: { transport: fake.transport, concurrency: 1 } } });
    const held = test.client.callTool("hold");
    await fake.until("tools/call");
    expect(await test.client.callTool("quick")).toEqual({ content: [] });
    letGo();
    await held;
    await test.client.request("resources/read", { uri: "test://a" });
    expect(called()).toEqual(["hold"]);
  });

  test("calls that wait go through a reload, and one that changes the number lets them finish", async () => {
    const { fake, letGo, called } = holding();
    const server = { transport: fake.transport, concurrency: 1 };
    await using test = await createTestHost({ upstreams: { one: server } });
    const calls = [test.client.callTool("hold"), test.client.callTool("hold")];
    await vi.waitFor(() => expect(waitingAt(test)).toBe(1));
    await test.host.reload({ drain: 0, mcpServers: { one: server, other: { transport: fakeUpstream().transport } } });
    expect(waitingAt(test)).toBe(1);
    await test.host.reload({ drain: 0, mcpServers: { one: { ...server, concurrency: 2 } } });
    letGo();
    await fake.until("tools/call", 2);
    letGo();
    await Promise.all(calls);
    expect(called()).toEqual(["hold", "hold"]);
  });
});
