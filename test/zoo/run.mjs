// Real servers from npm, directly and through the host: what they list and answer is the same, and those that fail say why.
//
//   npm run zoo -- [--only PART-OF-A-NAME]

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { installLocked } from "../harness/locked.mjs";

const AT_ONCE = 2;
const TRIAL_MS = 300_000;

const { values: options } = parseArgs({ options: { only: { type: "string" } } });

installLocked(import.meta.dirname);
// What needs the installed packages is imported once they are there.
const { SERVERS } = await import("./servers.mjs");
const { evict, isIsolated } = await import("./place.mjs");
const { trial } = await import("./trial.mjs");
const { print, printLine, write } = await import("./report.mjs");

const names = Object.keys(SERVERS).filter((name) => name.includes(options.only ?? ""));
if (names.length === 0) throw new Error(`no server's name has "${options.only}" in it`);
if (!isIsolated) console.error("no network of their own can be made for the servers (unshare): they have this machine's");

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mcp-host-zoo-")));
process.once("exit", () => {
  evict(folder);
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

const results = new Map();
const waiting = [...names];
await Promise.all(Array.from({ length: AT_ONCE }, inTurn));
const ordered = names.map((name) => results.get(name));
print(ordered);
if (!options.only) write(ordered.map(({ line }) => line));
process.exit(ordered.some(({ differences }) => differences.length > 0) ? 1 : 0); // a trial that is late may still be waiting

async function inTurn() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const result = await inTime(name, trial(name, SERVERS[name], join(folder, name.replace("/", "+"))));
    results.set(name, result);
    printLine(result);
  }
}

/** Every wait of a trial has a deadline of its own; this one is for all of them together. */
async function inTime(server, done) {
  const line = { server, equal: { host: false, plugins: false } };
  const differences = [`was not done within ${TRIAL_MS / 1_000} s`];
  const late = new AbortController();
  try {
    return await Promise.race([done, delay(TRIAL_MS, { line, differences }, late)]);
  } finally {
    late.abort();
  }
}
