import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, loadavg, release, totalmem, version } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { loadConfig } from "../../config/load.ts";
import { parseConfig } from "../../config/parse.ts";
import type { LoadOptions } from "../../config/written.ts";
import { loadPlugins } from "../../plugin/load.ts";
import { API_VERSION, VERSION } from "../../version.ts";
import { LATEST_VERSION } from "../../wire/versions.ts";
import { installation } from "../command-line/installed.ts";

/** The host, Node.js and the system. */
export function versions(): object {
  const { how, container } = installation();
  return {
    ...{ host: VERSION, pluginApi: API_VERSION, protocol: LATEST_VERSION, node: process.versions.node, v8: process.versions.v8 },
    ...{ openssl: process.versions.openssl, platform: process.platform, arch: process.arch, release: release(), system: version() },
    ...{ installed: how, container, execArgv: process.execArgv },
  };
}

/** The plugins of the config, each with the version of its package. */
export async function plugins(config: string | undefined, options: LoadOptions): Promise<object[]> {
  const loaded = await loadConfig(config, options);
  const found = await loadPlugins(parseConfig(loaded.config).plugins, loaded.folder);
  return found.map(({ owner, definition, source }) => ({
    id: owner.id,
    name: definition.name,
    host: definition.host,
    source,
    ...packageOf(source),
  }));
}

/** The package that a file is of. */
function packageOf(file: string): { package?: string; version?: string } {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
    return { ...(name !== undefined && { package: name }), ...(version !== undefined && { version }) };
  }
  return {};
}

const SHELL_DEADLINE = 5_000;

/** What the system grants: memory, processors, and the limits of a process. */
export async function limits(): Promise<object> {
  return {
    memory: { total: totalmem(), free: freemem(), constrained: bounded(process.constrainedMemory()) },
    cpu: { count: cpus().length, available: availableParallelism(), model: cpus()[0]?.model ?? null, load: loadavg() },
    process: await processLimits(),
    cgroup: Object.fromEntries(CGROUP.flatMap((name) => textOf(`/sys/fs/cgroup/${name}`, name))),
  };
}

/** Where nothing constrains it, the system names a number that no machine has. */
function bounded(bytes: number): number | null {
  return bytes > 0 && bytes < totalmem() ? bytes : null;
}

const CGROUP = ["memory.max", "memory.current", "cpu.max", "pids.max", "pids.current"];

function textOf(path: string, name: string): [string, string][] {
  try {
    return [[name, readFileSync(path, "utf8").trim()]];
  } catch {
    return []; // a machine without it, or without leave to read it
  }
}

/** As a shell tells them, since Node.js cannot. */
async function processLimits(): Promise<readonly string[]> {
  if (process.platform === "win32") return [];
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", "ulimit -a"], { timeout: SHELL_DEADLINE, maxBuffer: 64 * 1024 });
  return stdout.trim().split("\n");
}
