// What a run says: the text that is printed, and what `--write` keeps of it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { barsTable } from "./bars.mjs";
import { callersTable, growthTable, mainTable, overheadTable, ratio, shown, signInTable } from "./figures.mjs";
import { LEGS } from "./legs.mjs";
import { median } from "./measure.mjs";
import { plots } from "./plots.mjs";
import { table } from "./table.mjs";
import { ROOT, STOCK, TARGETS } from "./targets.mjs";

const titles = Object.fromEntries(Object.entries(LEGS).map(([key, { title }]) => [key, title]));
const RESULTS = join(ROOT, "bench/results");

/** Where and how a run was measured, in one line. */
function circumstances({ commit, when, node, cpus, cpu, rounds, seconds, calls, mode }) {
  const kind = mode === "full" ? "" : ` (--${mode}: too short for figures to be quoted)`;
  return `Commit ${commit}, ${when.slice(0, 10)}, Node ${node}, ${cpus} CPUs (${cpu}), ${rounds} rounds, ${shown(calls, 0)} calls in ${shown(seconds, 0)} s${kind}.`;
}

/** Every part of a run with its heading; parts that were not measured are left out. */
function sections(result) {
  const parts = [];
  if (Object.keys(result.legs).length > 0) {
    parts.push(["Figures", table(mainTable(result, titles))]);
    parts.push(["Bars", table(barsTable(result, titles))]);
  }
  if (result.growth) parts.push(["Growth", table(growthTable(result))]);
  if (result.callers) parts.push(["Callers", table(callersTable(result))]);
  if (result.overhead) parts.push(["Plugins", table(overheadTable(result))]);
  if (result.signIn) parts.push(["Sign-in", table(signInTable(result))]);
  return parts;
}

/** A run as text. */
export function text(result) {
  const failures = Object.entries(result.messages).map(([message, count]) => `- ${count} × ${message}`);
  const errors = [`Errors and wrong payloads: ${result.errors}.`, ...failures].join("\n");
  return [circumstances(result), ...sections(result).map(([heading, body]) => `${heading}\n\n${body}`), errors].join("\n\n");
}

/** Writes the plots of a run into a folder; gives their names. */
export function writePlots(result, folder) {
  mkdirSync(folder, { recursive: true });
  const drawn = plots(result, titles);
  for (const [name, svg] of Object.entries(drawn)) writeFileSync(join(folder, name), svg);
  return Object.keys(drawn);
}

/** Keeps a run as the one that is published: bench/results/, docs/performance.md, and the overhead in each plugin's README. */
export function publish(result) {
  const drawn = writePlots(result, RESULTS);
  const file = join(RESULTS, "result.json");
  writeFileSync(
    file,
    JSON.stringify(result, (_, each) => (Number.isInteger(each) ? each : typeof each === "number" ? Number(each.toPrecision(4)) : each)),
  );
  execFileSync(join(ROOT, "node_modules/.bin/biome"), ["format", "--write", file], { stdio: "ignore" });
  const images = drawn.map((name) => `![${name.replace(".svg", "")}](../bench/results/${name})`).join("\n\n");
  const body = sections(result).map(([heading, part]) => `### ${heading}\n\n${part}`);
  replace("docs/performance.md", "figures", [circumstances(result), ...body, "### Plots", images].join("\n\n"));
  if (result.signIn) {
    const [added, noise] = ["signed in", "again"].map((name) => shown(median(result.signIn[name]), 1));
    const line = `Measured by \`npm run bench\`: ${added} µs of CPU per call more than with a fixed header, where a second host with a fixed header differs from the first by ${noise} µs.`;
    replace("packages/plugin-oauth/README.md", "signed-in", line);
  }
  if (!result.overhead) return;
  const noise = shown(Math.abs(median(result.overhead.again)), 1);
  for (const { name } of STOCK) {
    const added = shown(median(result.overhead[name]), 1);
    const line = `Measured by \`npm run bench\`: ${added} µs of CPU per call, where a second host without plugins differs from the first by ${noise} µs.`;
    replace(`packages/plugin-${name}/README.md`, "overhead", line);
  }
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->` in a file of the repository. */
function replace(file, name, body) {
  const path = join(ROOT, file);
  const page = readFileSync(path, "utf8");
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(open), page.indexOf(close)];
  if (from === -1 || to === -1) throw new Error(`${file} has no part ${open} … ${close} to write the figures into`);
  writeFileSync(path, `${page.slice(0, from + open.length)}\n\n${body}\n\n${page.slice(to)}`);
}

/** How the multiples of the forwarder changed since an earlier run: rows for figures that differ by more than a tenth. */
export function compared(result, earlier) {
  const rows = [];
  for (const [key, leg] of Object.entries(result.legs)) {
    if (!earlier.legs[key]) continue;
    for (const { name, title } of TARGETS.slice(2))
      for (const id of Object.keys(leg[name] ?? {})) {
        const [before, now] = [ratio(earlier.legs[key], name, id), ratio(leg, name, id)];
        if (Math.abs(now / before - 1) > 0.1) rows.push([titles[key], title, id, shown(before, 2), shown(now, 2), shown(now / before, 2)]);
      }
  }
  const head = ["leg", "target", "figure", `× at ${earlier.commit}`, "× now", "now / then"];
  const since = `Since ${circumstances(earlier)}`;
  return rows.length > 0
    ? `${since}\n\n${table({ head, rows })}`
    : `${since}\n\nNo multiple of the forwarder changed by more than a tenth.`;
}
