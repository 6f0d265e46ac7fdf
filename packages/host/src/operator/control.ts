import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import type { ReloadReport } from "../host/reload.ts";
import type { HostStatus } from "../host/status.ts";
import type { Logger } from "../log.ts";
import { redact, redactText } from "../redact.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { LogRing } from "./log-ring.ts";
import { type LogWish, streamLogs, wishIn } from "./log-stream.ts";
import { isAlive } from "./processes.ts";

/** What a running host tells about itself: its status, and how it was started. */
export interface ControlStatus extends HostStatus, ControlFacts {}

/** How a running host was started. */
export interface ControlFacts {
  /** The config file, absolute. */
  config: string;
  mode: ServeMode;
  /** The files of one that was started with `--daemon`, absolute. */
  daemon?: { pidFile: string; logFile: string };
}

/** What `restart` needs to know. Told on this user's socket only, and not redacted: `--set` may hold secrets. */
export interface Origin {
  /** The arguments of `start`. */
  args: readonly string[];
  /** The working directory. */
  cwd: string;
}

/** What a running host does for its operator beyond telling its status. */
export interface ControlPart {
  readonly origin: Origin;
  /** Ends the host as SIGTERM does. */
  stop(): void;
  /** Reads the config again. */
  reload(): Promise<ReloadReport>;
  /** The last lines of its log. */
  readonly ring: LogRing;
}

/** How clients come in. */
export type ServeMode = "http" | "stdio" | "both";

/** What can be asked of a running host, on one line of JSON. */
export type ControlRequest =
  | { command: "status" }
  /** Reads its config again. */
  | { command: "reload" }
  /** Ends the host as SIGTERM does. */
  | { command: "stop" }
  /** How it was started. */
  | { command: "origin" }
  /** What a plugin offers to operators: `host.operation(name, ...)`. */
  | { command: "operation"; plugin: string; name: string; params?: Readonly<Json> }
  /** Lines of the log: a line of JSON each, until there are no more. */
  | ({ command: "logs" } & LogWish);

/** Its answer, on one line of JSON. */
export type ControlAnswer =
  | { status: ControlStatus }
  | { result: Readonly<Json> }
  /** Calls in flight may finish within so many milliseconds. */
  | { stopping: { drain: number } }
  | { origin: Origin }
  | { reloaded: ReloadReport }
  | { error: string };

/** Longest question. */
export const REQUEST_BYTES = 64 * 1024;
/** Longest answer of an operation. */
const RESULT_BYTES = 16 * 1024 * 1024;
/** How long an operation may take. */
export const OPERATION_DEADLINE = 30_000;
/** How long a peer may take to ask, and the answer to be read. */
export const CONTROL_DEADLINE = 5_000;
const WINDOWS = process.platform === "win32";
const PIPES = "\\\\.\\pipe\\";

/**
 * The folder of the control sockets, which only this user may enter (0700), so that nobody else reaches them or puts one
 * there. Made when it is missing. @throws Error where somebody else owns it
 */
