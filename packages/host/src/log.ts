import { dirname, join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { type ConsolaInstance, createConsola, type LogObject } from "consola/core";
import { briefText, redactLine } from "./redact.ts";

export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";
export type LogFormat = "json" | "pretty";
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logs: a message for people and fields for machines. Everything is cut to some length, passes redaction, and goes to stderr. */
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

/** A log line as JSON has it, without secrets. */
export interface LogRecord extends LogFields {
  readonly time: string;
  readonly level: Exclude<LogLevel, "silent">;
  readonly message: string;
}

/** Another reader of a log, with a level of its own that may change while it reads. */
export interface LogReader {
  readonly level: LogLevel;
  read(record: LogRecord): void;
}

/** The levels that a config or a command line may name. */
export const LOG_LEVELS: Readonly<Record<LogLevel, number>> = { silent: -999, error: 0, warn: 1, info: 3, debug: 4 };

const NAMES: Record<number, LogRecord["level"]> = { 0: "error", 1: "warn", 3: "info", 4: "debug" };

/** One line of JSON; everything that breaks a line is escaped, so that no value can forge one (CWE-117). */
function jsonLine(record: LogRecord): string {
  return `${escapedJson(record)}\n`;
}

/** A line for people. */
export function prettyLine({ time, level, message, ...fields }: LogRecord): string {
  const details = Object.entries(fields).flatMap(([key, value]) => {
    const shown = typeof value === "string" && /^[\w.:/@-]+$/.test(value) ? value : escapedJson(value);
    return shown === undefined ? [] : [`${key}=${shown}`];
  });
  return `${[time.slice(11, 23), level.padEnd(5), escapeControls(message), ...details].join(" ")}\n`;
}

function recordOf({ date, level, args }: LogObject): LogRecord {
  const [message, fields] = args as [string, LogFields | undefined];
  return record(date, NAMES[level] ?? "info", message, fields);
}

/** A line as whoever hears a log has it: cut and without secrets. */
export function logRecord(level: LogRecord["level"], message: string, fields: LogFields | undefined): LogRecord {
  return record(new Date(), level, briefText(message), fields && redactLine(fields));
}

/** Its three names come first and are the log's own: no field takes their place. */
function record(date: Date, level: LogRecord["level"], message: string, fields: LogFields | undefined): LogRecord {
  const own = { time: date.toISOString(), level, message };
  return fields ? { ...own, ...fields, ...own } : own;
}

/**
 * Runs of control characters, line separators, bidirectional controls and tags: what steers a terminal or shows other than it
 * is. Written with properties instead of ranges where there is one: Cc are the control characters.
 */
// linear: it repeats one class of characters, and nothing has to come after it
const STEERING = /(?:(?![\t\n])\p{Cc}|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}])+/gu;

/** The same made visible: a name from an upstream must not steer a terminal. */
export function escapeControls(text: string): string {
  return text.replace(STEERING, (run) => Array.from(run, visible).join(""));
}

/** `JSON.stringify` with them escaped as JSON has it, so that it holds the same value; undefined for what JSON has no form of. */
export function escapedJson(value: unknown, replacer?: (key: string, value: unknown) => unknown, space?: number): string | undefined {
  // The library's type leaves out that a function, for one, has none.
  const json = JSON.stringify(value, replacer, space) as string | undefined;
  return json?.replace(STEERING, (run) => Array.from(run, asJson).join(""));
}

/** How each of them is shown: a text of nothing else must not take long. */
const shownAs = new Map<string, string>();
const writtenAs = new Map<string, string>();

function visible(character: string): string {
  let shown = shownAs.get(character);
  if (shown === undefined) shownAs.set(character, (shown = `\\u{${character.codePointAt(0)?.toString(16)}}`));
  return shown;
}

