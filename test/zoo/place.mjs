// Where a server of the zoo runs: in a folder of its own, without network, with nothing of this machine's environment.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { FILES } from "./servers.mjs";

const MODULES = join(import.meta.dirname, "node_modules");
const LAST_BREATH_MS = 10_000;
const MOMENT = "2025-01-01T00:00:00Z";

/** A network of its own, in which there is nobody; where that may not be made, the machine's. */
const ISOLATION = [
  ["unshare", "--net"],
  ["unshare", "--map-root-user", "--net"],
].find(([command, ...args]) => {
  return spawnSync(command, [...args, "true"], { stdio: "ignore" }).status === 0;
});

export const isIsolated = ISOLATION !== undefined;

export const manifestOf = (server) => JSON.parse(readFileSync(join(MODULES, server, "package.json"), "utf8"));

/** Makes the folder `home` anew and gives how the server starts in it, and what it is asked there. */
export function prepare(server, { args = [], env = {}, asks = [] }, home) {
  rmSync(home, { recursive: true, force: true });
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(home, name)), { recursive: true });
    writeFileSync(join(home, name), text);
  }
  const { bin } = manifestOf(server);
  const script = join(MODULES, server, typeof bin === "string" ? bin : Object.values(bin)[0]);
  const at = (text) => text.replaceAll("{home}", home);
  const here = JSON.parse(JSON.stringify(asks), (_key, value) => (typeof value === "string" ? at(value) : value));
  const [command, ...rest] = [...(ISOLATION ?? []), process.execPath, script, ...args.map(at)];
  return { child: { command, args: rest, env: { ...surroundings(home), ...mapped(env, at) }, cwd: home }, asks: here };
}

/** Everything that a server could inherit, so that it makes no difference who starts it. Commits get the same hash each time. */
function surroundings(home) {
  const person = { NAME: "Zoo", EMAIL: "zoo@example.invalid", DATE: MOMENT };
  const git = ["AUTHOR", "COMMITTER"].flatMap((role) => Object.entries(person).map(([field, value]) => [`GIT_${role}_${field}`, value]));
  return {
    HOME: home,
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    LOGNAME: "zoo",
    PATH: process.env.PATH,
    SHELL: "/bin/sh",
    TERM: "dumb",
    TMPDIR: home,
    TZ: "UTC",
    USER: "zoo",
    ...Object.fromEntries(git),
  };
}

const mapped = (object, map) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

/** What still runs in `home` although nothing should any more, after a while: it is killed. Only Linux tells; elsewhere there is none. */
export async function leftovers(home) {
  const deadline = Date.now() + LAST_BREATH_MS;
  while (inhabitants(home).length > 0 && Date.now() < deadline) await delay(100);
  return evict(home);
}

/** Kills what runs in `folder` or below it, and gives the command lines. */
export function evict(folder) {
  const found = inhabitants(folder);
  for (const { pid } of found) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  return found.map(({ command }) => command);
}

function inhabitants(folder) {
  if (process.platform !== "linux") return [];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const home = readFileSync(`/proc/${pid}/environ`, "utf8")
        .split("\0")
        .find((variable) => variable.startsWith("HOME="));
      if (!`${home}/`.startsWith(`HOME=${folder}/`)) return [];
      return [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() }];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}
