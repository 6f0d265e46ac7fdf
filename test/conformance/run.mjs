// Runs the official conformance suite against the fixture, directly and through the host, by both of its requirement sets:
// 2025-11-25, of which every check must be what it is without the host, and 2026-07-28, which the fixture does not speak by
// itself: of that every scored scenario must pass through the host. Then the scenarios of the tasks extension against a fixture
// that has it: every check must be what it is without the host.
//
//   npm run conformance -- [--revision 2025-11-25|2026-07-28|tasks] [--only direct|stdio|http|three|plugins] [--scenario NAME] [--verbose]

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { judgeDirect, judgeScored, judgeThrough, judgeUnfailing } from "./runner/judge.mjs";
import { Processes } from "./runner/processes.mjs";
import { printRun, printTable } from "./runner/report.mjs";
import { install, listScenarios, listTaskScenarios, runScenarios, runSuite } from "./runner/suite.mjs";
import { TARGETS, TASK_TARGETS } from "./runner/targets.mjs";

const RUN_DEADLINE_MS = 180_000;
const LEGACY = "2025-11-25";
const MODERN = "2026-07-28";
const TASKS = "tasks";
const REVISIONS = [LEGACY, MODERN, TASKS];

const text = { type: "string" };
const { values: options } = parseArgs({
  options: { revision: text, only: text, scenario: text, verbose: { type: "boolean", default: false } },
});
if (options.only && !Object.hasOwn(TARGETS, options.only)) fail(`--only is one of ${Object.keys(TARGETS).join(", ")}`);
if (options.revision && !REVISIONS.includes(options.revision)) fail(`--revision is one of ${REVISIONS.join(", ")}`);

install();

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(1); // The second time somebody cannot wait for the processes to end.
    interrupted.abort(new Error(`interrupted by ${signal}`));
  });
}

const folder = mkdtempSync(join(tmpdir(), "mcp-host-conformance-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

for (const revision of REVISIONS) if (!options.revision || options.revision === revision) await performAll(revision);
if (interrupted.signal.aborted) process.exitCode = 1;

/** One requirement set, over all targets. */
async function performAll(revision) {
  const isTasks = revision === TASKS;
  const scored = isTasks ? listTaskScenarios() : listScenarios(revision);
  if (options.scenario && !scored.has(options.scenario)) {
    if (options.revision) fail(`--scenario is one of ${[...scored.keys()].join(", ")}`);
    return;
  }
  const expected = options.scenario ? [options.scenario] : [...scored.keys()];
  const wanted = new Map(expected.map((scenario) => [scenario, scored.get(scenario)]));
  console.log(`\n${revision}\n`);
  // What the others are compared with comes first and is always made; unless it is clean there is no use in the others.
  const through = Object.keys(isTasks ? TASK_TARGETS : TARGETS).filter(
    (name) => name !== "direct" && (!options.only || name === options.only),
  );
  const runs = {};
  for (const name of revision === MODERN ? through : ["direct", ...through]) {
    if (interrupted.signal.aborted || runs.direct?.problems.length > 0) break;
    const judge = {
      [LEGACY]: (found) => (name === "direct" ? judgeDirect(expected, found) : judgeThrough(expected, found, runs.direct)),
      [MODERN]: (found) => judgeScored(wanted, found),
      [TASKS]: (found) => (name === "direct" ? judgeUnfailing(expected, found) : judgeThrough(expected, found, runs.direct)),
    };
    runs[name] = await perform(revision, name, expected, judge[revision]);
  }
  printTable(Object.values(runs), expected, scored);
  if (Object.values(runs).some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}

async function perform(revision, name, expected, judge) {
  const began = Date.now();
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(RUN_DEADLINE_MS)]);
  const processes = new Processes({ signal, verbose: options.verbose });
  const kill = () => processes.kill();
  process.once("exit", kill);
  let outcome;
  try {
    const own = join(folder, revision, name);
    const results = join(own, "results");
    mkdirSync(results, { recursive: true });
    const url = await (revision === TASKS ? TASK_TARGETS : TARGETS)[name](processes, own);
    const found =
      revision === TASKS
        ? await runScenarios(processes, { url, folder: results, scenarios: expected })
        : await runSuite(processes, { url, folder: results, revision, scenario: options.scenario });
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
