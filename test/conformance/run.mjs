// Runs the official conformance suite against the fixture, directly and through the host, and demands the same checks of both.
//
//   npm run conformance -- [--only direct|stdio|http|three|plugins] [--scenario NAME] [--verbose]

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { judgeDirect, judgeThrough } from "./runner/judge.mjs";
import { Processes } from "./runner/processes.mjs";
import { printRun, printTable } from "./runner/report.mjs";
import { install, listScenarios, runSuite } from "./runner/suite.mjs";
import { TARGETS } from "./runner/targets.mjs";

const RUN_DEADLINE_MS = 180_000;

const { values: options } = parseArgs({
  options: { only: { type: "string" }, scenario: { type: "string" }, verbose: { type: "boolean", default: false } },
});
if (options.only && !Object.hasOwn(TARGETS, options.only)) fail(`--only is one of ${Object.keys(TARGETS).join(", ")}`);

install();
const scored = listScenarios();
if (options.scenario && !scored.has(options.scenario)) fail(`--scenario is one of ${[...scored.keys()].join(", ")}`);
const expected = options.scenario ? [options.scenario] : [...scored.keys()];

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(1); // The second time somebody cannot wait for the processes to end.
    interrupted.abort(new Error(`interrupted by ${signal}`));
  });
}

const folder = mkdtempSync(join(tmpdir(), "mcp-host-conformance-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

// What the others are compared with comes first and is always made; unless it is clean there is no use in the others.
const through = Object.keys(TARGETS).filter((name) => name !== "direct" && (!options.only || name === options.only));
const runs = {};
for (const name of ["direct", ...through]) {
  if (interrupted.signal.aborted || runs.direct?.problems.length > 0) break;
  const judge = name === "direct" ? judgeDirect : judgeThrough;
  runs[name] = await perform(name, (found) => judge(expected, found, runs.direct));
}
printTable(Object.values(runs), expected, scored);
if (interrupted.signal.aborted || Object.values(runs).some(({ problems }) => problems.length > 0)) process.exitCode = 1;

async function perform(name, judge) {
  const began = Date.now();
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(RUN_DEADLINE_MS)]);
  const processes = new Processes({ signal, verbose: options.verbose });
  const kill = () => processes.kill();
  process.once("exit", kill);
  let outcome;
  try {
    const results = join(folder, name, "results");
    mkdirSync(results, { recursive: true });
    const url = await TARGETS[name](processes, join(folder, name));
    const found = await runSuite(processes, { url, folder: results, scenario: options.scenario });
    outcome = { scenarios: found.scenarios, problems: judge(found) };
  } catch (error) {
    const problem = error.name === "TimeoutError" ? `not done within ${RUN_DEADLINE_MS / 1_000} s` : error.message;
    outcome = { scenarios: new Map(), problems: [problem] };
  } finally {
    await processes.stop();
    process.off("exit", kill);
  }
  const run = { name, ...outcome, seconds: (Date.now() - began) / 1_000 };
  printRun(run, expected);
  return run;
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
