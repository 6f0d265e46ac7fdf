import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { routing } from "@host/plugin-routing";
import { createLogger, type Host } from "mcp-host";
import { expect, test } from "vitest";
import { freePort } from "../../../test/harness/free-port.ts";
import { ROOT, startHost, temporary } from "../../../test/harness/hosts.ts";
import { WireClient } from "../../../test/harness/wire.ts";
import type { GroupReport } from "./world.ts";

/** Seconds; `npm run storm:routing` has five minutes. */
const LENGTH = Number(process.env.MCP_HOST_ROUTING_STORM ?? 4);
/** Seconds of kills between two looks at how calls are spread. */
const ROUND = Math.min(LENGTH / 2, 15);
const SCRIPT = join(ROOT, "packages/plugin-routing/test/counting-server.mjs");
/** By server: its share. `a` and `b` are processes of the host's, `c` and `d` run by themselves. */
const WEIGHTS: Readonly<Record<string, number>> = { a: 3, b: 2, c: 2, d: 1 };
const KEYS = Object.keys(WEIGHTS);
const WORKERS = 16;

interface Call {
  readonly id: string;
  readonly tool: "once" | "again";
  /** Who answered; undefined where it failed. */
  by?: string;
  error?: { type: string; sent: string };
}

/** Servers over HTTP that can be killed and are there again on the same port. */
class Revivable {
  readonly port: number;
  readonly #start: () => ChildProcess;
  #child: ChildProcess;

  constructor(name: string, ledger: string, port: number) {
    this.port = port;
    this.#start = () => spawn(process.execPath, [SCRIPT, name, ledger, String(port)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child = this.#start();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }

  revive(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) this.#child = this.#start();
  }
}

const membersOf = (host: Host): GroupReport["members"] =>
  (host.reports().routing as unknown as { groups: { group: GroupReport } }).groups.group.members;

/** Resolves once every member gets calls. */
const allUp = (host: Host): Promise<void> =>
  expect.poll(() => Object.values(membersOf(host)).map(({ state }) => state)).toEqual(KEYS.map(() => "up"));

/** Has a server of the host's die; one that is gone already has no door. */
function openDoor(file: string): Promise<void> {
  if (!existsSync(file)) return Promise.resolve();
  return new Promise((resolve) => {
    const socket = connect(Number(readFileSync(file, "utf8")), "127.0.0.1");
    socket.once("error", () => {}).once("close", () => resolve());
  });
}

/** Kills members one after the other, never all, and revives them. */
async function storm(host: Host, until: number, folder: string, own: Readonly<Record<string, Revivable>>): Promise<number> {
  let kills = 0;
  while (performance.now() < until) {
    await pause(50 + Math.random() * 250);
    const up = KEYS.filter((key) => host.status().upstreams.find(({ name }) => name === key)?.state === "ready");
    // Two are left, so that there is always somebody to go to.
    if (up.length > 2) {
      const key = up[Math.floor(Math.random() * up.length)] as string; // just counted
      kills++;
      const server = own[key];
      if (server) await server.kill();
      else await openDoor(join(folder, `${key}.door`));
      await pause(Math.random() * 150);
      server?.revive();
    }
    for (const { name, state } of host.status().upstreams)
      if (state !== "ready" && state !== "connecting") void host.reconnect(name).catch(() => {}); // it may not be there again yet
  }
  return kills;
}

