import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import spawn from "cross-spawn";
import { withDeadline } from "../wire/deadline.ts";
import { KeptOutput } from "./kept-output.ts";
import { releaseGroup, watchGroup } from "./watchdog.ts";

/** A stdio server's process as the operator's config names it. Nothing that comes over the network can name one: whoever could would run commands here. */
export interface ChildOptions {
  command: string;
  /** Added to the reason where the command is not there: what was probably meant. */
  hint?: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
}

/** What a child inherits unless its `env` says more: never the whole environment of the host, which holds secrets of others. */
export const INHERITED: readonly string[] =
  process.platform === "win32"
    ? [
        "APPDATA",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "USERNAME",
        "USERPROFILE",
      ]
    : ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"];

export function childEnvironment(declared: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    // A value that begins with "()" is an exported shell function.
    if (value !== undefined && !value.startsWith("()")) env[name] = value;
  }
  return { ...env, ...declared };
}

/** Children alive, so that none outlives the host even when it ends without closing. */
const alive = new Set<Child>();
const killAll = (): void => {
  for (const child of alive) {
    child.kill("SIGKILL");
    if (child.process.pid !== undefined) releaseGroup(child.process.pid);
  }
};

const STDIN_GRACE = 2_000;
const TERM_GRACE = 3_000;
/** Final frames may still be in the pipe when the process has gone. */
const DRAIN_GRACE = 100;

/**
 * One child process and its group. It is tracked from the moment of spawning, its stderr is always drained (a full pipe
 * blocks the child), its death is noticed at `exit` (a grandchild can hold the pipes open for ever), and its whole group
 * is killed: a wrapper such as npx goes at SIGTERM and leaves its child behind.
 */
export class Child {
  readonly process: ChildProcess;
  readonly #stderr = new KeptOutput();
  #gone = false;
  readonly #exited: Promise<void>;

  constructor(options: ChildOptions, events: { stdout(chunk: Buffer): void; gone(reason: string): void }) {
    this.process = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: childEnvironment(options.env),
      stdio: ["pipe", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
      shell: false,
    });
    if (alive.size === 0) process.on("exit", killAll);
    alive.add(this);
    if (this.process.pid !== undefined) watchGroup(this.process.pid);
    let settle!: () => void;
    this.#exited = new Promise((resolve) => {
      settle = resolve;
    });
    const gone = (reason: string): void => {
      if (this.#gone) return;
      this.#gone = true;
      events.gone(reason);
    };
    this.process.once("error", (error: NodeJS.ErrnoException) => {
      settle();
      // Before a pid exists the command could not be started.
      if (this.process.pid === undefined) {
        this.#release();
        gone(`cannot start "${options.command}": ${startFailure(error, options)}`);
      }
    });
    this.process.once("exit", (code, signal) => {
      settle();
      const reason = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      setTimeout(() => {
        this.process.stdout?.destroy();
        this.process.stderr?.destroy();
        gone(`its process ${reason}`);
      }, DRAIN_GRACE);
    });
    this.process.stdout?.on("data", events.stdout);
    this.process.stdout?.once("end", () => {
      // The end of stdout is the end of the conversation, whether or not the process lives on; its exit says why.
      setTimeout(() => gone("it closed its stdout"), 2 * DRAIN_GRACE).unref();
    });
    this.process.stderr?.on("data", (chunk: Buffer) => this.#stderr.keep(chunk));
    this.process.stdin?.on("error", () => {
      // A server that reads no more can be told nothing, whether or not it lives on; its exit, if that is why, says more.
      setTimeout(() => gone("it closed its stdin"), 2 * DRAIN_GRACE).unref();
    });
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on("error", () => {}); // told by exit
  }

  /** The first and the last lines of stderr. */
  get stderr(): string {
    return this.#stderr.text;
  }

  /** Signals the whole group, so that grandchildren go too, even when the child itself has gone already. */
  kill(signal: NodeJS.Signals): void {
    const { pid } = this.process;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.process.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // No such group: everybody is gone.
    }
  }

  /** Ends the group: stdin is closed, then SIGTERM, then SIGKILL. Resolves when the child is gone. */
  async end(): Promise<void> {
    this.process.stdin?.end();
    if (!(await this.#exitsWithin(STDIN_GRACE))) {
      this.kill("SIGTERM");
      await this.#exitsWithin(TERM_GRACE);
    }
    // Unconditionally: what the child left behind is in its group still.
    this.kill("SIGKILL");
    await this.#exitsWithin(TERM_GRACE);
    this.#release();
  }

  #exitsWithin(milliseconds: number): Promise<boolean> {
    return withDeadline(
      this.#exited.then(() => true),
      milliseconds,
      () => false,
    );
  }

  #release(): void {
    alive.delete(this);
    if (this.process.pid !== undefined) releaseGroup(this.process.pid);
    if (alive.size === 0) process.off("exit", killAll);
  }
}

function startFailure(error: NodeJS.ErrnoException, options: ChildOptions): string {
  const cwd = options.cwd.replace(homedir(), "~");
  // The system says the same of both.
  if (error.code === "ENOENT" && !existsSync(options.cwd)) return `no such folder "${cwd}" (ENOENT)`;
  if (error.code === "ENOENT") return `no such ${options.command.includes("/") ? "file" : "command on PATH"} (ENOENT)${options.hint ?? ""}`;
  if (error.code === "EACCES") return "it may not be executed (EACCES)";
  return error.code ?? error.message;
}
