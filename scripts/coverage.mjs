// Holds every package to the bounds that .c8rc.json sets for all of them: what one has too much does not make up for another.
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const { lines, branches } = JSON.parse(readFileSync(join(root, ".c8rc.json"), "utf8"));
const bounds = { lines, branches };
const { total: _, ...files } = JSON.parse(readFileSync(join(root, "coverage/coverage-summary.json"), "utf8"));

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

for (const [name, sums] of [...packages].sort()) {
  const share = ({ covered, total }) => (total === 0 ? 100 : (100 * covered) / total);
  const low = Object.keys(bounds).filter((figure) => share(sums[figure]) < bounds[figure]);
  const told = Object.entries(sums).map(([figure, sum]) => `${share(sum).toFixed(1)} % of ${figure}`);
  console.log(
    `${name.padEnd(18)} ${told.join(", ")}${low.length > 0 ? `: LESS than asked (${low.map((figure) => `${bounds[figure]} % of ${figure}`).join(", ")})` : ""}`,
  );
  if (low.length > 0) process.exitCode = 1;
}
