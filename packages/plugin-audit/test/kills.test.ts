import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Home, home, run, start, urlOf } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { RawHttp } from "../../../test/harness/raw-http.ts";
import { logIn, type Recorded, rawLines } from "./log.ts";

/** `npm run storm` has all of them. */
const RUNS = process.env.MCP_HOST_STORM ? 100 : 6;
const CLIENTS = 4;

const config = (options: Recorded) => ({
  listen: { port: 0 },
  mcpServers: {},
  plugins: [join(ROOT, "test/fixtures/offering-plugin.mjs"), ["@host/plugin-audit", { rotate: { size: "32kb", keep: 1_000 }, ...options }]],
});

/** What clients know: which calls they sent, which were answered, and when. */
interface Counts {
  readonly sent: Set<string>;
  readonly answered: Map<string, number>;
}

/** Runs a host under load, and ends it with a signal. @param after so many answers, and so many milliseconds since the first */
async function ended(at: Home, signal: NodeJS.Signals, after: { answers: number; ms: number }): Promise<Counts & { at: number }> {
  const counts: Counts = { sent: new Set(), answered: new Map() };
  await using running = start(at, ["start", "--log-format", "json"]);
  const url = await urlOf(running);
  let stopped = false;
  const client = async (): Promise<void> => {
    const client = await RawHttp.open(url);
    while (!stopped) {
      const id = randomBytes(16).toString("hex");
      counts.sent.add(id);
      const { result } = await client.call("shout", { text: "loud" }, { meta: { traceparent: `00-${id}-${id.slice(16)}-01` } });
      if (result) counts.answered.set(id, performance.now());
    }
  };
  const clients = Array.from({ length: CLIENTS }, () => client().catch(() => {})); // the host goes while they ask
  const first = (): number => counts.answered.values().next().value ?? Number.POSITIVE_INFINITY;
  while (counts.answered.size < after.answers || performance.now() - first() < after.ms) await pause(1);
  const killed = performance.now();
  running.child.kill(signal);
  await running.exited;
  stopped = true;
  await Promise.all(clients);
  return { ...counts, at: killed };
}

/** Ids of the calls of a log, by the type of record. Where it is torn, what is torn is left out. */
function logged(at: Home, type: string): Set<string> {
  const records = rawLines(logIn(at)).flatMap((line): Recorded[] => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
  return new Set(records.filter((record) => record.type === type && record.method === "tools/call").map(({ id }) => id));
}

const missing = (answered: Iterable<string>, there: ReadonlySet<string>): string[] => [...answered].filter((id) => !there.has(id));

async function verified(at: Home, starts: number): Promise<void> {
  const { code, stdout } = await run(at, ["audit", "verify", "--json"]);
  const verdict = JSON.parse(stdout);
  expect({ code, ...verdict }).toMatchObject({ code: 0, ok: true, findings: [] });
  expect(verdict.torn.length).toBeLessThanOrEqual(starts);
}

test(`nothing is lost on SIGTERM, in ${RUNS} runs under load over one log`, { timeout: RUNS * 10_000 }, async () => {
  using at = home(config({}));
  for (let round = 0; round < RUNS; round++) {
    const { answered, sent } = await ended(at, "SIGTERM", { answers: 50 + (round % 7) * 30, ms: 0 });
    const there = logged(at, "request");
    expect(missing(answered.keys(), there)).toEqual([]);
    expect(answered.size).toBeGreaterThan(0);
    expect([...answered.keys()].every((id) => sent.has(id))).toBe(true);
  }
  await verified(at, 0);
  const { stdout } = await run(at, ["audit", "verify", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ kills: 0, torn: [], lost: 0 });
});

test(`on SIGKILL at most a second is lost, in ${RUNS} runs under load over one log`, { timeout: RUNS * 10_000 }, async () => {
  using at = home(config({}));
  let before = 0;
  for (let round = 0; round < RUNS; round++) {
    // Longer than a second, so that there is something that must not be lost.
    const { answered, at: killed } = await ended(at, "SIGKILL", { answers: 50, ms: 1_100 + (round % 5) * 20 });
    const there = logged(at, "request");
    const lost = missing(answered.keys(), there);
    expect(lost.filter((id) => killed - (answered.get(id) ?? 0) > 1_000)).toEqual([]);
    const old = [...answered].filter(([, time]) => killed - time > 1_000);
    expect(old.length).toBeGreaterThan(0);
    expect(there.size).toBeGreaterThanOrEqual(before + old.length);
    before = there.size;
  }
  await verified(at, RUNS);
  expect(JSON.parse((await run(at, ["audit", "verify", "--json"])).stdout).kills).toBe(RUNS - 1);
});

test(`with fsync "always" no call is answered that the log does not have, in ${RUNS} runs that are killed`, {
  timeout: RUNS * 10_000,
}, async () => {
  using at = home(config({ fsync: "always" }));
  for (let round = 0; round < RUNS; round++) {
    const { answered } = await ended(at, "SIGKILL", { answers: 20 + (round % 7) * 20, ms: 0 });
    expect(missing(answered.keys(), logged(at, "begun"))).toEqual([]);
    expect(answered.size).toBeGreaterThan(0);
  }
  await verified(at, RUNS);
});