test(
  "members that are killed and revived under load: nothing runs twice, nothing is lost that can be saved, shares are as they should be",
  async () => {
    using folder = temporary();
    const ledgers = Object.fromEntries(KEYS.map((key) => [key, join(folder.path, key)]));
    const own = {
      c: new Revivable("c", ledgers.c as string, await freePort()),
      d: new Revivable("d", ledgers.d as string, await freePort()),
    };
    const stdio = (key: string) => ({ command: process.execPath, args: [SCRIPT, key, ledgers[key] as string], idempotent: ["again"] });
    const http = ({ port }: Revivable) => ({ url: `http://127.0.0.1:${port}/mcp`, type: "http" as const, idempotent: ["again"] });
    const members = KEYS.map((server) => ({ server, weight: WEIGHTS[server] as number }));
    const group = { members, policy: "weighted", slowStart: 0, failures: 1_000 } as const;
    await using running = await startHost(
      {
        mcpServers: { a: stdio("a"), b: stdio("b"), c: http(own.c), d: http(own.d) },
        plugins: [routing({ groups: { group } })],
        drain: 0,
      },
      { log: createLogger({ level: "error" }) },
    );
    const { host, url } = running;
    const calls: Call[] = [];
    const clients = await Promise.all(Array.from({ length: 4 }, () => WireClient.connect(url)));
    const call = async (client: WireClient, tool: Call["tool"]): Promise<Call> => {
      const made: Call = { id: `${calls.length}`, tool };
      calls.push(made);
      const { messages } = await client.request("tools/call", { name: tool, arguments: { id: made.id } });
      const { result, error } = messages.at(-1) ?? {};
      if (result) made.by = result.content[0].text;
      else made.error = { type: error.data?.type, sent: error.data?.sent };
      return made;
    };
    try {
      await allUp(host);
      const end = performance.now() + LENGTH * 1_000;
      let kills = 0;
      while (performance.now() < end) {
        let isOver = false;
        const work = Array.from({ length: WORKERS }, async (_, worker) => {
          const client = clients[worker % clients.length] as WireClient; // there are four
          while (!isOver) await call(client, worker % 2 === 0 ? "once" : "again");
        });
        kills += await storm(host, Math.min(end, performance.now() + ROUND * 1_000), folder.path, own);
        isOver = true;
        await Promise.all(work);
        for (const each of Object.values(own)) each.revive();
        for (const key of KEYS)
          await expect
            .poll(() =>
              host.reconnect(key).then(
                () => true,
                () => false,
              ),
            )
            .toBe(true);
        await allUp(host);
        const counts: Record<string, number> = {};
        const spread = 400;
        await Promise.all(
          clients.map(async (client) => {
            for (let count = 0; count < spread / clients.length; count++) {
              const { by = "nobody" } = await call(client, "once");
              counts[by] = (counts[by] ?? 0) + 1;
            }
          }),
        );
        const total = KEYS.reduce((sum, key) => sum + (WEIGHTS[key] ?? 0), 0);
        for (const key of KEYS)
          expect(Math.abs((counts[key] ?? 0) / spread - (WEIGHTS[key] ?? 0) / total), key).toBeLessThan(
            0.05 * ((WEIGHTS[key] ?? 0) / total),
          );
      }
      const executed = new Map<string, number>();
      for (const ledger of Object.values(ledgers))
        if (existsSync(ledger))
          for (const line of readFileSync(ledger, "utf8").split("\n")) if (line) executed.set(line, (executed.get(line) ?? 0) + 1);
      const runs = ({ tool, id }: Call): number => executed.get(`${tool} ${id}`) ?? 0;
      expect(kills).toBeGreaterThan(LENGTH / 2);
      expect(calls.filter((each) => each.tool === "once" && runs(each) > 1)).toEqual([]);
      expect(calls.filter((each) => each.by !== undefined && runs(each) === 0)).toEqual([]);
      // What was not sent could have gone elsewhere, and what may run twice as well.
      expect(calls.filter(({ error }) => error?.sent === "no")).toEqual([]);
      expect(calls.filter(({ error, tool }) => error && tool === "again")).toEqual([]);
      const lost = calls.filter(({ error }) => error);
      console.log(`${calls.length} calls, ${kills} kills: ${lost.length} ended without anybody knowing whether they ran, none twice`);
    } finally {
      for (const each of Object.values(own)) await each.kill();
    }
  },
  LENGTH * 1_000 + 120_000,
);
