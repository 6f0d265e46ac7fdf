#!/usr/bin/env node
// `npm run profile`: a CPU profile and heap snapshots of the host under the bench's load. docs/performance.md says how to read them.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { grown, heap } from "./heap.mjs";
import { LEGS } from "./legs.mjs";
import { flood, tally } from "./load.mjs";
import { pause } from "./measure.mjs";
import { selfTimes } from "./self-times.mjs";
import { table } from "./table.mjs";
import { ALL, bring, FORWARDER_TARGET, finish, HOST, ROOT } from "./targets.mjs";

const TARGETS = { host: HOST, all: ALL, forwarder: FORWARDER_TARGET };
const USAGE = `npm run profile -- [options]
  --leg LEG        one of ${Object.keys(LEGS).join(", ")} (default http-http)
  --target NAME    one of ${Object.keys(TARGETS).join(", ")}: without plugins, with all stock plugins, the yardstick (default host)
  --calls N        calls that count, after as many to warm up (default 20000)`;

function options() {
  const { values } = parseArgs({
    options: {
      leg: { type: "string", default: "http-http" },
      target: { type: "string", default: "host" },
      calls: { type: "string", default: "20000" },
      help: { type: "boolean", default: false },
    },
  });
  const calls = Number(values.calls);
  if (!LEGS[values.leg]) throw new Error(`--leg: there is no "${values.leg}"\n\n${USAGE}`);
  if (!TARGETS[values.target]) throw new Error(`--target: there is no "${values.target}"\n\n${USAGE}`);
  if (!(Number.isInteger(calls) && calls > 0)) throw new Error(`--calls: "${values.calls}" is no number of calls`);
  return { ...values, calls };
}

/** Has the host write a heap snapshot, which Node does on this signal, and waits until it is whole. */
async function snapshot(running, folder, name) {
  const known = new Set(readdirSync(folder));
  running.process.child.kill("SIGUSR2");
  let size = 0;
  for (const end = performance.now() + 60_000; performance.now() < end; await pause(300)) {
    const file = readdirSync(folder).find((each) => each.endsWith(".heapsnapshot") && !known.has(each));
    if (!file) continue;
    const now = statSync(join(folder, file)).size;
    if (now > 0 && now === size) {
      renameSync(join(folder, file), join(folder, name));
      return heap(JSON.parse(readFileSync(join(folder, name), "utf8")));
    }
    size = now;
  }
  throw new Error("the host wrote no heap snapshot within a minute");
}

/** Loads a target under a profiler whose files go to `folder`; gives what `work` gives. */
async function under(flags, { target, leg }, work) {
  const running = await bring(TARGETS[target], LEGS[leg].shape, flags);
  try {
    await running.complete();
    return await work(running);
  } finally {
    await running.close(); // it writes its CPU profile when it ends
  }
}

async function cpuProfile(chosen, folder) {
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-name=host.cpuprofile", "--cpu-prof-interval=250"];
  const calls = chosen.calls * 2;
  // The first half is in the profile, too, but not in the report: it is where the code was not compiled yet.
  const half = await under(flags, chosen, async (running) => {
    await flood(running, 10, 32, { calls: chosen.calls });
    const from = performance.now() - running.startedAt;
    await flood(running, 10, 32, { calls: chosen.calls });
    return from;
  });
  const profile = JSON.parse(readFileSync(join(folder, "host.cpuprofile"), "utf8"));
  const { files, functions, busy } = selfTimes(profile, half, ROOT);
  const each = (rows) => rows.map(({ name, ms }) => [name, (ms * 1000) / chosen.calls, (ms / busy) * 100]);
  const cells = (rows) => each(rows).map(([name, us, share]) => [name, us.toFixed(2), share.toFixed(1)]);
  process.stdout.write(
    `Self time by file, of ${((busy * 1000) / chosen.calls).toFixed(1)} µs per call (${calls} calls, the second half)\n\n`,
  );
  process.stdout.write(`${table({ head: ["file", "µs per call", "%"], rows: cells(files.slice(0, 25)) })}\n\n`);
  process.stdout.write(`${table({ head: ["function", "µs per call", "%"], rows: cells(functions.slice(0, 35)) })}\n\n`);
}

async function heapGrowth(chosen, folder) {
  const flags = ["--heapsnapshot-signal=SIGUSR2", `--diagnostic-dir=${folder}`];
  const [before, after] = await under(flags, chosen, async (running) => {
    await flood(running, 10, 32, { calls: chosen.calls });
    const first = await snapshot(running, folder, "before.heapsnapshot");
    await flood(running, 10, 32, { calls: chosen.calls });
    return [first, await snapshot(running, folder, "after.heapsnapshot")];
  });
  const kib = (bytes) => (bytes / 1024).toFixed(0);
  const rows = grown(before, after).map(({ name, count, bytes, moreCount, moreBytes }) => [
    name,
    count,
    kib(bytes),
    moreCount,
    kib(moreBytes),
  ]);
  process.stdout.write(`What is in the heap after ${chosen.calls * 2} calls, and what the second half of them added\n\n`);
  process.stdout.write(`${table({ head: ["kind", "count", "KiB", "more", "KiB more"], rows: rows.slice(0, 25) })}\n\n`);
}

async function main() {
  const chosen = options();
  if (chosen.help) return void process.stdout.write(`${USAGE}\n`);
  const folder = join(ROOT, ".tmp/profile");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await cpuProfile(chosen, folder);
  await heapGrowth(chosen, folder);
  await finish();
  process.stdout.write(`Files for the developer tools of a browser: ${folder}\n`);
  if (tally.errors > 0) throw new Error(`calls failed: ${JSON.stringify(tally.messages)}`);
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
