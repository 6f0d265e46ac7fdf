#!/usr/bin/env node
// `npm run bench`: the host next to a bare forwarder, measured in one run. docs/performance.md says how.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureCallers } from "./callers.mjs";
import { measureGrowth } from "./growth.mjs";
import { LEGS, measureLeg } from "./legs.mjs";
import { measureLives } from "./life.mjs";
import { tally } from "./load.mjs";
import { measureOverhead } from "./overhead.mjs";
import { compared, publish, text, writePlots } from "./report.mjs";
import { measureSignIn } from "./sign-in.mjs";
import { FULL, QUICK, SMOKE } from "./sizes.mjs";
import { finish, ROOT } from "./targets.mjs";

const PARTS = [...Object.keys(LEGS), "growth", "overhead", "sign-in", "callers"];
/** A run that hangs ends here, and everything it started with it. */
const LONGEST = 40 * 60_000;

const USAGE = `npm run bench -- [options]
  --quick          less of everything, under three minutes
  --smoke          everything once, in seconds: to test the bench, not the host
  --only PARTS     some of ${PARTS.join(",")}
  --rounds N       interleaved rounds of which the median is taken
  --json FILE      writes all samples
  --compare FILE   tells what changed since a run that --json wrote
  --from FILE      shows (or, with --write, publishes) such a run instead of measuring
  --plots FOLDER   where the plots go (default .tmp/bench)
  --write          publishes the run: docs/performance.md, READMEs of plugins, bench/results/`;

function options() {
  const flag = { type: "boolean", default: false };
  const word = { type: "string" };
  const { values } = parseArgs({
    options: {
      quick: flag,
      smoke: flag,
      write: flag,
      help: flag,
      only: word,
      rounds: word,
      json: word,
      compare: word,
      from: word,
      plots: word,
    },
  });
  const only = values.only?.split(",") ?? PARTS;
  const wrong = only.find((part) => !PARTS.includes(part));
  if (wrong) throw new Error(`--only: there is no part "${wrong}"; parts are ${PARTS.join(", ")}`);
  const part = ["only", "quick", "smoke"].find((option) => values[option]);
  if (values.write && part) throw new Error(`--write publishes full runs: leave --${part} out`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error(`--rounds: "${values.rounds}" is no number of rounds`);
  return { ...values, only, rounds };
}

function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "packages") ? " with changes" : "");
  } catch {
    return "unknown"; // not a clone
  }
}

async function measure({ only, quick, smoke, rounds }) {
  const [mode, sizes] = smoke ? ["smoke", SMOKE] : quick ? ["quick", QUICK] : ["full", FULL];
  const say = (what) => process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(5)} s  ${what}\n`);
  const how = { rounds: rounds ?? sizes.rounds, starts: rounds ?? sizes.starts, say };
  const result = {
    commit: commit(),
    when: new Date().toISOString(),
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? "",
  };
  Object.assign(result, { mode, rounds: how.rounds, legs: {} });
  for (const key of Object.keys(LEGS)) if (only.includes(key)) result.legs[key] = await measureLeg(key, sizes, how);
  if (only.includes("aggregate"))
    for (const [target, lives] of Object.entries(await measureLives(sizes, how))) Object.assign(result.legs.aggregate[target], lives);
  if (only.includes("growth")) result.growth = await measureGrowth(sizes, how);
  if (only.includes("callers")) result.callers = await measureCallers(sizes, how);
  if (only.includes("overhead")) result.overhead = await measureOverhead(sizes, how);
  if (only.includes("sign-in")) result.signIn = await measureSignIn(sizes, how);
  return { ...result, ...tally, seconds: Math.round(performance.now() / 1000) };
}

async function main() {
  const chosen = options();
  if (chosen.help) return void process.stdout.write(`${USAGE}\n`);
  if (process.platform !== "linux") throw new Error("CPU time and memory are read from /proc: the bench runs on Linux only");
  setTimeout(() => {
    process.stderr.write(`the bench takes longer than ${LONGEST / 60_000} minutes: it ends\n`);
    process.exit(1);
  }, LONGEST).unref();
  const earlier = chosen.compare && JSON.parse(readFileSync(chosen.compare, "utf8"));
  const result = chosen.from ? JSON.parse(readFileSync(chosen.from, "utf8")) : await measure(chosen);
  await finish();
  process.stdout.write(`${text(result)}\n`);
  if (earlier) process.stdout.write(`\n${compared(result, earlier)}\n`);
  if (chosen.json) writeFileSync(chosen.json, `${JSON.stringify(result)}\n`);
  const folder = chosen.plots ?? join(ROOT, ".tmp/bench");
  if (writePlots(result, folder).length > 0) process.stdout.write(`\nPlots: ${folder}\n`);
  if (chosen.write && result.errors === 0) publish(result);
  process.exitCode = result.errors === 0 ? 0 : 1;
}

main().catch((error) => {
  process.stderr.write(`${error.code?.startsWith?.("ERR_PARSE_ARGS") ? `${error.message}\n\n${USAGE}` : (error.stack ?? error)}\n`);
  process.exit(1);
});
