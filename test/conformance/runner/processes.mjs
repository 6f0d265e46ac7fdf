// The processes of one run: each the leader of a group of its own, so that what it started goes with it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

const GRACE_MS = 5_000;
const READY_MS = 30_000;
const OUTPUT_KEPT = 64 * 1024;

export class Processes {
  #started = [];
  #signal;
  #verbose;

  /** `signal` ends every wait of this run. */
  constructor({ signal, verbose }) {
    this.#signal = signal;
    this.#verbose = verbose;
  }

  /** Starts `command`; what it prints, on either stream, is in `output`. */
  start(name, command, args, options = {}) {
    const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const started = { name, child, output: "", exited: once(child, "exit") };
    started.exited.catch(() => {}); // It could not be started; `ended` and `ready` say so.
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        started.output = (started.output + chunk).slice(-OUTPUT_KEPT);
        if (this.#verbose) process.stderr.write(chunk);
      });
    }
    this.#started.push(started);
    return started;
  }

  /** The exit code of a process that is expected to end. */
  async ended({ name, child, exited }) {
    await Promise.race([exited, this.#aborted()]);
    if (child.exitCode === null) throw new Error(`${name} was ended by ${child.signalCode}`);
    return child.exitCode;
  }

  /** Polls `probe` until it gives something, which means that `started` is ready. */
  async ready(started, probe) {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      this.#signal.throwIfAborted();
      const found = await probe();
      if (found) return found;
      const complaint = hasEnded(started.child) ? "ended before it was ready" : `was not ready within ${READY_MS / 1_000} s`;
      if (hasEnded(started.child) || Date.now() > deadline) throw new Error(`${started.name} ${complaint}:\n${started.output.trimEnd()}`);
      await delay(50);
    }
  }

  /** Asks each to end, newest first (a gateway before its upstreams), and kills what is left of its group. */
  async stop() {
    for (const { child, exited } of this.#started.toReversed()) {
      if (!hasEnded(child)) child.kill("SIGTERM");
      await Promise.race([exited.catch(() => {}), delay(GRACE_MS, undefined, { ref: false })]);
      killGroup(child);
    }
    this.#started = [];
  }

  /** The same, at once: for the moment before this process exits. */
  kill() {
    for (const { child } of this.#started) killGroup(child);
  }

  #aborted() {
    return new Promise((_resolve, reject) => {
      const abort = () => reject(this.#signal.reason);
      if (this.#signal.aborted) abort();
      this.#signal.addEventListener("abort", abort, { once: true });
    });
  }
}

function hasEnded({ pid, exitCode, signalCode }) {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

function killGroup({ pid }) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error; // ESRCH: nobody of the group is left
  }
}
