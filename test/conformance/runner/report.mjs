// What is printed: a line per run, then a table of all of them.

import { failed, passed } from "./judge.mjs";

export function printRun({ name, scenarios, problems, seconds }, expected) {
  const all = [...scenarios.values()];
  const counts = [
    `${scenarios.size} of ${expected.length} scenarios`,
    `${sum(all.map(passed))} checks passed`,
    `${sum(all.map(failed))} failed`,
  ];
  console.log(`${problems.length === 0 ? "✓" : "✗"} ${name.padEnd(6)} ${counts.join(", ")}, ${seconds.toFixed(1)} s`);
  for (const problem of problems) console.log(`    ${problem.replaceAll("\n", "\n    ")}`);
}

/** The checks that passed, by scenario and run; those that failed after a slash. `scored`: scenario → whether it counts. */
export function printTable(runs, expected, scored) {
  const label = (scenario) => (scored.get(scenario) ? scenario : `${scenario} (not scored)`);
  const cell = (checks) => (checks ? `${passed(checks)}${failed(checks) > 0 ? `/${failed(checks)}` : ""}` : "–");
  const rows = [
    ["Checks passed", ...runs.map(({ name }) => name)],
    ...expected.map((scenario) => [label(scenario), ...runs.map(({ scenarios }) => cell(scenarios.get(scenario)))]),
    ["All", ...runs.map(({ scenarios }) => sum([...scenarios.values()].map(passed)))],
  ];
  const width = Math.max(...rows.map(([head]) => head.length));
  console.log();
  for (const [head, ...cells] of rows) console.log(head.padEnd(width) + cells.map((text) => String(text).padStart(8)).join(""));
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
