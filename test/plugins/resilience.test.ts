import { FALLBACK, type ResilienceOptions, resilience } from "@host/plugin-resilience";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Config } from "mcp-host";
import { FakeClock } from "mcp-host/testing";
import { describe, expect, test, vi } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { faulty } from "../harness/faulty.ts";
import { hostile, httpProcess, startHost, type TestHost, upstream } from "../harness/hosts.ts";

interface Served extends TestHost {
  client: Client;
  report(upstream: string): Record<string, Record<string, unknown>>;
}

/** @param clock that plugins go by; processes and sockets are real */
async function serve(mcpServers: Record<string, object>, options: ResilienceOptions, clock?: FakeClock): Promise<Served> {
  const config = { mcpServers: mcpServers as Config["mcpServers"], plugins: [resilience(options)] };
  const running = await startHost(config, clock && { clock });
  await running.host.known(10_000);
  const client = sdkClient();
  await client.connect(httpTransport(running.url));
  return {
    ...running,
    client,
    report: (key) => (running.host.reports().resilience as Record<string, Record<string, Record<string, unknown>>>)[key] ?? {},
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

/** The type of the error that a call ends with, or "ok". */
async function outcome(client: Client, name: string, args: Record<string, unknown> = {}): Promise<unknown> {
  try {
    await client.callTool({ name, arguments: args });
    return "ok";
  } catch (error) {
    return (error as { data?: { type?: string } }).data?.type ?? error;
  }
}

/** Waits, by the state that the host tells of, until an upstream is up (again). */
async function isReady({ host }: TestHost, key: string): Promise<void> {
  const state = (): string | undefined => host.status().upstreams.find(({ name }) => name === key)?.state;
  while (state() !== "ready") await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("a server over stdio whose process dies", () => {
  test("opens its breaker, which closes again when the process is back; its neighbour notices nothing", async () => {
    await using served = await serve(
      { mortal: hostile("dies"), well: upstream({ name: "well", only: ["echo"] }) },
      { defaults: { retry: false, breaker: { consecutive: 2, openFor: "30s" } } },
      new FakeClock(), // which stands still
    );
    const { client } = served;
    expect(await outcome(client, "ok")).toBe("ok");
    for (let deaths = 1; deaths <= 2; deaths++) {
      await isReady(served, "mortal");
      expect(await outcome(client, "bad")).toBe("upstream_lost");
    }
    expect(served.report("mortal").breaker).toMatchObject({ state: "open", opened: 1, lastFailure: "upstream_lost" });
    expect(served.host.status().reports.resilience).toMatchObject({
      mortal: { breaker: { state: "open" } },
      well: { breaker: { state: "closed" } },
    });

    // The host brings it up again by itself, and then its circuit waits no longer.
    expect(await outcome(client, "ok")).toBe("circuit_open");
    expect(await outcome(client, "echo")).toBe("ok");
    expect(served.report("well").breaker).toMatchObject({ state: "closed", opened: 0 });
    await isReady(served, "mortal");
    expect(await outcome(client, "ok")).toBe("ok");
    expect(served.report("mortal").breaker).toMatchObject({ state: "closed", opened: 1, refused: 1 });
    expect(served.logs.filter(({ plugin }) => plugin === "resilience").map(({ message }) => message)).toEqual([
      "a circuit opened",
      "an open circuit is tried",
      "a circuit closed",
    ]);
  });

  test("is not called again, since the call may have run, unless the config says that this does no harm", async () => {
    const { temporary } = await import("../harness/hosts.ts");
    const { readFileSync } = await import("node:fs");
    using folder = temporary();
    const count = (file: string): number => readFileSync(file, "utf8").split("\n").length - 1;
    const once = `${folder.path}/once`;
    const often = `${folder.path}/often`;
    await using served = await serve(
      { mortal: { ...hostile("dies") } },
      { defaults: { breaker: false, retry: { retries: 2, backoff: 1, maxBackoff: "2s" } } },
    );
    expect(await outcome(served.client, "bad", { file: once })).toBe("upstream_lost");
    expect(count(once)).toBe(1);

    await using repeating = await serve(
      { mortal: { ...hostile("dies"), idempotent: ["bad"] } },
      { defaults: { breaker: false, retry: { retries: 2, backoff: 1, maxBackoff: "2s" } } },
    );
    expect(await outcome(repeating.client, "bad", { file: often })).toBe("upstream_lost");
    expect(count(often)).toBeGreaterThan(1);
    expect(count(often)).toBeLessThanOrEqual(3);
  });
});

describe("a server over HTTP", () => {
  test("that is killed opens its breaker, and a fallback answers in its place", async () => {
    const process = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "far", only: ["echo"] })]);
    await using served = await serve(
      { far: { url: process.url } },
      {
        defaults: { retry: false, breaker: { consecutive: 2 } },
        tools: [{ match: ["far:echo"], fallback: { text: "far is away", isError: true } }],
      },
    );
    const { client } = served;
    expect(await outcome(client, "echo")).toBe("ok");
    await process.stop();
    const reasons = new Set<string | undefined>();
    for (let calls = 1; !reasons.has("circuit_open"); calls++) {
      const answer = await client.callTool({ name: "echo" });
      expect(answer).toMatchObject({ content: [{ text: "far is away" }], isError: true, _meta: { [FALLBACK]: { sent: "no" } } });
      const told = answer._meta?.[FALLBACK] as { reason: string } | undefined;
      reasons.add(told?.reason);
      expect(served.report("far")).toMatchObject({ fallback: { used: calls } });
    }
    // Not before two tries to connect had failed; in the pause between them calls are refused and count for nothing.
    expect([...reasons]).toEqual(["upstream_down", "circuit_open"]);
    expect(served.report("far").breaker).toMatchObject({ state: "open", lastFailure: "upstream_down" });
  });

  test("that answers 429 is asked again when it says, and its breaker stays closed", async () => {
    await using server = await faulty((response, message, nth) => {
      if (nth === 1) return response.writeHead(429, { "retry-after": "1" }).end();
      return response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { content: [] } }));
    });
    await using served = await serve({ busy: { url: server.url } }, { defaults: { breaker: { consecutive: 1 } } });
    expect(await outcome(served.client, "bad")).toBe("ok");
    expect(server.calls()).toHaveLength(2);
    expect(served.report("busy")).toMatchObject({ breaker: { state: "closed", opened: 0 }, retry: { retries: 1 } });
  });

  test.each([
    ["within the longest pause, as a date", "Wed, 21 Oct 2015 07:28:01 GMT", "ok", 2],
    ["longer than the longest pause", "3", "upstream_error", 1],
  ])("that answers 503 with Retry-After %s is asked again, or not, as maxBackoff says", async (_, after, expected, calls) => {
    await using server = await faulty((response, message, nth) => {
      if (nth === 1) return response.writeHead(503, { date: "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": after }).end();
      return response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { content: [] } }));
    });
    await using served = await serve({ busy: { url: server.url, idempotent: ["bad"] } }, {});
    expect(await outcome(served.client, "bad")).toBe(expected);
    expect(server.calls()).toHaveLength(calls);
  });

  test("that is slow is given up by the timeout of its tool, and told so", async () => {
    await using server = await faulty(() => {}); // never answers
    await using served = await serve(
      { slow: { url: server.url } },
      { tools: [{ match: ["slow:bad"], timeout: { idle: 50 }, retry: false }] },
    );
    expect(await outcome(served.client, "bad")).toBe("upstream_timeout");
    expect(await outcome(served.client, "ok")).toBe("ok");
    await vi.waitFor(() => expect(server.requests.map(({ message }) => message?.method)).toContain("notifications/cancelled"));
    expect(server.calls().filter(({ params }) => params.name === "bad")).toHaveLength(1);
  });
});
