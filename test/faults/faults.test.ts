import { readFileSync } from "node:fs";
import { join } from "node:path";
import { definePlugin, type Host, type UpstreamStatus } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { MARKER, ownMarker, survivors } from "../harness/census.ts";
import { hostile, httpProcess, startHost, temporary, upstream } from "../harness/hosts.ts";
import { keepCalling } from "../harness/neighbour.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** Errors of the table by type. */
const CODES = {
  upstream_lost: -31506,
  upstream_protocol: -31502,
  upstream_timeout: -31505,
  payload_too_large: -31413,
} as const;

/** The error that a fault must give: its type and what is known of the call. */
type Expected = readonly [type: keyof typeof CODES, sent: "no" | "unknown" | "yes"];

/** The first connection of an upstream, as `status` shows it. */
function connectionOf(host: Host, name: string): UpstreamStatus["connections"][number] | undefined {
  return host.status().upstreams.find((one) => one.name === name)?.connections[0];
}

/** A host with a good upstream and a hostile one, and two clients: one that calls the good one all the time. */
async function beside(wire: "stdio" | "http", mode: string, settings: Record<string, unknown> = {}) {
  const marker = ownMarker();
  const process = wire === "http" ? await httpProcess("hostile", [mode, "http"]) : undefined;
  const config = process ? { url: process.url } : { ...hostile(mode), env: { [MARKER]: marker } };
  const running = await startHost({
    mcpServers: { good: upstream({ name: "good", only: ["echo"] }), bad: { ...config, ...settings } },
    drain: "200ms",
  });
  const [client, other] = await Promise.all([RawHttp.open(running.url), RawHttp.open(running.url)]);
  const neighbour = keepCalling(other);
  return {
    host: running.host,
    logs: running.logs,
    url: running.url,
    client,
    neighbour,
    marker,
    status: () => connectionOf(running.host, "bad"),
    /** What the neighbour saw; every call of it must have been answered as if nothing had happened. */
    async unnoticed() {
      const { calls, failures, slowest } = await neighbour.stop();
      expect(failures).toEqual([]);
      expect(calls).toBeGreaterThan(0);
      expect(slowest).toBeLessThan(5_000);
    },
    async [Symbol.asyncDispose]() {
      await neighbour.stop();
      await running.host.close();
      await process?.stop();
    },
  };
}

function expectError(response: Message, [type, sent]: Expected): void {
  expect(response.error).toMatchObject({ code: CODES[type], data: { origin: "mcp-host", type, upstream: "bad", sent } });
  expect(response.error.data.requestId).toMatch(/^[0-9a-f]{32}$/);
  expect(response.error.data.retryable).toBe(false);
}

