import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { vi } from "vitest";
import { httpTransport, sdkClient } from "./clients.ts";
import { BIN, MARKED, temporary } from "./hosts.ts";
import { type Output, runInProcess } from "./in-process.ts";

export type { Output };

/** How the program says that it is typed: it is run from its source, and nothing of it is on PATH. */
export const TYPED = `node ${BIN}`;

export interface Running extends AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  stdout(): string;
  stderr(): string;
  exited: Promise<Output>;
}

/** A folder with a config, and user folders of its own, so that no test sees another's sockets or credentials. */
export interface Home extends Disposable {
  readonly path: string;
  readonly env: Record<string, string>;
}

/** @param config written as mcp-host.config.json */
export function home(config?: unknown, files: Record<string, string> = {}): Home {
  const folder = temporary({ ...(config !== undefined && { "mcp-host.config.json": JSON.stringify(config) }), ...files });
  return {
    path: folder.path,
    env: {
      XDG_RUNTIME_DIR: join(folder.path, "run"),
      XDG_CONFIG_HOME: join(folder.path, "user"),
      XDG_STATE_HOME: join(folder.path, "state"),
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Starts `mcp-host` with the home's folder as its working directory. Killed at the end of the test if it runs still. */
export function start(at: Home, args: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [BIN, ...args], { cwd: at.path, env: environment(at, env) });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => {}); // it has ended
  const exited = new Promise<Output>((done) => child.once("close", (code) => done({ code, stdout, stderr })));
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(late);
    },
  };
}

const environment = (at: Home, env: Record<string, string>): NodeJS.ProcessEnv => ({ ...process.env, ...MARKED, ...at.env, ...env });

/** Commands that run a host, whose signals and listeners are for the rest of a process's life. */
const HOSTS: readonly string[] = ["start", "restart", "dev"];

/**
 * Runs `mcp-host` to its end, with `input` on its standard input: in this process, unless it runs a host. Where the process is what is
 * tested, `runProcess` starts one.
 */
export function run(at: Home, args: string[], env: Record<string, string> = {}, input = ""): Promise<Output> {
  if (HOSTS.includes(args[0] ?? "")) return runProcess(at, args, env, input);
  return runInProcess(args, { cwd: at.path, env: environment(at, env), input });
}

/** Runs `mcp-host` to its end in a process of its own, with `input` on its standard input. */
export async function runProcess(at: Home, args: string[], env: Record<string, string> = {}, input: string | Buffer = ""): Promise<Output> {
  const running = start(at, args, env);
  running.child.stdin.end(input);
  return running.exited;
}

/** The endpoint of a host that listens, whether it logs to people or as JSON. */
export async function urlOf(running: Running): Promise<URL> {
  const [, url = ""] = await vi.waitFor(() => {
    const found = /the host listens.*?url"?[=:]"?(http[^\s"]+)/.exec(running.stderr());
    if (!found) throw new Error(`not listening: ${running.stderr()}`);
    return found;
  });
  return new URL(url);
}

/** An SDK client of that host. */
export async function clientOf(running: Running): Promise<Client> {
  const client = sdkClient();
  await client.connect(httpTransport(await urlOf(running)));
  return client;
}
