import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Host } from "../host.ts";
import type { Logger } from "../log.ts";
import { redact } from "../redact.ts";
import type { HostStatus } from "../status.ts";

/** What a running host tells about itself: its status, and how it was started. */
export interface ControlStatus extends HostStatus {
  /** The config file, absolute. */
  config: string;
  mode: "http" | "stdio";
}

/** One line of JSON each way. */
export type ControlAnswer = { status: ControlStatus } | { error: string };

const REQUEST_BYTES = 4096;
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
  const names = WINDOWS ? readdirSync(PIPES) : readdirSync(runtimeFolder());
  const form = WINDOWS ? new RegExp(`^${escaped(pipePrefix())}(\\d+)$`) : /^(\d+)\.sock$/;
  const pids: number[] = [];
  for (const name of names) {
    const [, digits] = form.exec(name) ?? [];
    if (digits === undefined) continue;
    const pid = Number(digits);
    if (isAlive(pid)) pids.push(pid);
    else if (!WINDOWS) rmSync(join(runtimeFolder(), name), { force: true });
  }
  return pids;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Answers `status` on a local socket, one per process, mode 0600, never on the network. A host that cannot open it serves
 * all the same. Gives a function that closes it.
 */
export async function serveControl(host: Host, facts: { config: string; mode: "http" | "stdio" }, log: Logger): Promise<() => void> {
  try {
    runningHosts(); // clears what dead hosts left
    const address = controlAddress(process.pid);
    if (!WINDOWS) rmSync(address, { force: true });
    const server = createServer((socket) => answer(socket, host, facts));
    server.maxConnections = 16;
    server.unref();
    await listening(server, address);
    if (!WINDOWS) chmodSync(address, 0o600);
    const close = (): void => {
      server.close();
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

function answer(socket: Socket, host: Host, facts: { config: string; mode: "http" | "stdio" }): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.setTimeout(CONTROL_DEADLINE, () => socket.destroy());
  socket.on("error", () => {}); // whoever asked is gone
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > REQUEST_BYTES) socket.destroy();
    const end = text.indexOf("\n");
    if (end === -1 || socket.writableEnded) return;
    socket.end(`${JSON.stringify(reply(text.slice(0, end), host, facts))}\n`);
  });
}

function reply(line: string, host: Host, facts: { config: string; mode: "http" | "stdio" }): ControlAnswer {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return { error: "the request is not JSON" };
  }
  const command = typeof request === "object" && request !== null && "command" in request ? request.command : undefined;
  if (command !== "status") return { error: 'the only command is "status"' };
  return { status: redact({ ...host.status(), ...facts }) as ControlStatus };
}
