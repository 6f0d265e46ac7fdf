import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { askStatus, findHosts } from "../../operator/control-client.ts";
import { isAlive, processFacts, startedAt } from "../../operator/processes.ts";
import { type DaemonFileFlags, daemonFiles } from "./daemon-files.ts";

/** How long a daemon may take to listen. */
export const START_DEADLINE = 60_000;
/** The start of a process is known to about a second. */
const INACCURACY = 2_000;
/** What the command line of every daemon has. */
const DAEMON_PROGRAM = join("cli", "detached.js");
/** How often a file that changes hands meanwhile is looked at again. */
const ATTEMPTS = 5;

/** A daemon with the same config or pid file runs. */
export class AlreadyRunningError extends Error {
  readonly pid: number;
  constructor(pid: number, what: string) {
    super(`${what} runs already with pid ${pid}; stop it with \`mcp-host stop --pid ${pid}\`, or use \`mcp-host restart --pid ${pid}\``);
    this.name = "AlreadyRunningError";
    this.pid = pid;
  }
}

/**
 * The file that holds a daemon's process id, and with it the right to be the only daemon of its config. It is made in one step with its
 * content, so that of two that start at once one wins.
 */
export class PidFile {
  readonly path: string;
  /** The process whose file was taken over, because it is gone. */
  readonly stale: number | undefined;
  readonly #release = (): void => this.release();

  private constructor(path: string, stale: number | undefined) {
    this.path = path;
    this.stale = stale;
    process.once("exit", this.#release);
  }

  /**
   * Takes the file for this process.
   * @throws AlreadyRunningError when a daemon has it, or one with the same config runs
   * @throws Error when the file cannot be written or is none of ours
   */
  static async take(path: string, config: string): Promise<PidFile> {
    const [running] = (await findHosts({ config })).filter(({ daemon }) => daemon !== undefined);
    if (running && running.pid !== process.pid) throw new AlreadyRunningError(running.pid, `a daemon with the config ${config}`);
    const draft = `${path}.${process.pid}`;
    let stale: number | undefined;
    let drafted = false;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      rmSync(draft, { force: true }); // of a process that had the same number
      writeFileSync(draft, `${process.pid}\n`, { mode: 0o600, flag: "wx" }); // never through somebody's link
      drafted = true;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (succeeds(() => linkSync(draft, path), "EEXIST")) return new PidFile(path, stale);
        const text = readIfThere(path);
        const pid = text === undefined ? undefined : await holderOf(path, text);
        if (pid !== undefined) throw new AlreadyRunningError(pid, `a daemon with the pid file ${path}`);
        if (text !== undefined && remove(path, text)) stale = Number(text);
      }
      throw new Error(`the pid file ${path} changes hands all the time; try again`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw code === undefined ? error : new Error(`the pid file ${path} cannot be written (${code}); name another with --pid-file`);
    } finally {
      if (drafted) rmSync(draft, { force: true });
    }
  }

  /** Whether the file still names this process: somebody may have removed it. @throws AlreadyRunningError when another daemon has it */
  check(): void {
    const pid = Number(readIfThere(this.path) ?? process.pid);
    if (pid !== process.pid) throw new AlreadyRunningError(pid, `a daemon with the pid file ${this.path}`);
  }

  release(): void {
    process.off("exit", this.#release);
    if (readIfThere(this.path) === `${process.pid}\n`) rmSync(this.path, { force: true });
  }
}

/** What a pid file says of a daemon that does not answer. */
export interface MuteDaemon {
  readonly pid: number;
  readonly pidFile: string;
  /** Why the process with that number may be another: then nobody may send it a signal. */
  readonly doubt: string | undefined;
}

/** The daemon with this config or pid file that cannot be asked, because its socket is lost (as XDG_RUNTIME_DIR is at a logout), and that has its pid file still. */
export async function muteDaemon(flags: DaemonFileFlags): Promise<MuteDaemon | undefined> {
  try {
    const given = flags["pid-file"];
    const pidFile = given === undefined ? (await daemonFiles(flags)).pidFile : resolve(given);
    const text = readIfThere(pidFile);
    const pid = text === undefined ? undefined : await holderOf(pidFile, text);
    return pid === undefined ? undefined : { pid, pidFile, doubt: doubtOf(pidFile, pid) };
  } catch {
    return undefined; // no config here, or no pid file of ours: then there is none
  }
}

/** What speaks against a process being the daemon that wrote a pid file: it is this user's, runs a daemon's program, and had just been started then. */
function doubtOf(path: string, pid: number): string | undefined {
  const process = processFacts(pid);
  if (!process) return "this system does not tell what that process is";
  const { uid } = userInfo();
  if (statSync(path).uid !== uid || process.uid !== uid) return "the file or the process is another user's";
  if (!process.command.includes(DAEMON_PROGRAM)) return "that process runs another program";
  const age = mtimeOf(path) - process.started;
  return age < -INACCURACY || age > START_DEADLINE ? "that process was started at another time than the file was written" : undefined;
}

/** The daemon that holds a pid file with this text, or undefined when it is gone and its number free or another program's. */
async function holderOf(path: string, text: string): Promise<number | undefined> {
  if (!/^\d*\s*$/.test(text)) throw new Error(`${path} is no pid file; name another with --pid-file`);
  const pid = Number(text);
  // Process ids begin anew with each container: the number may be this process's.
  if (pid === 0 || pid === process.pid || !isAlive(pid)) return undefined;
  const status = await askStatus(pid).catch(() => undefined);
  if (status) return status.daemon?.pidFile === path ? pid : undefined;
  // It starts or ends at this moment, or its socket is lost (as XDG_RUNTIME_DIR is at a logout), or the number is another program's.
  const written = mtimeOf(path);
  const started = startedAt(pid);
  const holds = started === undefined ? Date.now() - written < START_DEADLINE : started <= written + INACCURACY;
  return holds ? pid : undefined;
}

/** Removes a file that has this text still. What somebody else has written meanwhile is put back. */
function remove(path: string, text: string): boolean {
  const aside = `${path}.${process.pid}.stale`;
  if (!succeeds(() => renameSync(path, aside), "ENOENT")) return false;
  const same = readIfThere(aside) === text;
  if (!same) succeeds(() => linkSync(aside, path), "EEXIST");
  rmSync(aside, { force: true });
  return same;
}

function succeeds(work: () => void, unless: string): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === unless) return false;
    throw error;
  }
}

function mtimeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
