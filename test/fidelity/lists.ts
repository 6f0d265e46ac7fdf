import { expect } from "vitest";
import type { UpstreamOptions } from "../fixtures/upstream.mjs";
import { ask, type Case, type Cases, direct, probe } from "./rig.ts";

const C2S = "client → upstream";

const LISTS = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
};

/** A list of an upstream whose cursors are as `cursor` says. */
function paged(method: keyof typeof LISTS, cursor: UpstreamOptions["cursor"], check: (got: unknown[], all: unknown[]) => void): Case {
  return async (rig) => {
    const bench = rig.bench({ up: { pageSize: 1, only: ["echo", "received", "level"], cursor } }, { limits: { listPages: 12 } });
    const { client } = await bench.sdk();
    const field = LISTS[method];
    const result = await ask(client, method);
    expect(result.nextCursor).toBeUndefined();
    const options: UpstreamOptions = { name: "up", only: ["echo", "received", "level"] };
    check(result[field], (await direct(options, method))[field]);
    // Nothing of the odd list keeps the rest from working.
    expect((await probe(client, "echo", { still: "there" })).arguments).toEqual({ still: "there" });
  };
}

function listCases(method: keyof typeof LISTS): Record<string, Case> {
  const field = LISTS[method];
  return {
    async fields(rig) {
      const { client } = await rig.bench().sdk();
      const expected = await direct({ name: "up" }, method);
      const got = await ask(client, method);
      expect(expected[field].length).toBeGreaterThan(1);
      expect(got[field]).toEqual(expected[field]);
      // The SDK's client finds nothing wrong with it.
      const { tools } = await client.listTools();
      expect(tools.length).toBeGreaterThan(1);
    },
    async pages(rig) {
      await paged(method, "empty", (got, all) => expect(got).toEqual(all))(rig);
      const { client } = await rig
        .bench({ up: { pageSize: 1, only: ["echo", "received", "level"], cursor: "empty" } }, { limits: { listPages: 12 } })
        .sdk();
      const { received } = await probe(client, "received", { method });
      const cursors = received.map(({ params }: { params?: { cursor?: string } }) => params?.cursor);
      expect(cursors.slice(0, 2)).toEqual([undefined, ""]);
    },
    repeated: paged(method, "repeat", (got, all) => expect(got).toEqual(all.slice(0, 2))),
    endless: paged(method, "endless", (got, all) => expect(got).toEqual(all)),
  };
}

const byMethod = Object.keys(LISTS).map((method) => [`${method}, ${C2S}`, listCases(method as keyof typeof LISTS)] as const);

/** The four lists. */
export const lists: Cases = Object.fromEntries(byMethod);

Object.assign(lists[`tools/list, ${C2S}`] as Record<string, Case>, {
  async merged(rig) {
    const { client } = await rig.bench({ z: { prefix: "z_", only: ["echo", "fail"] }, a: { prefix: "a_", only: ["log"] } }).sdk();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["z_echo", "z_fail", "a_log"]);
    expect((await probe(client, "a_log", { levels: [] })).sent).toEqual([]);
  },
} satisfies Record<string, Case>);
