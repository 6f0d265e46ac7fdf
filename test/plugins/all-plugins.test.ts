import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { alerts } from "@host/plugin-alerts";
import { audit } from "@host/plugin-audit";
import { auth } from "@host/plugin-auth";
import { cache } from "@host/plugin-cache";
import { metrics } from "@host/plugin-metrics";
import { namespace } from "@host/plugin-namespace";
import { oauth } from "@host/plugin-oauth";
import { otel } from "@host/plugin-otel";
import { profiles } from "@host/plugin-profiles";
import { rateLimit } from "@host/plugin-rate-limit";
import { resilience } from "@host/plugin-resilience";
import { toolSearch } from "@host/plugin-tool-search";
import { transform } from "@host/plugin-transform";
import { expect, test } from "vitest";
import { filesOf } from "../../packages/plugin-audit/dist/files.js";
import { receiver } from "../../packages/plugin-otel/test/receiver.ts";
import { httpProcess, startHost, temporary, upstream } from "../harness/hosts.ts";
import { KeyedClient, RpcFailure } from "../harness/keyed-client.ts";

const CALLS = 1_000;
const PEPPER = "a pepper for this test alone";

/** Whom the rules speak of, and the tools of `notes`, `web` and `frail` that each may see. */
const PEOPLE = {
  alice: { roles: ["admin"], tools: (name: string) => name !== "notes__drop" },
  bob: { roles: ["user"], tools: (name: string) => /__(echo|isError|fail|environment|received)$/.test(name) },
  carol: { roles: ["guest"], tools: (name: string) => name === "notes__echo" || name === "web__echo" },
};
type Person = keyof typeof PEOPLE;

const keyOf = (person: Person): string => `mcph_${person}_${createHmac("sha256", "keys").update(person).digest("base64url")}`;
const digestOf = (key: string): string => createHmac("sha256", PEPPER).update(key).digest("base64url");

const rules = [
  { roles: ["admin"], allow: { servers: ["*"] } },
  {
    roles: ["user"],
    allow: { tools: ["*__echo", "*__isError", "*__fail", "*__environment", "*__received"], prompts: ["*"], resources: ["*"] },
  },
  { roles: ["guest"], allow: { tools: ["notes__echo", "web:echo"] } },
  { deny: { tools: ["notes:drop"] } },
];

interface Recorded {
  readonly n: number;
  readonly type: string;
  readonly method: string;
  readonly who: string;
  readonly outcome: string;
  readonly error?: { readonly type?: string; readonly code?: number };
}

/** What the files of a log hold. */
const linesOf = (files: readonly string[]): Recorded[] =>
  files.flatMap((file) =>
    readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Recorded),
  );

/** The same numbers at every run (Mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One request of an agent: mostly calls, some of them the same again, some that fail, some that it may not make. */
function request(next: () => number, person: Person): { method: string; params: Record<string, unknown> } {
  const call = (name: string, args: Record<string, unknown> = {}) => ({ method: "tools/call", params: { name, arguments: args } });
  const draw = next();
  const query = Math.floor(next() * 30);
  if (draw < 0.3) return call("notes__echo", { text: `question ${query}` });
  if (draw < 0.5) return call("web__echo", { text: `question ${query}` });
  if (draw < 0.7) return call("frail__echo", { text: `question ${query}`, by: person });
  if (draw < 0.76) return call("notes__isError", { by: person });
  if (draw < 0.82) return call("web__fail", { by: person });
  if (draw < 0.86) return call("notes__drop", { by: person });
  if (draw < 0.9) return call("notes__nowhere", { by: person });
  if (draw < 0.94) return { method: "resources/read", params: { uri: "test://notes/items/1" } };
  if (draw < 0.97) return { method: "tools/list", params: {} };
  return { method: "ping", params: {} };
}

