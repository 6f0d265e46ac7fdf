// Processes of the bench: starting them in groups of their own, reading what /proc says of them, and ending them.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

/** utime and stime of /proc/PID/stat count in ticks of 10 ms on every Linux that Node runs on. */
const TICK = 10;
const live = new Set();

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts `argv` in a process group of its own; `stderr()` is the end of what it said, `exited` resolves when it is gone. */
export function start(argv, { env = {}, cwd, stdout = "ignore" } = {}) {
  const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ["pipe", stdout, "pipe"], detached: true });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-4000);
  });
  child.stdin.on("error", () => {}); // it ended while we wrote: `exited` tells
  const started = { child, pid: child.pid, gone: false, stderr: () => said };
  started.exited = new Promise((resolve) => {
    const ended = () => {
      started.gone = true;
      live.delete(started);
      resolve();
    };
    child.once("exit", ended).once("error", ended);
  });
  live.add(started);
  return started;
}

/** The address that a process prints on standard error once it listens. */
export async function addressOf(started, patience = 20_000) {
  for (const end = performance.now() + patience; performance.now() < end && !started.gone; await pause(2)) {
    const [, url] = /listen.*?(http:\/\/127\.0\.0\.1:\d+[^\s"]*)/s.exec(started.stderr()) ?? [];
    if (url) return url;
  }
  throw new Error(`${started.child.spawnargs.slice(1, 4).join(" ")} does not listen: ${started.stderr()}`);
}

/** Asks a process to end, and ends its whole group if it does not within `patience` milliseconds. */
export async function stop(started, patience = 5_000) {
  if (!started || started.gone) return;
  started.child.stdin.end();
  started.child.kill("SIGTERM");
  const timer = setTimeout(() => killGroup(started), patience);
  await started.exited;
  clearTimeout(timer);
}

function killGroup({ pid }) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // gone already
  }
}

/** Nothing outlives the bench: whatever way it ends, the groups that still run end with it. */
process.on("exit", () => [...live].forEach(killGroup));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));

/** Milliseconds of CPU time that a process has used, all threads, user and system. */
export function cpu(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

function memory(pid, key) {
  const [, kib] = new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  return Number(kib) / 1024;
}

/** Resident memory now, and its highest value since `resetPeak`, in MiB. */
export const rss = (pid) => memory(pid, "VmRSS");
export const peak = (pid) => memory(pid, "VmHWM");
export const resetPeak = (pid) => writeFileSync(`/proc/${pid}/clear_refs`, "5");

/** The value below which `share` of the sorted values lie. */
export const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;

export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function shuffled(values) {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}