function asJson(character: string): string {
  let written = writtenAs.get(character);
  if (written === undefined) {
    written = Array.from({ length: character.length }, (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`).join(
      "",
    );
    writtenAs.set(character, written);
  }
  return written;
}

export interface LogOptions {
  level?: LogLevel;
  /** Default: `pretty` on a terminal, else `json`. */
  format?: LogFormat;
  /** Default: standard error. Standard output belongs to the protocol. */
  stream?: NodeJS.WritableStream;
  /** Who else gets the lines, such as what keeps the last ones for `mcp-host logs`. */
  reader?: LogReader;
}

export function createLogger(options: LogOptions = {}): Logger {
  const stream = options.stream ?? process.stderr;
  const format = options.format ?? (process.stderr.isTTY ? "pretty" : "json");
  const line = format === "json" ? jsonLine : prettyLine;
  const sink = createConsola({
    level: LOG_LEVELS[options.level ?? "info"],
    reporters: [{ log: (entry) => void stream.write(line(recordOf(entry))) }],
    throttle: 0,
  });
  return over(sink, options.reader, undefined);
}

function over(sink: ConsolaInstance, reader: LogReader | undefined, fixed: LogFields | undefined): Logger {
  const reads = (name: LogRecord["level"]): boolean => reader !== undefined && LOG_LEVELS[reader.level] >= LOG_LEVELS[name];
  const log = (name: LogRecord["level"]) => (message: string, fields?: LogFields) => {
    const written = sink.level >= LOG_LEVELS[name];
    if (!written && !reads(name)) return;
    const all = fixed || fields ? redactLine({ ...fixed, ...fields }) : undefined;
    const text = briefText(message);
    if (written) sink[name](text, all);
    if (reads(name)) reader?.read(record(new Date(), name, text, all));
  };
  return {
    error: log("error"),
    warn: log("warn"),
    info: log("info"),
    debug: log("debug"),
    get debugs() {
      return sink.level >= LOG_LEVELS.debug || reads("debug");
    },
    child: (fields) => over(sink, reader, { ...fixed, ...fields }),
  };
}

/** What a log line says of an error: its own words and those of its causes, without stacks. Never throws, whatever was thrown. */
export function errorFields(error: unknown): LogFields {
  const words: string[] = [];
  try {
    for (let cause = error; cause !== undefined && words.length < 5; cause = cause instanceof Error ? cause.cause : undefined) {
      words.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
    }
  } catch {
    words.push("what cannot be looked at: that throws, too");
  }
  return { error: words.join(" <- ") };
}

/** What a log line says of what a plugin threw: besides, where in the plugin that was. Never throws, whatever was thrown. */
export function failureFields(error: unknown): LogFields {
  const stack = framesOf(error);
  return { ...errorFields(error), ...(stack.length > 0 && { stack }) };
}

/** Frames of one stack that are told. */
const MOST_FRAMES = 8;
/** Characters of a stack that are looked at: a message, which comes first, may be as long as it likes. */
const LOOKED_AT = 32_768;

/** What is nobody's fault but ours: the host's own files, built or not, the libraries that run its taps and routes, Node's, and what is in no file. */
const root = dirname(import.meta.dirname);
const OURS = [
  ...["dist", "src"].flatMap((folder) => [join(root, folder) + sep, `${pathToFileURL(join(root, folder)).href}/`]),
  ...["tapable", "hono", "@hono"].flatMap((name) => [`/node_modules/${name}/`, `\\node_modules\\${name}\\`]),
  "node:internal/",
  "(node:",
  "(<anonymous>)",
];

/**
 * Where an error was thrown: functions with file and line, the innermost first, without the host's own; empty where there are none.
 * Never throws, whatever was thrown.
 */
export function framesOf(error: unknown): readonly string[] {
  try {
    const stack = error instanceof Error ? (error.stack as unknown) : undefined; // anybody may have put anything there
    if (typeof stack !== "string") return [];
    return stack
      .slice(-LOOKED_AT)
      .split("\n")
      .filter((line) => line.startsWith("    at ") && !OURS.some((part) => line.includes(part)))
      .slice(0, MOST_FRAMES)
      .map((line) => tidy(line.slice("    at ".length)));
  } catch {
    return [];
  }
}

/** File and line of a frame: "apply (/a.ts:1:2)", or without a function's name and brackets. */
export function placeOf(frame: string): string {
  return frame.slice(frame.lastIndexOf(frame.endsWith(")") ? "(" : " ") + 1).replace(")", "");
}

/** A path that an editor opens: no URL, and without the mark that tells versions of a plugin's file apart. */
function tidy(frame: string): string {
  return frame.replace(process.platform === "win32" ? "file:///" : "file://", "").replace(/\?content=[0-9a-f]{32}(?=:)/, "");
}
