import { type RoutingOptions, routing } from "@host/plugin-routing";
import type { Config, Json } from "mcp-host";
import { createTestHost, FakeClock, type FakeUpstream, type FakeUpstreamSpec, fakeUpstream, type TestClient } from "mcp-host/testing";

export type GroupInput = NonNullable<RoutingOptions["groups"]>[string];

/** A server whose tool `who` tells its key, and whose tool `slow` hangs until it is told. */
export function server(key: string, spec: FakeUpstreamSpec = {}): FakeUpstream {
  return fakeUpstream({
    ...spec,
    tools: { who: { annotations: { readOnlyHint: true }, call: () => key }, write: () => key, ...spec.tools },
  });
}

export interface WorldOptions {
  readonly servers?: Readonly<Record<string, FakeUpstream>>;
  /** By key: what the config says besides. */
  readonly settings?: Readonly<Record<string, Json>>;
  readonly plugins?: Config["plugins"];
  readonly options?: Omit<RoutingOptions, "groups">;
  readonly clock?: FakeClock;
  readonly more?: Partial<Config>;
}

/** A host with a group `group` of servers `a`, `b` and `c`, which offer the same. */
export async function world(group: GroupInput, { servers, settings, plugins = [], options, clock, more }: WorldOptions = {}) {
  const up = servers ?? { a: server("a"), b: server("b"), c: server("c") };
  const test = await createTestHost({
    plugins: [routing({ groups: { group }, ...options }), ...plugins] as Config["plugins"],
    upstreams: Object.fromEntries(Object.entries(up).map(([key, { transport }]) => [key, { transport, ...settings?.[key] }])),
    ...(clock && { clock }),
    ...(more && { config: more }),
  });
  await test.client.listTools();
  return {
    ...test,
    up: up as Record<string, FakeUpstream>,
    get client() {
      return test.client;
    },
    /** Who answered each of so many calls, one after the other. */
    async answered(
      count: number,
      { client = test.client, tool = "who", args = {} }: { client?: TestClient; tool?: string; args?: Json } = {},
    ) {
      const by: string[] = [];
      for (let call = 0; call < count; call++) by.push(textOf(await client.callTool(tool, args)));
      return by;
    },
    /** Reloads with these plugins instead. */
    reload: async (plugins: Config["plugins"]) => (await test.host.reload({ ...(test.host.config as Config), plugins })).plugins, // with its defaults a config is one still
    report: () => test.host.reports().routing as { groups: { group: GroupReport } },
    /** Calls that came to each server. */
    counts: () => Object.fromEntries(Object.entries(up).map(([key, each]) => [key, each.received("tools/call").length])),
    [Symbol.asyncDispose]: () => test.close(),
  };
}

export interface GroupReport {
  readonly members: Record<string, { state: string; calls: number; failed: number; inFlight: number; share: number; latencyMs?: number }>;
  readonly rules?: Record<string, { arms?: Record<string, { calls: number; errors: number }>; mirrored?: Record<string, number> }>;
  readonly differences?: { kind: string; native: string; missing: string[]; differing: string[]; offered: boolean }[];
}

export const textOf = ({ content }: Json): string => (content as { text: string }[])[0]?.text ?? "";

export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

export { FakeClock };