test("a thousand calls of three principals through every plugin, with a server that dies twice", async () => {
  using folder = temporary();
  const log = join(folder.path, "audit.jsonl");
  await using collector = await receiver();
  const web = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "web" })]);
  try {
    await using started = await startHost({
      mcpServers: { notes: upstream({ name: "notes" }), web: { url: web.url }, frail: upstream({ name: "frail" }) },
      plugins: [
        auth({
          apiKeys: {
            pepper: PEPPER,
            keys: (Object.keys(PEOPLE) as Person[]).map((id) => ({ id, digest: digestOf(keyOf(id)), roles: PEOPLE[id].roles })),
          },
          rules,
        }),
        oauth(),
        audit({ file: log, rotate: { size: "64kb" }, skip: [] }),
        metrics({}),
        otel({ endpoint: collector.url, traces: { ratio: 1, stages: false }, batch: { delay: "100ms" }, logs: false }),
        rateLimit({ rules: [{ name: "often", per: ["principal"], requests: 1_000_000, window: "1h" }] }),
        transform({ rules: [{ match: ["*"], redact: true, strip: true }] }),
        namespace(),
        profiles({ profiles: { everything: { description: "For everybody" } }, default: "everything" }),
        cache({ tools: ["notes__echo", "web__echo"], ttl: "10m" }),
        resilience({ defaults: { breaker: { consecutive: 20 } } }),
        alerts({ interval: "50ms" }),
        toolSearch({ threshold: 1_000_000 }),
      ],
    });
    await started.host.known(10_000);
    const clients = new Map<Person, KeyedClient>();
    for (const person of Object.keys(PEOPLE) as Person[]) clients.set(person, await KeyedClient.open(started.url, keyOf(person)));

    // What the clients saw: how requests ended, and whose eyes saw which answer (every real one has a payload of its own).
    const counts = new Map<string, number>();
    const count = (method: string, ending: string): void =>
      void counts.set(`${method} ${ending}`, (counts.get(`${method} ${ending}`) ?? 0) + 1);
    for (const _ of clients) count("initialize", "");
    const payloads = new Map<Person, string[]>();
    let made = 0;
    let frailFailures = 0;
    const killed = new Set<number>();

    const ask = async (person: Person, method: string, params: Record<string, unknown>): Promise<Record<string, unknown> | undefined> => {
      try {
        const result = await (clients.get(person) as KeyedClient).request(method, params); // everybody has one
        count(method, result.isError === true ? "tool_error" : "");
        return result;
      } catch (error) {
        if (!(error instanceof RpcFailure)) throw error;
        count(method, error.type);
        if (String(params.name).startsWith("frail__")) frailFailures++;
        return undefined;
      }
    };
    const frailPid = async (): Promise<number> => {
      const { structuredContent } = (await ask("alice", "tools/call", { name: "frail__environment", arguments: {} })) ?? {};
      return (structuredContent as { pid: number }).pid;
    };

    const work = async (person: Person, seed: number): Promise<void> => {
      const next = random(seed);
      const seen: string[] = [];
      payloads.set(person, seen);
      while (made < CALLS) {
        if (made === 300 || made === 700) {
          made++;
          const pid = await frailPid();
          process.kill(pid, "SIGKILL");
          killed.add(pid);
          continue;
        }
        made++;
        const { method, params } = request(next, person);
        const result = await ask(person, method, params);
        if (method === "tools/list") {
          const names = ((result?.tools ?? []) as { name: string }[]).map(({ name }) => name);
          expect(names.filter((name) => !PEOPLE[person].tools(name))).toEqual([]);
          expect(names).toContain("notes__echo");
        }
        if (String(params.name).endsWith("__echo") && result) {
          expect(PEOPLE[person].tools(String(params.name))).toBe(true);
          const { arguments: args, payload } = result.structuredContent as { arguments: unknown; payload: string };
          expect(args).toEqual(params.arguments);
          seen.push(payload);
        }
      }
    };
    await Promise.all([work("alice", 1), work("bob", 2), work("carol", 3)]);

    // The server that died came back by itself, and nobody was kept waiting for it in vain.
    expect(await frailPid()).toBeGreaterThan(0);
    expect(frailFailures).toBeLessThan(CALLS / 4);
    expect(killed.size, "two processes, one after the other").toBe(2);

    // Nobody was given what another principal's call had brought, though answers were kept.
    const all = [...payloads.values()].map((seen) => new Set(seen));
    expect(all.reduce((sum, seen) => sum + seen.size, 0)).toBe(new Set(all.flatMap((seen) => [...seen])).size);
    const repeated = [...payloads.values()].reduce((sum, seen) => sum + seen.length, 0) - all.reduce((sum, seen) => sum + seen.size, 0);
    expect(repeated).toBeGreaterThan(100);

    // What somebody may not call never reached a server, whoever asked.
    const arrived = async (server: string): Promise<{ method: string; params?: { name?: string; arguments?: { by?: Person } } }[]> => {
      const result = await ask("alice", "tools/call", { name: `${server}__received`, arguments: { all: true } });
      return ((result?.structuredContent ?? { received: [] }) as { received: [] }).received;
    };
    for (const server of ["notes", "web"])
      for (const { params } of await arrived(server)) {
        const by = params?.arguments?.by;
        if (by) expect(PEOPLE[by].tools(`${server}__${params?.name}`), `${by} called ${params?.name}`).toBe(true);
        expect(params?.name).not.toBe("drop");
      }

    // The host's figures are the clients' own, to the last call.
    const scrape = await (await fetch(new URL("/metrics", started.url), { headers: { authorization: `Bearer ${keyOf("alice")}` } })).text();
    const told = new Map<string, number>();
    for (const [, labels, value] of scrape.matchAll(/^mcp_server_operation_duration_seconds_count\{(.*)\} (\d+)$/gm)) {
      const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels as string)?.[1] ?? "";
      const key = `${label("mcp_method_name")} ${label("error_type")}`;
      told.set(key, (told.get(key) ?? 0) + Number(value));
    }
    expect(scrape).toMatch(/^mcp_host_upstream_restarts_total\{upstream="frail"\} 2$/m);
    expect(Object.fromEntries([...told].sort())).toEqual(Object.fromEntries([...counts].sort()));

    // So is the log of who did what, person by person, and no line of it is missing.
    for (const client of clients.values()) await client.close();
    await started.host.close();
    const records = linesOf(filesOf(log));
    const logged = new Map<string, number>();
    for (const { type, method, who, outcome, error } of records) {
      if (type !== "request") continue;
      expect(who).toMatch(/^key:(alice|bob|carol)$/);
      const key = `${method} ${outcome === "tool_error" ? outcome : (error?.type ?? error?.code ?? "")}`;
      logged.set(key, (logged.get(key) ?? 0) + 1);
    }
    expect(Object.fromEntries([...logged].sort())).toEqual(Object.fromEntries([...counts].sort()));
    // And the collector was told of each, as a trace and as a figure; nothing was dropped.
    const traced = new Map<string, number>();
    for (const { kind, attributes } of collector.spans) {
      if (kind !== "SERVER") continue;
      const key = `${attributes["mcp.method.name"]} ${attributes["error.type"] ?? ""}`;
      traced.set(key, (traced.get(key) ?? 0) + 1);
    }
    expect(Object.fromEntries([...traced].sort())).toEqual(Object.fromEntries([...counts].sort()));
    const measured = collector.metric("mcp.server.operation.duration")?.points.reduce((sum, { count }) => sum + count, 0);
    expect(measured).toBe([...counts.values()].reduce((sum, count) => sum + count, 0));
    expect(records.map(({ n }) => n)).toEqual(records.map((_, index) => index + 1));
    expect(filesOf(log).length).toBeGreaterThan(2);
  } finally {
    await web.stop();
  }
});
