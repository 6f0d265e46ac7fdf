// The table of a run, and the results that are committed; docs/fidelity.md is made of them.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

const RESULTS = join(import.meta.dirname, "results.json");

export function printLine({ line: { server, version }, differences }) {
  console.log(`${differences.length === 0 ? "equal    " : "DIFFERENT"}  ${server} ${version}`);
  for (const difference of differences) console.log(`             ${difference.replaceAll("\n", "\n             ")}`);
}

export function print(results) {
  const rows = results.map(({ line: { server, version, lists, asks, fails, equal } }) => ({
    server,
    version,
    ...(lists && { ...lists, asks: Object.values(asks).reduce((sum, times) => sum + times, 0) }),
    ...(fails !== undefined && { fails }),
    host: equal.host,
    plugins: equal.plugins,
  }));
  console.table(rows);
  const different = results.filter(({ differences }) => differences.length > 0).length;
  console.log(`${results.length - different} of ${results.length} servers are behind the host what they are without it`);
}

/** @param lines in the order of servers.mjs */
export function write(lines) {
  writeFileSync(RESULTS, `${JSON.stringify(lines, null, 2)}\n`);
}
