import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { Writable } from "node:stream";
import { type Config, createHost, createLogger, type Host, type HostOptions } from "mcp-host";
import { MARKER } from "./census.ts";

export const ROOT = resolve(import.meta.dirname, "../..");
export const BIN = join(ROOT, "packages/host/bin/mcp-host.js");
const UPSTREAM = join(ROOT, "test/fixtures/upstream/process.mjs");
const HOSTILE = join(ROOT, "test/fixtures/hostile.mjs");

/** The environment that marks a child as this run's, and keeps its state with that of this file's tests. */
export const MARKED: Record<string, string> = { [MARKER]: process.env[MARKER] ?? "", XDG_STATE_HOME: process.env.XDG_STATE_HOME ?? "" };

type StdioServer = { command: string; args: string[]; env: Record<string, string> };

/** Config of a scripted upstream over stdio (options: test/fixtures/upstream/options.mjs). */
export function upstream(options: Record<string, unknown> = {}): StdioServer {
  return { command: process.execPath, args: [UPSTREAM, "stdio", "--options", JSON.stringify(options)], env: MARKED };
}

/** Config of a hostile upstream over stdio. */
export function hostile(mode: string): StdioServer {
  return { command: process.execPath, args: [HOSTILE, mode, "stdio"], env: MARKED };
}

/** A scripted or hostile upstream over HTTP in a process of its own; gives its URL. */
export async function httpProcess(
  file: "upstream" | "hostile",
  args: string[],
): Promise<{ url: string; pid: number; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [file === "upstream" ? UPSTREAM : HOSTILE, ...args], {
    env: { ...process.env, ...MARKED },
    stdio: ["pipe", "ignore", "pipe"],
    detached: true,
  });
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  const url = await new Promise<string>((found, failed) => {
    let text = "";
    child.stderr.on("data", (chunk) => {
      text += chunk;
      const [, address] = /listening (\S+)/.exec(text) ?? [];
      if (address) found(address);
    });
    child.once("exit", () => failed(new Error(`the upstream did not start: ${text}`)));
  });
  const pid = child.pid as number; // it has printed its address
  return {
    url,
    pid,
    async stop() {
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // gone already
      }
      await exited;
    },
  };
}

/** A folder of a test's own. */
export function temporary(files: Record<string, string> = {}): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text, { mode: 0o600 });
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface TestHost extends AsyncDisposable {
  host: Host;
  /** The endpoint, where the host listens. */
  url: URL;
  /** Every log line so far, parsed. */
  logs: Record<string, unknown>[];
}

/** A host in this process, listening on a free port unless `listen` is null. */
export async function startHost(
  config: Omit<Config, "listen"> & { listen?: Config["listen"] | null },
  options: HostOptions = {},
): Promise<TestHost> {
  const logs: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).split("\n")) if (line) logs.push(JSON.parse(line));
      done();
    },
  });
  const { listen, ...rest } = config;
  const host = createHost(
    { ...rest, ...(listen !== null && { listen: { port: 0, ...listen } }) },
    { log: createLogger({ level: "debug", format: "json", stream }), folder: ROOT, ...options },
  );
  await host.start();
  return { host, url: new URL(host.url ?? "http://127.0.0.1:9"), logs, [Symbol.asyncDispose]: () => host.close() };
}

export interface SpawnedHost extends AsyncDisposable {
  url: URL;
  pid: number;
  /** What it printed so far. */
  stdout(): string;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** `mcp-host start` in a process of its own, over HTTP on a free port, once it listens. */
export async function spawnHost(config: Config, args: string[] = []): Promise<SpawnedHost> {
  const folder = temporary({ "mcp-host.config.json": JSON.stringify(config) });
  const child = spawn(
    process.execPath,
    [BIN, "start", "--config", join(folder.path, "mcp-host.config.json"), "--port", "0", "--log-format", "json", ...args],
    {
      env: { ...process.env, ...MARKED },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) =>
    child.once("exit", (code, signal) => done({ code, signal })),
  );
  const url = await new Promise<string>((found, failed) => {
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
      const [, address] = /"url":"([^"]+)"/.exec(stderr) ?? [];
      if (address) found(address);
    });
    void exited.then(({ code }) => failed(new Error(`the host exited with ${code}:\n${stderr}`)));
  });
  return {
    url: new URL(url),
    pid: child.pid as number, // it runs
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited;
      folder[Symbol.dispose]();
    },
  };
}
