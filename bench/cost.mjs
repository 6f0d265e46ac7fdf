#!/usr/bin/env node
// `npm run cost -- --base FOLDER`: what a call costs with this tree and with another of it, in one run. docs/performance.md says how.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { judge } from "./judge-cost.mjs";
import { interleaved, LEGS, withAll } from "./legs.mjs";
import { flood, tally } from "./load.mjs";
import { table } from "./table.mjs";
import { ALL, FORWARDER_TARGET, finish, HOST } from "./targets.mjs";

const CASES = ["http-http", "http-stdio", "stdio-stdio"].flatMap((leg) => [HOST, ALL].map((host) => ({ leg, host })));
/** Sessions and calls in flight. */
const LOAD = [10, 32];
/** A run that hangs ends here, and everything it started with it. */
const LONGEST = 30 * 60_000;

const USAGE = `npm run cost -- --base FOLDER [options]
  --base FOLDER    another tree of this repository, built, such as a worktree of main
  --only LEGS      some of ${[...new Set(CASES.map(({ leg }) => leg))].join(",")}
  --rounds N       interleaved rounds; default 12, and as many again while it is not clear (at most three times)
  --calls N        calls of each in a round; default 10000
  --limit PERCENT  what a call may cost more; default 5

Exit codes: 0 within the limit, 1 above it, 2 this machine cannot tell.`;

function options() {
  const word = { type: "string" };
  const { values } = parseArgs({ options: { base: word, only: word, rounds: word, calls: word, limit: word, help: { type: "boolean" } } });
  const number = (name, otherwise) => {
    const value = Number(values[name] ?? otherwise);
    if (!(value > 0)) throw new Error(`--${name}: "${values[name]}" is no number above 0`);
    return value;
  };
  const base = values.base && resolve(values.base);
  if (!values.help && !(base && existsSync(join(base, "packages/host/dist/index.js"))))
    throw new Error(`--base: ${base ? `"${base}" is no built tree of this repository` : "a folder is missing"}`);
  const only = values.only?.split(",");
  const cases = CASES.filter(({ leg }) => !only || only.includes(leg));
  if (cases.length === 0) throw new Error(`--only: there is no such leg; there are ${Object.keys(LEGS).join(", ")}`);
  return { ...values, base, cases, rounds: number("rounds", 12), calls: number("calls", 10_000), limit: number("limit", 5) / 100 };
}

/** The samples of one case, until they can tell or there were enough of them. */
async function measured({ leg, host }, { base, rounds, calls, limit }) {
  const { shape } = LEGS[leg];
  // The base runs twice: what differs between those two is the noise, of the machine and of what the compiler does with each process.
  const targets = [
    FORWARDER_TARGET,
    { ...host, name: "base", root: base },
    { ...host, name: "again", root: base },
    { ...host, name: "head" },
  ];
  return withAll(
    targets.map((target) => [target, shape]),
    async (running) => {
      for (const each of running) await flood(each, ...LOAD, { calls: calls / 2 });
      let samples;
      let verdict;
      for (let turn = 0; turn < 3 && verdict?.isClear !== true; turn++) {
        samples = await interleaved(running, rounds, async (each) => ({ cpu: (await flood(each, ...LOAD, { calls })).cpu }), samples);
        verdict = judge(Object.fromEntries(running.map((each) => [each.target.name, samples.get(each).cpu])), limit);
      }
      return { title: `${LEGS[leg].title}, ${host.title}`, ...verdict };
    },
  );
}

async function main() {
  const chosen = options();
  if (chosen.help) return void process.stdout.write(`${USAGE}\n`);
  if (process.platform !== "linux") throw new Error("CPU time is read from /proc: this runs on Linux only");
  setTimeout(() => {
    process.stderr.write(`this takes longer than ${LONGEST / 60_000} minutes: it ends\n`);
    process.exit(2);
  }, LONGEST).unref();
  const results = [];
  for (const each of chosen.cases) results.push(await measured(each, chosen));
  await finish();
  const times = (value) => `${value.toFixed(2)} ×`;
  const percent = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)} %`;
  const rows = results.map(({ title, base, head, change, noise, tells, isWorse }) => [
    title,
    times(base),
    times(head),
    percent(change),
    `± ${(100 * noise).toFixed(1)} %`,
    tells ? (isWorse ? "**too much**" : "yes") : "cannot tell",
  ]);
  const head = ["CPU per call, in multiples of the forwarder's", "base", "head", "change", "noise", `within ${100 * chosen.limit} %`];
  process.stdout.write(`${table({ head, rows })}\n\nErrors and wrong payloads: ${tally.errors}.\n`);
  if (tally.errors > 0 || results.some(({ tells, isWorse }) => tells && isWorse)) process.exitCode = 1;
  else if (results.some(({ tells }) => !tells)) process.exitCode = 2;
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exit(2);
});
