// Holds every package to the bounds that .c8rc.json sets for all of them, and to what it had before: what one has too much does not make up
// for another, and no package may fall. With --raise, what rose since is what counts from now on.
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

/** What two runs of the same tree may differ by, in points of a hundred: which branch a race takes is chance. */
const NOISE = 0.5;

const root = join(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    raise: { type: "boolean", default: false },
    summary: { type: "string", default: join(root, "coverage/coverage-summary.json") },
    floors: { type: "string", default: join(import.meta.dirname, "coverage-floors.json") },
  },
});
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const { lines, branches } = read(join(root, ".c8rc.json"));
const bounds = { lines, branches };
const floors = read(values.floors);
const { total: _, ...files } = read(values.summary);

const packages = new Map();
for (const [file, figures] of Object.entries(files)) {
  const [, name] = /^packages\/([^/]+)\//.exec(relative(root, file)) ?? [];
  const sums = packages.get(name) ?? { lines: { covered: 0, total: 0 }, branches: { covered: 0, total: 0 } };
  for (const [figure, sum] of Object.entries(sums)) {
    sum.covered += figures[figure].covered;
    sum.total += figures[figure].total;
  }
  packages.set(name, sums);
}

/** Per package and figure: the highest that a run had, as far as somebody raised it. */
const raised = {};
for (const [name, sums] of [...packages].sort()) {
  const had = floors[name] ?? bounds;
  raised[name] = {};
  const told = [];
  for (const [figure, { covered, total }] of Object.entries(sums)) {
    const share = total === 0 ? 100 : (100 * covered) / total;
    const least = Math.max(bounds[figure], had[figure] - NOISE);
    const isLow = share < least;
    raised[name][figure] = Math.max(had[figure], Math.floor(share * 10) / 10);
    told.push(`${share.toFixed(1)} % of ${figure}${isLow ? `: LESS than ${least.toFixed(1)} %` : ""}`);
    if (isLow) process.exitCode = 1;
  }
  console.log(`${name.padEnd(18)} ${told.join(", ")}`);
}
if (process.exitCode)
  console.log("A package may not have less than before (scripts/coverage-floors.json, with half a point for chance): test what is new.");
else if (values.raise) writeFileSync(values.floors, `${JSON.stringify(raised, null, 2)}\n`);
