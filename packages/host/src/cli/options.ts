import type { ArgsDef } from "citty";
import { createLogger, LOG_LEVELS, type LogFormat, type Logger, type LogLevel, type LogReader } from "../log.ts";
import type { HostChoice } from "./ask.ts";
import { UsageError } from "./usage.ts";

/** Where the config comes from. */
export const configArgs = {
  config: { type: "string", valueHint: "file", description: "The config file. Default: mcp-host.config.{json,jsonc,yaml,yml} here" },
  set: {
    type: "string",
    valueHint: "key=value",
    description: "A value for ${KEY}; with a dot in the key, a place of the config (listen.port=8080). Repeatable",
  },
} as const satisfies ArgsDef;

/** Which running host is meant. */
export const hostArgs = {
  config: { type: "string", valueHint: "file", description: "The host that was started with this config" },
  pid: { type: "string", valueHint: "number", description: "The host with this process id" },
} as const satisfies ArgsDef;

/** What {@link hostArgs} say. @throws UsageError where the process id is none */
export function choiceOf({ pid, config }: { pid?: string | undefined; config?: string | undefined }): HostChoice {
  if (pid !== undefined && !/^\d+$/.test(pid)) throw new UsageError(`--pid: "${pid}" is not a process id`);
  return { pid: pid === undefined ? undefined : Number(pid), config };
}

/** What is written to stderr. */
export const logArgs = {
  "log-level": {
    type: "enum",
    options: ["silent", "error", "warn", "info", "debug"],
    description: "What is logged to stderr. Default: warn; info for `start`",
  },
  "log-format": { type: "enum", options: ["json", "pretty"], description: "How it is logged. Default: pretty" },
  verbose: { type: "boolean", description: "The same as --log-level debug" },
  debug: { type: "boolean", description: "As --verbose, and a failure shows its stack" },
} as const satisfies ArgsDef;

export const jsonArgs = { json: { type: "boolean", description: "Print JSON" } } as const satisfies ArgsDef;

/** The values of {@link logArgs} as citty gives them. */
export interface LogFlags {
  "log-level"?: string | undefined;
  "log-format"?: string | undefined;
  verbose?: boolean | undefined;
  debug?: boolean | undefined;
}

/** The log that the flags ask for. @param usual the level without any flag */
export function loggerOf(flags: LogFlags, usual: LogLevel = "info", reader?: LogReader): Logger {
  return createLogger({ level: levelOf(flags, usual), format: formatOf(flags), ...(reader && { reader }) });
}

function levelOf(flags: LogFlags, usual: LogLevel): LogLevel {
  const level = flags["log-level"] as LogLevel | undefined; // one of its options, or the command would not run
  const loud = flags.verbose === true || flags.debug === true;
  if (level !== undefined && loud) throw new UsageError("--log-level and --verbose or --debug say the same thing; give one of them");
  return level ?? (loud ? "debug" : usual);
}

/** The level of the lines that a running host keeps: what it writes, and never less than `info`. */
export function keptLevelOf(flags: LogFlags): LogLevel {
  const level = levelOf(flags, "info");
  return LOG_LEVELS[level] > LOG_LEVELS.info ? level : "info";
}

export function formatOf(flags: LogFlags): LogFormat {
  return flags["log-format"] === "json" ? "json" : "pretty";
}
