import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isObject, type Json } from "../wire/message.ts";

export interface TestProcessOptions {
  /** As in a config file; a module of yours by its URL: `[new URL("./quota.ts", import.meta.url), { perMinute: 1 }]`. */
  plugins?: readonly (string | URL | readonly [use: string | URL, options?: unknown] | Readonly<Json>)[];
  /** The rest of the config, as in a file. It listens at a port of the system's choice, unless this says otherwise. */
  config?: Readonly<Json>;
  /** Variables beside those of the test's own process. */
  env?: Readonly<Record<string, string>>;
}

/** How a command ended. */
export interface CommandOutcome {
  /** The exit code. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host as `mcp-host start` runs it, in a process of its own. */
export interface TestProcess extends AsyncDisposable {
  /** Where clients and routes find it. */
  readonly url: string;
  /** Its config file, in a temporary folder with nothing else of anybody's. */
  readonly config: string;
  /** Runs `mcp-host` with these words and the host's config: `run("quota", "reset", "ada")`. */
  run(...words: readonly string[]): Promise<CommandOutcome>;
  /** Stops the host and removes the folder. */
  close(): Promise<void>;
}

const BIN = fileURLToPath(new URL("../../bin/mcp-host.js", import.meta.url));
/** Processes take their time on a busy machine. What hangs is killed. */
const DEADLINE = 25_000;
const MOST_OUTPUT = 16 * 1024 * 1024;

/**
 * Starts a host in a process of its own, for what a host in memory does not have: commands. Give the test more time than runners do: 30 s.
 * @throws Error with what the process said, where it does not serve
 */
export async function startTestProcess({ plugins = [], config = {}, env = {} }: TestProcessOptions): Promise<TestProcess> {
  const folder = await mkdtemp(join(tmpdir(), "mcp-host-"));
  const file = join(folder, "mcp-host.config.json");
  // Its sockets, backups and state are in the folder, and nobody else's are found.
  const around = { ...process.env, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder, ...env };
  const listen = { port: 0, ...(config.listen as Json | undefined) }; // what is no object, the host refuses
  await writeFile(file, JSON.stringify({ mcpServers: {}, ...config, listen, plugins: plugins.map(entryOf) }));
  const child = spawn(process.execPath, [BIN, "start", "--config", file], { env: around, stdio: ["ignore", "ignore", "pipe"] });
  const close = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await urlOf(child);
    const run = (...words: readonly string[]): Promise<CommandOutcome> => outcomeOf([BIN, ...words, "--config", file], around);
    return { url, config: file, run, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A plugin as a config file names it. */
function entryOf(given: NonNullable<TestProcessOptions["plugins"]>[number]): unknown {
  const named = (use: unknown): unknown => (use instanceof URL ? fileURLToPath(use) : use);
  if (Array.isArray(given)) return [named(given[0]), ...given.slice(1)];
  return isObject(given) && !(given instanceof URL) ? { ...given, use: named(given.use) } : named(given);
}

/** Waits until it serves; gives its address, which is what it says first of all addresses. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string): void => reject(new Error(`the host ${why}:\n${said}`));
    const late = setTimeout(fail, DEADLINE, `did not serve within ${DEADLINE / 1_000} s`);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => {
      clearTimeout(late);
      fail(`ended with code ${code}`);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-100_000);
      const [, url] = /^mcp-host serves \d{1,9} servers? at (http\S{1,300})/m.exec(said) ?? [];
      if (url === undefined) return;
      clearTimeout(late);
      resolve(url);
    });
  });
}

function outcomeOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandOutcome> {
  return new Promise((resolve, reject) => {
    const options = { env, timeout: DEADLINE, killSignal: "SIGKILL", maxBuffer: MOST_OUTPUT } as const;
    const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (error?.killed) reject(new Error(`the command did not end within ${DEADLINE / 1_000} s:\n${stderr}`));
      else resolve({ code: child.exitCode ?? 1, stdout, stderr });
    });
    child.stdin?.end(); // nobody answers questions
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), DEADLINE);
  await exit;
  clearTimeout(late);
}
