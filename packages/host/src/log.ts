import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import { redact, redactText } from "./redact.ts";

export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";
export type LogFormat = "json" | "pretty";
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logs: a message for people and fields for machines. Everything passes redaction, and goes to stderr. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** Whether `debug` lines are written at all; whoever would compute much for one asks first. */
  readonly debugs: boolean;
  /** The same log with fields that every line gets. */
  child(fields: LogFields): Logger;
}

/** The levels that a config or a command line may name. */
export const LOG_LEVELS: Readonly<Record<LogLevel, number>> = { silent: -999, error: 0, warn: 1, info: 3, debug: 4 };

const NAMES: Record<number, string> = { 0: "error", 1: "warn", 3: "info", 4: "debug" };

/** One line of JSON; JSON.stringify escapes line breaks and control characters, so that no value can forge a line (CWE-117). */
function jsonLine({ date, level, args }: LogObject): string {
  const [message, fields] = args as [string, LogFields | undefined];
  return `${JSON.stringify({ time: date.toISOString(), level: NAMES[level] ?? "info", message, ...fields })}\n`;
}

function prettyLine({ date, level, args }: LogObject): string {
  const [message, fields] = args as [string, LogFields | undefined];
  const details = Object.entries(fields ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`);
  const line = [date.toISOString().slice(11, 23), (NAMES[level] ?? "info").padEnd(5), escapeControls(message), ...details].join(" ");
  return `${line}\n`;
}

/** Control characters and bidirectional overrides, made visible: a name from an upstream must not steer a terminal (R44). */
export function escapeControls(text: string): string {
  // Written with properties instead of ranges where there is one: Cc are the control characters.
  return text.replace(
    /(?![\t\n])\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

export interface LogOptions {
  level?: LogLevel;
  /** Default: `pretty` on a terminal, else `json`. */
  format?: LogFormat;
  /** Default: standard error. Standard output belongs to the protocol. */
  stream?: NodeJS.WritableStream;
}

export function createLogger(options: LogOptions = {}): Logger {
  const stream = options.stream ?? process.stderr;
  const format = options.format ?? (process.stderr.isTTY ? "pretty" : "json");
  const line = format === "json" ? jsonLine : prettyLine;
  const sink = createConsola({
    level: LOG_LEVELS[options.level ?? "info"],
    reporters: [{ log: (entry) => void stream.write(line(entry)) }],
    throttle: 0,
  });
  return over(sink, undefined);
}

function over(sink: ConsolaInstance, fixed: LogFields | undefined): Logger {
  const log = (name: "error" | "warn" | "info" | "debug") => (message: string, fields?: LogFields) => {
    if (sink.level < LOG_LEVELS[name]) return;
    const all = fixed || fields ? (redact({ ...fixed, ...fields }) as LogFields) : undefined;
    sink[name](redactText(message), all);
  };
  return {
    error: log("error"),
    warn: log("warn"),
    info: log("info"),
    debug: log("debug"),
    debugs: sink.level >= LOG_LEVELS.debug,
    child: (fields) => over(sink, { ...fixed, ...fields }),
  };
}

/** What a log line says of an error: its own words and those of its causes, without stacks. */
export function errorFields(error: unknown): LogFields {
  const words: string[] = [];
  for (let cause = error; cause !== undefined && words.length < 5; cause = cause instanceof Error ? cause.cause : undefined) {
    words.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
  }
  return { error: words.join(" <- ") };
}
