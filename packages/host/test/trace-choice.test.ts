import { definePlugin, type Exchange, type Json, type TraceListener, type TraceOptions } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHost } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { correlationId } from "../dist/exchange/correlation.js";

/** A host whose plugin listens like this. */
function listening(listener: TraceListener, options?: TraceOptions): Promise<TestHost> {
  const plugin = definePlugin({ name: "listening", host: "^1.0.0", apply: (host) => void host.trace(listener, options) });
  return createTestHost({ plugins: [plugin()], upstreams: { up: fakeUpstream({ tools: { a: () => "a", b: () => "b" } }) } });
}

describe("a listener that chooses", () => {
  test("is told of the exchanges that it wants, whole, and of no others, whoever else listens", async () => {
    const told: string[] = [];
    const asked: string[] = [];
    const only = ({ method, original }: Exchange): boolean => {
      asked.push(method);
      return original.name === "b";
    };
    await using host = await listening((span, phase) => void told.push(`${phase} ${span.name} ${span.exchange.original.name}`), { only });
    await host.client.callTool("a");
    await host.client.callTool("b");
    expect(told).toEqual(["begin tools/call b", "begin call b", "begin send b", "end send b", "end call b", "end tools/call b"]);
    expect(asked).toEqual(["initialize", "tools/call", "tools/call"]);
    expect(
      host.traces.filter(({ method }) => method === "tools/call"),
      "the test host listens to all",
    ).toHaveLength(2);
  });

  test("may do so from the program, too; what no listener wants is not traced", async () => {
    await using host = await createTestHost({ upstreams: { up: fakeUpstream({ tools: { a: () => "a" } }) } });
    const told: string[] = [];
    const stop = host.host.trace((span) => void told.push(span.name), { only: () => false });
    await host.client.callTool("a");
    stop();
    expect(told).toEqual([]);
  });

  test("and throws in that is not told any more, and the call goes on", async () => {
    const told: string[] = [];
    await using host = await listening((span) => void told.push(span.name), {
      only: () => {
        throw new Error("undecided");
      },
    });
    await host.client.callTool("a");
    expect(told).toEqual([]);
    expect(host.log.filter(({ message }) => message === "a listener of the trace failed and is not told any more")).toHaveLength(1);
  });

  test("has to do it with a function", async () => {
    await expect(listening(() => {}, { only: true as never })).rejects.toThrow('"only" of host.trace is a function, not boolean');
  });
});

describe("the id of a request", () => {
  const of = (traceparent: unknown): string => correlationId({ _meta: { traceparent } } as Json);

  test("is the trace of the client's traceparent, where that is one", () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    expect(of(`00-${trace}-b7ad6b7169203331-01`)).toBe(trace);
    for (const wrong of [
      `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      `00-${trace}-${"0".repeat(16)}-01`,
      `ff-${trace}-b7ad6b7169203331-01`,
      7,
    ])
      expect(of(wrong), String(wrong)).not.toContain(trace);
  });

  test("is else the host's own, which no two requests share, and whose end is spread", () => {
    const ids = Array.from({ length: 10_000 }, () => correlationId(undefined));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    const low = ids.filter((id) => Number.parseInt(id.slice(-13), 16) < 16 ** 13 / 10).length;
    expect(low).toBeGreaterThan(800);
    expect(low).toBeLessThan(1_200);
  });
});
