import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { MARKER, ownMarker, survivors } from "./harness/census.ts";
import { MARKED, ROOT, temporary } from "./harness/hosts.ts";

const RUN = join(ROOT, "bench/run.mjs");

type Samples = Record<string, (number | null)[]>;

interface Result {
  calls: number;
  errors: number;
  messages: Record<string, number>;
  legs: Record<string, Record<string, Samples>>;
  growth: Record<string, Record<string, Samples>>;
  overhead: Samples;
  signIn: Samples;
  callers: Record<string, Samples>;
}

/** The figures of a gateway in every leg; of no gateway there are only times and rates. */
const TIMES = ["p50", "p95", "p99", "rate32", "rate128", "ms1", "ms10"];
/** Of the legs from one era to another. */
const BRIEF = ["p50", "p95", "p99", "rate32"];
const GATEWAY = [...TIMES, "cpu32", "cpu128", "peak1", "peak10"];
const LIFE = ["start", "list", "idle", "after", "afterTwice", "open", "closed", "afterGrowth", "closedGrowth"];
const GATEWAYS = ["forwarder", "host", "namespace", "all"];

function expectSamples(samples: Samples | undefined, figures: string[], where: string): void {
  for (const figure of figures) {
    const values = samples?.[figure] ?? [];
    expect(values.length, `${where}: ${figure}`).toBeGreaterThan(0);
    for (const value of values) expect(value, `${where}: ${figure}`).toBeTypeOf("number");
  }
}

