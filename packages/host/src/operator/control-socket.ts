import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { isAlive } from "./processes.ts";

export const WINDOWS = process.platform === "win32";
const PIPES = "\\\\.\\pipe\\";

/**
 * The folder of the control sockets, which only this user may enter (0700), so that nobody else reaches them or puts one
 * there. Made when it is missing. @throws Error where somebody else owns it
 */
function runtimeFolder(): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const folder = runtime ? join(runtime, "mcp-host") : join(tmpdir(), `mcp-host-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== userInfo().uid) throw new Error(`${folder} belongs to somebody else; remove it`);
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  return folder;
}

/** The same as a place to look at; undefined on a system that has pipes in its place. */
export function controlFolder(): string | undefined {
  return WINDOWS ? undefined : runtimeFolder();
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
