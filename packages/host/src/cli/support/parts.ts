import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { checkCredentials } from "../../config/credentials.ts";
import { loadExpanded } from "../../config/load.ts";
import { located } from "../../config/locate.ts";
import { parseConfig } from "../../config/parse.ts";
import { shownConfig } from "../../config/shown.ts";
import { locateReadable } from "../../config/trust.ts";
import type { LoadOptions } from "../../config/written.ts";
import { readWritten } from "../../config/written.ts";
import type { LogRecord } from "../../log.ts";
import { withoutSecrets } from "../../operator/config-shown.ts";
import { findHosts, type HostChoice, nearHosts } from "../../operator/control-client.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { controlAddress } from "../../operator/control-socket.ts";
import { readLogs } from "../../operator/log-client.ts";
import { daemonFiles } from "../daemon/daemon-files.ts";
import { examine } from "../doctor/examine.ts";
import { lastWords } from "../terminal/upstream-summary.ts";
import { keptFiles } from "./kept-files.ts";
import { limits, plugins, versions } from "./machine.ts";

/** What is asked for. */
export interface Asked {
  readonly config: string | undefined;
  readonly choice: HostChoice;
  readonly rawArgs: string[];
  readonly options: LoadOptions;
  /** Lines of a running host's log. */
  readonly lines: number;
  /** Start each server, as `doctor` does. */
  readonly connect: boolean;
}

/** One part of a bundle: what it holds, in words, and how it is made. */
export interface PartOfBundle {
  readonly name: string;
  readonly holds: string;
  /** It has nothing of the config's values, or of what servers say. */
  readonly isPlain?: boolean;
  /** How long it may take, in milliseconds. */
  readonly deadline: number;
  readonly make: (asked: Asked, signal: AbortSignal) => unknown;
}

const SHORT = 10_000;
/** Servers have 30 s to start, if the config does not say otherwise. */
const LONG = 90_000;

export const PARTS: readonly PartOfBundle[] = [
  { name: "versions", holds: "versions of the host, Node.js and the system", isPlain: true, deadline: SHORT, make: versions },
  { name: "plugins", holds: "the plugins with their versions", deadline: SHORT, make: ({ config, options }) => plugins(config, options) },
  { name: "limits", holds: "memory, processors and limits of processes", isPlain: true, deadline: SHORT, make: limits },
  { name: "config", holds: "the config without its secrets", deadline: SHORT, make: shown },
  { name: "variables", holds: "names of the variables that the config uses, never values", deadline: SHORT, make: variables },
  {
    name: "doctor",
    holds: "what doctor finds",
    deadline: LONG,
    make: ({ config, connect, rawArgs }) => examine({ config, connect }, rawArgs),
  },
  { name: "status", holds: "the status of running hosts", deadline: SHORT, make: ({ choice }) => hostsOf(choice) },
  { name: "lastWords", holds: "what servers that are down wrote last", deadline: SHORT, make: lastWordsOf },
  { name: "logs", holds: "the last lines of their logs, or of that of the daemon that has ended", deadline: SHORT, make: logs },
  {
    name: "files",
    holds: "size, mode and age of the files that the host keeps",
    deadline: SHORT,
    make: ({ config, rawArgs }) => keptFiles(config, rawArgs),
  },
];

/** The config as `config show` has it; one that cannot be used as its file has it. Either way, without secrets. */
async function shown({ config, options }: Asked): Promise<object> {
  const path = await locateReadable(config);
  try {
    const loaded = await loadExpanded(path, options);
    return { path, shown: withoutSecrets(shownConfig(parseConfig(loaded.config), loaded.uses)) };
  } catch (error) {
    const failed = (error as Error).message; // loading throws Errors
    const { value } = await located(path, () => readWritten(path, options));
    return { path, failed, written: withoutSecrets(JSON.parse(JSON.stringify(value))) };
  }
}

async function variables({ config, options }: Asked): Promise<object> {
  const path = await locateReadable(config);
  const { credentials, credentialsFile, problems, warnings } = await located(path, () => checkCredentials(path, options));
  return { file: credentialsFile, variables: credentials, problems, warnings };
}

/** Those of the config, or of the working directory, where nothing else is said. */
async function hostsOf(choice: HostChoice): Promise<readonly ControlStatus[]> {
  return nearHosts(await findHosts(choice), choice);
}

async function lastWordsOf({ choice }: Asked): Promise<object> {
  const hosts = await hostsOf(choice);
  return hosts.map(({ pid, upstreams }) => ({
    pid,
    servers: Object.fromEntries(
      upstreams.flatMap((upstream) => (lastWords(upstream).length > 0 ? [[upstream.name, lastWords(upstream)]] : [])),
    ),
  }));
}

async function logs({ config, choice, lines }: Asked, signal: AbortSignal): Promise<object> {
  const hosts = await hostsOf(choice);
  if (hosts.length === 0) return [await lastLinesOf(config, lines)];
  return Promise.all(
    hosts.map(async ({ pid }) => {
      const kept: LogRecord[] = [];
      for await (const record of readLogs(controlAddress(pid), { level: "debug", lines, follow: false }, signal)) kept.push(record);
      return { pid, lines: kept };
    }),
  );
}

/** Of a log file no more is read than this, from its end. */
const LOG_BYTES = 1024 * 1024;

/** What a daemon that has ended wrote last. */
async function lastLinesOf(config: string | undefined, lines: number): Promise<object> {
  const { logFile } = await daemonFiles({ config });
  if (!existsSync(logFile)) return { file: logFile, lines: [] };
  const opened = await open(logFile, "r");
  try {
    const { size } = await opened.stat();
    const from = Math.max(0, size - LOG_BYTES);
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(Math.min(size, LOG_BYTES)), 0, undefined, from);
    const all = buffer.subarray(0, bytesRead).toString().trimEnd().split("\n");
    const whole = from > 0 ? all.slice(1) : all; // the first may have lost its beginning
    return { file: logFile, lines: lines === 0 ? [] : whole.slice(-lines) };
  } finally {
    await opened.close();
  }
}