test("the bench measures every leg, target and figure, and gets the right answer to every call", { timeout: 180_000 }, async () => {
  using folder = temporary();
  const json = join(folder.path, "result.json");
  const plots = join(folder.path, "plots");
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((done) => {
    execFile(
      process.execPath,
      [RUN, "--smoke", "--json", json, "--plots", plots],
      { env: { ...process.env, ...MARKED } },
      (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
  expect(code, stderr).toBe(0);
  const result = JSON.parse(readFileSync(json, "utf8")) as Result; // written by the bench
  expect(result).toMatchObject({ errors: 0, messages: {} });
  expect(result.calls).toBeGreaterThan(1_000);

  for (const leg of ["http-http", "http-stdio", "stdio-stdio", "aggregate"]) {
    expectSamples(result.legs[leg]?.direct, TIMES, `${leg}, direct`);
    for (const target of GATEWAYS) expectSamples(result.legs[leg]?.[target], GATEWAY, `${leg}, ${target}`);
  }
  for (const transport of ["http", "stdio"])
    for (const eras of ["modern-modern", "legacy-modern", "modern-legacy"]) {
      const leg = `${transport}-${eras}`;
      expectSamples(result.legs[leg]?.direct, BRIEF, `${leg}, direct`);
      for (const target of ["forwarder", "host"]) expectSamples(result.legs[leg]?.[target], [...BRIEF, "cpu32"], `${leg}, ${target}`);
    }
  for (const target of GATEWAYS) expectSamples(result.legs.aggregate?.[target], LIFE, `aggregate, ${target}`);
  for (const target of ["forwarder", "host", "all"])
    for (const axis of ["tools", "upstreams", "sessions"]) {
      const counts = result.growth[target]?.[axis] ?? {};
      expect(Object.keys(counts).length, `growth, ${target}, ${axis}`).toBe(2);
      expectSamples(counts, Object.keys(counts), `growth, ${target}, ${axis}`);
    }
  for (const views of ["same", "own"]) expectSamples(result.callers[views], ["list", "cpu", "memory"], `callers, ${views}`);
  expectSamples(result.overhead, ["again", "namespace", "a listener of the trace"], "overhead");
  expectSamples(result.signIn, ["again", "signed in"], "sign-in");

  for (const title of [
    "latency p50, ms",
    "CPU per call, 32 in flight",
    "start to full list, five stdio servers",
    "earlier calls",
    "each sees another half",
    "the noise",
  ])
    expect(stdout).toContain(title);
  expect(stdout).toContain("Errors and wrong payloads: 0.");
  expect(readdirSync(plots).sort()).toEqual(["cpu.svg", "growth.svg", "large.svg", "latency.svg", "memory.svg", "throughput.svg"]);
});

test("a wrong payload is counted as an error", async () => {
  // The bench is plain JavaScript: its types are what this test uses of it.
  const { sequential, tally } = (await import(join(ROOT, "bench/load.mjs"))) as {
    sequential(running: unknown, calls: number): Promise<{ p50: number }>;
    tally: { calls: number; errors: number; messages: Record<string, number> };
  };
  const answering = (text: (sent: string) => string) => ({
    target: { title: "a gateway" },
    names: ["echo"],
    open: async () => [
      { request: async (_: string, { arguments: given }: { arguments: { text: string } }) => ({ content: [{ text: text(given.text) }] }) },
    ],
  });
  expect(
    (
      await sequential(
        answering((sent) => sent),
        3,
      )
    ).p50,
  ).toBeGreaterThan(0);
  expect(tally).toMatchObject({ calls: 3, errors: 0 });
  await sequential(
    answering(() => "another client's answer"),
    2,
  );
  expect(tally).toMatchObject({ calls: 5, errors: 2 });
  expect(Object.keys(tally.messages)[0]).toContain("a gateway: wrong payload");
});

test("a call's cost is that of another tree's, as far as the noise lets it be told", async () => {
  // The bench is plain JavaScript: its types are what this test uses of it.
  const { judge } = (await import(join(ROOT, "bench/judge-cost.mjs"))) as {
    judge(
      samples: Record<string, number[]>,
      limit: number,
    ): { change: number; noise: number; isClear: boolean; tells: boolean; isWorse: boolean };
  };
  const slow = [1, 1.5, 0.8, 1.2, 1]; // what slows the machine for a while slows all
  const of = (factors: readonly number[]): number[] => slow.map((each, round) => each * (factors[round] ?? 1));
  const samples = (head: readonly number[], again: readonly number[] = [1, 1, 1, 1, 1]) => ({
    forwarder: slow,
    base: of([1, 1, 1, 1, 1]),
    again: of(again),
    head: of(head),
  });
  const verdict = (...given: Parameters<typeof samples>) => judge(samples(...given), 0.05);
  expect(verdict([1, 1, 1, 1, 1])).toMatchObject({ isWorse: false, isClear: true, noise: 0 });
  const worse = verdict([1.1, 1.09, 1.11, 1.1, 1.1]);
  expect(worse).toMatchObject({ isWorse: true, isClear: true });
  expect(worse.change).toBeCloseTo(0.1);
  // Two runs of one tree are as far apart as that: it may be chance.
  expect(verdict([1.1, 1.1, 1.1, 1.1, 1.1], [1.08, 1.08, 1.08, 1.08, 1.08])).toMatchObject({ isClear: false, tells: false });
  expect(verdict([1.04, 1.04, 1.04, 1.04, 1.04], [1.03, 1.03, 1.03, 1.03, 1.03])).toMatchObject({
    isClear: false,
    tells: true,
    isWorse: false,
  });
  expect(verdict([0.7, 1.3, 1, 1.4, 0.6])).toMatchObject({ isClear: false, tells: false });
});

test("the cost of a call is measured next to another tree's, with the forwarder in the same run", async () => {
  const cost = (...args: string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((done) =>
      execFile(process.execPath, [join(ROOT, "bench/cost.mjs"), ...args], { env: { ...process.env, ...MARKED } }, (error, stdout, stderr) =>
        done({ code: error?.code ?? 0, stdout, stderr }),
      ),
    );
  const { code, stdout, stderr } = await cost("--base", ROOT, "--only", "stdio-stdio", "--rounds", "1", "--calls", "200");
  expect([0, 1, 2], stderr).toContain(code); // figures so small mean nothing
  expect(stdout).toMatch(/stdio → stdio, host, no plugin +\| +\d\.\d\d × +\| +\d\.\d\d × /);
  expect(stdout).toContain("Errors and wrong payloads: 0.");
  expect(await cost("--base", "/nowhere")).toMatchObject({ code: 2, stderr: expect.stringContaining("no built tree of this repository") });
  expect(await cost()).toMatchObject({ code: 2, stderr: expect.stringContaining("a folder is missing") });
});

test("whatever the bench started ends with it", async () => {
  const marker = ownMarker();
  const bench = spawn(process.execPath, [RUN, "--quick", "--only", "http-stdio"], {
    env: { ...process.env, [MARKER]: marker },
    stdio: "ignore",
  });
  const exited = once(bench, "exit");
  // The bench, its upstream for direct clients, four gateways with a server each.
  await vi.waitFor(() => expect(survivors(marker).length).toBe(10), { interval: 50 });
  bench.kill("SIGTERM");
  expect(await exited).toEqual([130, null]);
  await vi.waitFor(() => expect(survivors(marker)).toEqual([]));
});
