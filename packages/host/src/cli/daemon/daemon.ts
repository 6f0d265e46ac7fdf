import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { escapeControls } from "../../log.ts";
import type { ControlFacts } from "../../operator/control-protocol.ts";
import { exitsWithin } from "../../operator/processes.ts";
import { redactText } from "../../redact.ts";
import { EXIT } from "../command-line/exit.ts";
import { FailedElsewhere, type Failure } from "../command-line/failure.ts";
import { interruption } from "../command-line/interrupted.ts";
import { table } from "../terminal/table.ts";
import { type DaemonFileFlags, daemonFiles } from "./daemon-files.ts";
import { logLimits, openLog } from "./log-file.ts";
import { START_DEADLINE } from "./pid-file.ts";

export interface DaemonFlags extends DaemonFileFlags {
  "log-size"?: string | undefined;
  "log-files"?: string | undefined;
}

/** A host that runs in the background now. */
export interface Daemon {
  readonly pid: number;
  readonly url: string;
  readonly log: string;
  /** What its operator should read. */
  readonly warnings: readonly string[];
}

/** What the detached process tells the one that started it, once. */
export type FirstWord = { listening: { url: string; warnings: readonly string[] } } | { failed: Failure };

const PROGRAM = fileURLToPath(new URL("../../../bin/mcp-host.js", import.meta.url));
const DETACHED = fileURLToPath(new URL("../detached.js", import.meta.url));
/** How long a process that does not get ready may take to end, in order and then at once. */
const END = 3_000;
/** What is shown of the log of a process that died without a word. */
const TAIL = 8 * 1024;

/**
 * Starts the host as a process of its own, without a terminal, and waits until it listens.
 * @throws FailedElsewhere with its failure, as if it had been this process
 */
export async function startDaemon(flags: DaemonFlags, rawArgs: readonly string[]): Promise<Daemon> {
  logLimits(flags);
  const { logFile } = await daemonFiles(flags);
  const log = openLog(logFile);
  const before = fstatSync(log).size;
  const interrupted = interruption();
  // What Node.js itself says at its end (out of memory) goes to the log, too: it knows no other stream.
  const child = spawn(process.execPath, [...process.execArgv, DETACHED, ...rawArgs], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    windowsHide: true,
  });
  closeSync(log);
  try {
    const word = await Promise.race([interrupted.promise, firstWord(child, () => lastLines(logFile, before))]);
    if ("failed" in word) throw new FailedElsewhere(word.failed);
    const { url, warnings } = word.listening;
    const pid = child.pid as number; // it has spoken, so it was started
    return { pid, url, log: logFile, warnings: warnings.map(redactText) };
  } catch (error) {
    await end(child);
    throw error;
  } finally {
    interrupted.stop();
    child.unref();
  }
}

/**
 * Has another process do to this daemon what `mcp-host restart` does. What that says of itself goes to the daemon's log.
 * @param stopping resolves once the daemon has been told to stop: its config has been checked then
 * @throws Error where it could not run on its config, or nothing could be started; then it goes on
 */
export async function restartItself({ logFile }: NonNullable<ControlFacts["daemon"]>, stopping: Promise<void>): Promise<void> {
  const log = openLog(logFile);
  const before = fstatSync(log).size;
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, "restart", "--pid", String(process.pid)], {
    detached: true,
    stdio: ["ignore", log, log],
    windowsHide: true,
  });
  closeSync(log);
  child.unref();
  const over = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Error(`the host could not be restarted: ${error.message}`)));
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the host was not restarted, and goes on: ${lastLines(logFile, before).map(redactText).join("; ")}`));
    });
  });
  await Promise.race([stopping, over]);
}

/** Tells of a daemon in words. */
export function describeDaemon({ pid, url, log, warnings }: Daemon): void {
  for (const warning of warnings) process.stderr.write(`mcp-host: ${escapeControls(warning)}\n`);
  const rows = table([
    ["  pid", String(pid)],
    ["  url", url],
    ["  log", log],
  ]);
  process.stdout.write(`mcp-host runs in the background\n${rows}\n`);
}

/** Resolves with what the process tells, or with its failure when it dies or takes too long without a word. */
function firstWord(child: ChildProcess, said: () => string[]): Promise<FirstWord> {
  return new Promise((resolve) => {
    const failed = (text: string, code: number = EXIT.failure.code): void => {
      clearTimeout(timer);
      resolve({ failed: { code, text, problems: said() } });
    };
    const timer = setTimeout(() => failed(`the host did not listen within ${START_DEADLINE / 1000} s and was ended`), START_DEADLINE);
    child.once("error", (error) => failed(`the host could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      failed(`the host ended ${how} before it listened`, code || EXIT.failure.code);
    });
    child.once("message", (word) => {
      clearTimeout(timer);
      resolve(word as FirstWord); // detached.ts sends nothing else
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // No client came yet, so nothing has to be waited for: a second SIGTERM ends it at once, with its servers.
  for (const signal of ["SIGTERM", "SIGTERM", "SIGKILL"] as const) {
    child.kill(signal);
    if (await exitsWithin(pid, END)) return;
  }
}

/** The lines that were logged since the file had so many bytes, the last ones if they are many. */
function lastLines(path: string, from: number): string[] {
  try {
    const file = openSync(path, "r");
    const { size } = fstatSync(file);
    const start = Math.max(Math.min(from, size), size - TAIL);
    const bytes = Buffer.alloc(size - start);
    readSync(file, bytes, 0, bytes.length, start);
    closeSync(file);
    return bytes
      .toString("utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return []; // removed meanwhile
  }
}
