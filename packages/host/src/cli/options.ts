import type { ArgsDef } from "citty";
import { createLogger, type LogFormat, type Logger, type LogLevel } from "../log.ts";
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

/** What is written to stderr. */
export const logArgs = {
  "log-level": { type: "enum", options: ["silent", "error", "warn", "info", "debug"], description: "What is logged to stderr. Default: warn; info for `start`" },
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
export function loggerOf(flags: LogFlags, usual: LogLevel = "info"): Logger {
  const level = flags["log-level"] as LogLevel | undefined; // one of its options, or the command would not run
  const loud = flags.verbose === true || flags.debug === true;
  if (level !== undefined && loud) throw new UsageError("--log-level and --verbose or --debug say the same thing; give one of them");
  return createLogger({ level: level ?? (loud ? "debug" : usual), format: formatOf(flags) });
}

export function formatOf(flags: LogFlags): LogFormat {
  return flags["log-format"] === "json" ? "json" : "pretty";
}
