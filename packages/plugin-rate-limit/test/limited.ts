import { type RateLimitOptions, rateLimit } from "@host/plugin-rate-limit";
import type { Config, Json, Plugin, Principal } from "mcp-host";
import { createTestHost, FakeClock, type FakeUpstream, fakeUpstream, type TestClient, type TestHost } from "mcp-host/testing";

/** A host with the plugin before two servers, and a clock that stands still. */
export interface Limited extends Omit<TestHost, "client"> {
  readonly clock: FakeClock;
  /** A client of this principal. */
  as(id: string, options?: { roles?: string[]; era?: "legacy" | "modern"; endpoint?: string }): Promise<TestClient>;
  /** What the plugin says of itself. */
  report(): { rules: Record<string, Json & { refused: number; observed: number; top: { who: string; used: number }[] }> } & Json;
}

/** A moment in the middle of a day. */
export const NOON = Date.UTC(2026, 10, 29, 12);

export const servers = (): Record<string, FakeUpstream> => ({
  up: fakeUpstream({
    tools: { a: () => "a", b: () => "b", big: () => "x".repeat(1_000) },
    resources: { "memo:///1": { read: () => "one" } },
  }),
  other: fakeUpstream({ tools: { c: () => "c" } }),
});

export async function limited(
  options: RateLimitOptions,
  {
    plugins = [],
    upstreams = servers(),
    config = {},
    first = true,
  }: { plugins?: Plugin[]; upstreams?: Record<string, FakeUpstream>; config?: Partial<Config>; first?: boolean } = {},
): Promise<Limited> {
  const clock = new FakeClock(NOON);
  const running = await createTestHost({
    plugins: first ? [rateLimit(options), ...plugins] : [...plugins, rateLimit(options)],
    upstreams,
    client: false,
    clock,
    config,
  });
  await running.host.known(1_000);
  return {
    host: running.host,
    log: running.log,
    traces: running.traces,
    connect: (options) => running.connect(options),
    close: () => running.close(),
    [Symbol.asyncDispose]: () => running.close(),
    clock,
    as: (id, { roles = [], ...more } = {}) => running.connect({ principal: { id, roles } satisfies Principal, ...more }),
    report: () => running.host.reports()["rate-limit"] as ReturnType<Limited["report"]>,
  };
}

/** What came of a call: `ok`, or the type of the error. */
export async function tried(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    return (error as { data?: { type?: string } }).data?.type ?? String(error);
  }
}

/** How many of these passed. */
export async function passed(calls: readonly Promise<unknown>[]): Promise<number> {
  const all = await Promise.all(calls.map(tried));
  return all.filter((each) => each === "ok").length;
}

export const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