describe.each(["stdio", "http"] as const)("a hostile upstream over %s", (wire) => {
  const stdio = wire === "stdio";
  const failing: [mode: string, fault: string, expected: Expected][] = [
    ["dies", "is killed in mid-call", ["upstream_lost", "unknown"]],
    ["ends", "ends its stream without an answer", ["upstream_lost", "unknown"]],
    ["grandchild", "is killed and leaves a grandchild that holds the pipe", ["upstream_lost", "unknown"]],
    ["flood", "answers without end", ["payload_too_large", "yes"]],
    ["huge", "answers with 40 MB", ["payload_too_large", "yes"]],
    ["deep", "nests its result 10,000 levels deep", ["upstream_protocol", "yes"]],
    ["prototype", "has a key that changes prototypes", ["upstream_protocol", "yes"]],
    ["both", "gives a result and an error in one", ["upstream_protocol", "yes"]],
  ];

  test.each(failing)("%s: the call fails with the right error when it %s, and nobody else notices", async (mode, _, expected) => {
    await using here = await beside(wire, mode);
    const started = performance.now();
    expectError(await here.client.call("bad"), expected);
    expect(performance.now() - started).toBeLessThan(5_000);
    await here.unnoticed();
  });

  test("a call fails at its own deadline when the answer has an id of another type", async () => {
    await using here = await beside(wire, "wrongid", { timeout: "400ms" });
    // Over HTTP the stream ends without the answer, which is known at once.
    expectError(await here.client.call("bad"), stdio ? ["upstream_timeout", "unknown"] : ["upstream_lost", "unknown"]);
    expect(here.status()?.unexpected).toBe(1);
    await here.unnoticed();
  });

  test("an answer that comes after the call's deadline is dropped and counted", async () => {
    await using here = await beside(wire, "late", { timeout: "200ms" });
    expectError(await here.client.call("bad", { ms: 400 }, { id: 7 }), ["upstream_timeout", "unknown"]);
    await vi.waitFor(() => expect(here.status()?.unexpected).toBe(1));
    // The id is free again, and what is answered under it is the new call's.
    expect((await here.client.call("ok", {}, { id: 7 })).result.content[0].text).toBe("ok");
    await here.unnoticed();
  });

  test("an answer that comes after a cancellation is dropped and counted", async () => {
    await using here = await beside(wire, "late");
    const call = here.client.post({ jsonrpc: "2.0", id: "x", method: "tools/call", params: { name: "bad" } });
    await vi.waitFor(() => expect(here.status()?.inFlight).toBe(1));
    await here.client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "x" } });
    expect((await call).messages).toEqual([]);
    await vi.waitFor(() => expect(here.status()?.unexpected).toBe(1));
    await here.unnoticed();
  });

  test("the first of two answers counts", async () => {
    await using here = await beside(wire, "duplicate");
    expect((await here.client.call("bad")).result.content[0].text).toBe("first");
    await vi.waitFor(() => expect(here.status()?.unexpected).toBe(1));
    await here.unnoticed();
  });

  test("bad lines around an answer are skipped and counted", async () => {
    await using here = await beside(wire, "garbage");
    expect((await here.client.call("bad")).result.content[0].text).toMatch(/^11 bad lines/);
    await vi.waitFor(() => expect(here.status()?.garbage).toBe(stdio ? 23 : 22));
    await here.unnoticed();
  });

  test("a flood on stderr does not block the call", async () => {
    await using here = await beside(wire, "stderr");
    const started = performance.now();
    expect((await here.client.call("bad")).result.content[0].text).toBe("stderr");
    expect(performance.now() - started).toBeLessThan(10_000);
    expect((await here.client.call("ok")).result.content[0].text).toBe("ok");
    // The end of one endless word may be half a secret, so that nothing of it may be left.
    if (stdio) expect(here.status()?.stderr?.length ?? 0).toBeLessThanOrEqual(8 * 1024);
    await here.unnoticed();
  });

  test("an upstream that never answers initialize fails at its own deadline", async () => {
    const started = performance.now();
    await using here = await beside(wire, "mute", { startTimeout: "600ms" });
    await vi.waitFor(() => expect(here.status()?.reason).toMatch(/did not answer initialize in 600 ms/));
    expect(performance.now() - started).toBeLessThan(5_000);
    // Nobody can tell whether it has that tool.
    expect((await here.client.call("bad")).error).toMatchObject({ code: -31503, data: { retryable: true, sent: "no" } });
    await here.unnoticed();
  });

  test("an upstream that never answers initialize delays nobody", async () => {
    await using here = await beside(wire, "mute");
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await work();
      return performance.now() - started;
    };
    expect(await timed(() => RawHttp.open(here.url))).toBeLessThan(3_000);
    expect(await timed(() => here.client.call("echo"))).toBeLessThan(500);
    const { result } = await here.client.ask("tools/list");
    expect(result.tools.map(({ name }: Message) => name)).toEqual(["echo"]);
    expect(result._meta).toEqual({ "io.mcp-host/partial": ["bad"] });
    await here.unnoticed();
  });

  test("an upstream that exits right after initialize is tried again a few times, then left alone", async () => {
    await using here = await beside(wire, "loop");
    // Over HTTP its end is noticed by the first use.
    await vi.waitFor(async () => {
      await here.client.call("bad");
      expect(["backing off", "failed"]).toContain(here.status()?.state);
    });
    // Uses do not make it start more often than the backoff allows.
    for (let use = 0; use < 100; use++) await here.client.call("bad");
    expect(here.logs.filter(({ upstream, state }) => upstream === "bad" && state === "connecting").length).toBeLessThan(6);
    await here.unnoticed();
  });

  test("a call that may have run is not sent again, whatever plugins try", async () => {
    using folder = temporary();
    const stubborn = definePlugin({
      name: "stubborn",
      host: "^1.0.0",
      apply(host) {
        host.hooks.route.tap("stubborn", () => undefined); // with a tap here the host may route again
        host.hooks.call.for("tools/call").tap("stubborn", (next) => async (exchange) => {
          try {
            return await next(exchange);
          } catch {
            return next(exchange);
          }
        });
      },
    });
    for (const mode of ["dies", "ends", "both", "deep", "dies", "ends", "dies"]) {
      const file = join(folder.path, `${mode}-${Math.random()}`);
      const process = stdio ? undefined : await httpProcess("hostile", [mode, "http"]);
      await using running = await startHost({
        mcpServers: { bad: process ? { url: process.url } : hostile(mode) },
        plugins: [stubborn()],
        drain: 0,
      });
      const client = await RawHttp.open(running.url);
      expect((await client.call("bad", { file })).error).toMatchObject({ data: { upstream: "bad" } });
      expect(readFileSync(file, "utf8")).toBe(`${mode}\n`);
      await process?.stop();
    }
  });
});

describe("children", () => {
  test.each(["grandchild", "stubborn", "ends", "mute"])("of the mode %s are gone when the host is closed", async (mode) => {
    await using here = await beside("stdio", mode, { startTimeout: "10s" });
    expect(survivors(here.marker)).toHaveLength(1);
    if (mode !== "mute") {
      const call = here.client.call("bad").catch(() => {}); // the host closes under it
      if (mode === "stubborn") await vi.waitFor(() => expect(here.status()?.inFlight).toBe(1));
      else await call;
    }
    await here.neighbour.stop();
    await here.host.close();
    expect(survivors(here.marker)).toEqual([]);
  });

  test("that cannot be started leave a reason for the operator and none for the client", async () => {
    await using running = await startHost({
      mcpServers: { good: upstream({ only: ["echo"] }), bad: { command: "/nonexistent/server", args: [] } },
    });
    const client = await RawHttp.open(running.url);
    await vi.waitFor(() => expect(connectionOf(running.host, "bad")?.reason).toMatch(/ENOENT/));
    const { result } = await client.ask("tools/list");
    expect(result._meta).toEqual({ "io.mcp-host/partial": ["bad"] });
    expect(JSON.stringify(result)).not.toMatch(/nonexistent/);
  });
});

test("a plugin's result that is no JSON fails its call and nothing else", async () => {
  const reckless = definePlugin({
    name: "reckless",
    host: "^1.0.0",
    apply(host) {
      host.hooks.respond
        .for("tools/call")
        .tap("reckless", (result, { entry }) => (entry?.name === "slow" ? { ...result, big: 1n } : result));
    },
  });
  await using running = await startHost({ mcpServers: { one: upstream() }, plugins: [reckless()] });
  const client = await RawHttp.open(running.url);
  expect((await client.call("slow", { ms: 1 })).error).toMatchObject({ code: -31500, data: { type: "plugin_failure", sent: "yes" } });
  expect((await client.call("echo")).result).toBeDefined();
});