export function runtimeFolder(): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const folder = runtime ? join(runtime, "mcp-host") : join(tmpdir(), `mcp-host-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== userInfo().uid) throw new Error(`${folder} belongs to somebody else; remove it`);
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  return folder;
}

function pipePrefix(): string {
  return `mcp-host-${userInfo().username}-`;
}

/** Where the host with this process id can be asked. */
export function controlAddress(pid: number): string {
  return WINDOWS ? `${PIPES}${pipePrefix()}${pid}` : join(runtimeFolder(), `${pid}.sock`);
}

/** Process ids of this user's running hosts. Sockets of dead processes are removed. */
export function runningHosts(): number[] {
  removeStaleSockets();
  return sockets()
    .map(({ pid }) => pid)
    .filter(isAlive);
}

/** Removes the sockets that dead processes left; gives their paths. */
export function removeStaleSockets(): string[] {
  if (WINDOWS) return []; // a pipe goes with its process
  const stale = sockets().filter(({ pid }) => !isAlive(pid));
  const paths = stale.map(({ name }) => join(runtimeFolder(), name));
  for (const path of paths) rmSync(path, { force: true });
  return paths;
}

function sockets(): { pid: number; name: string }[] {
  const names = WINDOWS ? readdirSync(PIPES) : readdirSync(runtimeFolder());
  // linear: it is anchored and repeats digits only
  const form = WINDOWS ? new RegExp(`^${escaped(pipePrefix())}(\\d+)$`) : /^(\d+)\.sock$/;
  return names.flatMap((name) => {
    const [, digits] = form.exec(name) ?? [];
    return digits === undefined ? [] : [{ pid: Number(digits), name }];
  });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * Answers what is asked on a local socket, one per process, mode 0600, never on the network. A host that cannot open it serves
 * all the same. Gives a function that closes it.
 */
export async function serveControl(host: Host, facts: ControlFacts, part: ControlPart, log: Logger): Promise<() => void> {
  try {
    runningHosts(); // clears what dead hosts left
    const address = controlAddress(process.pid);
    if (!WINDOWS) rmSync(address, { force: true });
    const server = createServer((socket) => answer(socket, { host, facts, part }));
    server.maxConnections = 16;
    server.unref();
    await listening(server, address);
    if (!WINDOWS) chmodSync(address, 0o600);
    const close = (): void => {
      server.close();
      part.ring.end();
      if (!WINDOWS) rmSync(address, { force: true });
    };
    process.once("exit", close);
    return close;
  } catch (error) {
    log.warn("the control socket could not be opened, so `mcp-host status` will not find this host", { reason: (error as Error).message });
    return () => {};
  }
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      server.on("error", () => {}); // a connection that could not be accepted
      resolve();
    });
  });
}

/** What questions are answered from. */
interface Sources {
  readonly host: Host;
  readonly facts: ControlFacts;
  readonly part: ControlPart;
}

function answer(socket: Socket, sources: Sources): void {
  let text = "";
  let asked = false;
  socket.setEncoding("utf8");
  // Not the socket's own timeout, which every letter begins anew.
  const late = setTimeout(() => socket.destroy(), CONTROL_DEADLINE).unref();
  socket.once("close", () => clearTimeout(late));
  socket.on("timeout", () => socket.destroy());
  socket.on("error", () => {}); // whoever asked is gone
  socket.on("data", (chunk: string) => {
    if (asked) return;
    text += chunk;
    if (text.length > REQUEST_BYTES) socket.destroy();
    const end = text.indexOf("\n");
    if (end === -1 || socket.destroyed) return;
    asked = true;
    clearTimeout(late);
    socket.setTimeout(OPERATION_DEADLINE + CONTROL_DEADLINE);
    void reply(text.slice(0, end), socket, sources);
  });
}

/** Answers a line with one line, or with those of the log. Never rejects. */
async function reply(line: string, socket: Socket, sources: Sources): Promise<void> {
  try {
    const request = requestIn(line);
    if (request.command === "logs") streamLogs(socket, request, sources.part.ring);
    else socket.end(`${JSON.stringify(await replyTo(request, sources))}\n`);
  } catch (error) {
    const answer: ControlAnswer = { error: redactText(error instanceof Error ? error.message : String(error)) };
    socket.end(`${JSON.stringify(answer)}\n`);
  }
}

function requestIn(line: string): ControlRequest {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    throw new Error("the request is not JSON");
  }
  if (!isObject(request)) throw new Error("the request is no JSON object");
  const { command, plugin, name, params = {} } = request;
  if (command === "status" || command === "reload" || command === "stop" || command === "origin") return { command };
  if (command === "logs") return { command, ...wishIn(request) };
  if (command !== "operation") throw new Error('there are the commands "status", "reload", "stop", "origin", "logs" and "operation"');
  if (typeof plugin !== "string" || typeof name !== "string" || !isObject(params))
    throw new Error('"operation" takes "plugin" and "name", two strings, and "params", an object');
  return { command, plugin, name, params };
}

async function replyTo(request: Exclude<ControlRequest, { command: "logs" }>, { host, facts, part }: Sources): Promise<ControlAnswer> {
  if (request.command === "reload") return { reloaded: await inTime(part.reload(), "the reload") };
  if (request.command === "status") return { status: redact({ ...host.status(), ...facts }) as ControlStatus };
  if (request.command === "origin") return { origin: part.origin };
  if (request.command === "stop") {
    setImmediate(() => part.stop()); // whoever asked is answered first
    return { stopping: { drain: host.config.drain } };
  }
  const { plugin, name, params = {} } = request;
  const result = await inTime(host.operate(plugin, name, params), `operation "${name}" of plugin "${plugin}"`);
  const bytes = Buffer.byteLength(JSON.stringify(result) ?? "");
  if (bytes > RESULT_BYTES)
    throw new Error(`operation "${name}" of plugin "${plugin}" gave ${bytes} bytes; an answer has at most ${RESULT_BYTES}`);
  return { result };
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not finish within ${OPERATION_DEADLINE} ms`)), OPERATION_DEADLINE);
    timer.unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
