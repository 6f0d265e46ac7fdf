import { createLogger, LOG_LEVELS, type LogFormat, type Logger, type LogLevel, type LogReader } from "../../log.ts";
import { UsageError } from "../../operator/usage-error.ts";

/** The values of `logArgs` as citty gives them. */
export interface LogFlags {
  "log-level"?: string | undefined;
  "log-format"?: string | undefined;
  verbose?: boolean | undefined;
  debug?: boolean | undefined;
}

/** The log that the flags ask for. @param usual the level without any flag @param format the format without any flag */
export function loggerOf(
  flags: LogFlags,
  usual: LogLevel = "info",
  { format, reader }: { format?: LogFormat; reader?: LogReader } = {},
): Logger {
  return createLogger({ level: levelOf(flags, usual), format: formatOf(flags, format), ...(reader && { reader }) });
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

export function formatOf(flags: LogFlags, usual: LogFormat = "pretty"): LogFormat {
  return (flags["log-format"] as LogFormat | undefined) ?? usual; // one of its options, or the command would not run
}
