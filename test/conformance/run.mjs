// Runs the official conformance suite against fixtures, directly and through the host: the requirement sets of 2025-11-25 and of
// 2026-07-28, each with a server of its own era, of the other and of both behind the host, the scenarios of the tasks extension,
// those for clients with the host as the client, and those about signing in, with the host as who has to. Whatever passes directly must pass through the host; there is no list of
// exceptions. runner/targets.mjs has the runs.
//
//   npm run conformance -- [--revision SET] [--only RUN] [--scenario NAME] [--verbose]

import { setMaxListeners } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { judgeClient, judgeDirect, judgeScored, judgeThrough, judgeUnfailing } from "./runner/judge.mjs";
import { Processes } from "./runner/processes.mjs";
import { printRun, printTable } from "./runner/report.mjs";
import {
  install,
  listClientScenarios,
  listScenarios,
  listSignInScenarios,
  listTaskScenarios,
  runClient,
  runScenarios,
  runSuite,
} from "./runner/suite.mjs";
import { RUNS, UNFIT } from "./runner/targets.mjs";

const RUN_DEADLINE_MS = 180_000;
const TASKS = "tasks";
/** The client that the suite starts. */
const CLIENT = `${process.execPath} ${join(import.meta.dirname, "client.mjs")}`;
const SIGNED_IN = `${process.execPath} ${join(import.meta.dirname, "sign-in.mjs")}`;
const SETS = Object.keys(RUNS);
const NAMES = [...new Set(Object.values(RUNS).flatMap(Object.keys))];

const text = { type: "string" };
const { values: options } = parseArgs({
  options: { revision: text, only: text, scenario: text, verbose: { type: "boolean", default: false } },
});
if (options.only && !NAMES.includes(options.only)) fail(`--only is one of ${NAMES.join(", ")}`);
if (options.revision && !SETS.includes(options.revision)) fail(`--revision is one of ${SETS.join(", ")}`);

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

for (const set of SETS) if (!options.revision || options.revision === set) await performAll(set);
if (interrupted.signal.aborted) process.exitCode = 1;

/** The scenarios of a set, whether each is scored, and how they are run. */
function scenariosOf(set) {
  const [, revision] = /^client-(.+)$/.exec(set) ?? [];
  if (revision)
    return {
      scored: listClientScenarios(revision),
      examine: (processes, { folder, scenarios }) => runClient(processes, { command: CLIENT, folder, revision, scenarios }),
    };
  const [, signIn] = /^sign-in-(.+)$/.exec(set) ?? [];
  if (signIn)
    return {
      scored: listSignInScenarios(signIn, UNFIT),
      examine: (processes, { folder, scenarios }) => runClient(processes, { command: SIGNED_IN, folder, revision: signIn, scenarios }),
    };
  if (set === TASKS) return { scored: listTaskScenarios(), examine: runScenarios };
  return {
    scored: listScenarios(set),
    examine: (processes, { url, folder }) => runSuite(processes, { url, folder, revision: set, scenario: options.scenario }),
  };
}

/** One set of scenarios, over all its targets. */
async function performAll(set) {
  const { scored, examine } = scenariosOf(set);
  if (options.scenario && !scored.has(options.scenario)) {
    if (options.revision) fail(`--scenario is one of ${[...scored.keys()].join(", ")}`);
    return;
  }
  const expected = options.scenario ? [options.scenario] : [...scored.keys()];
  const wanted = new Map(expected.map((scenario) => [scenario, scored.get(scenario)]));
  console.log(`\n${set}\n`);
  const all = RUNS[set];
  // What others are compared with comes first, and is always made.
  const names = Object.keys(all).filter((name) => !options.only || name === options.only || name === all[options.only]?.like);
  const runs = {};
  for (const name of names) {
    const { start, isDirect, like, tries = 1 } = all[name];
    if (interrupted.signal.aborted) break;
    if (runs[like]?.problems.length > 0) continue; // there is no use in it
    const judge = (found) => {
      if (!start) return judgeClient(expected, found);
      if (like) return judgeThrough(expected, found, runs[like]);
      if (!isDirect) return judgeScored(wanted, found);
      return set === TASKS ? judgeUnfailing(expected, found) : judgeDirect(expected, found);
    };
    const run = async (processes, own) => {
      const results = join(own, "results");
      mkdirSync(results, { recursive: true });
      return examine(processes, { url: await start?.(processes, own), folder: results, scenarios: expected });
    };
    for (let turn = 1; turn <= tries && !interrupted.signal.aborted; turn++) {
      runs[name] = { name, ...(await perform(join(folder, set, `${name}-${turn}`), run, judge)) };
      printRun(runs[name], expected);
      if (runs[name].problems.length === 0) break;
    }
  }
  printTable(Object.values(runs), expected, scored);
  if (Object.values(runs).some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}

/** One run with processes of its own. */
async function perform(own, run, judge) {
  const began = Date.now();
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(RUN_DEADLINE_MS)]);
  setMaxListeners(0, signal); // each process of a run hears it
  const processes = new Processes({ signal, verbose: options.verbose });
  const kill = () => processes.kill();
  process.once("exit", kill);
  let outcome;
  try {
    const found = await run(processes, own);
    outcome = { scenarios: found.scenarios, problems: judge(found) };
  } catch (error) {
    const problem = error.name === "TimeoutError" ? `not done within ${RUN_DEADLINE_MS / 1_000} s` : error.message;
    outcome = { scenarios: new Map(), problems: [problem] };
  } finally {
    await processes.stop();
    process.off("exit", kill);
  }
  return { ...outcome, seconds: (Date.now() - began) / 1_000 };
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
