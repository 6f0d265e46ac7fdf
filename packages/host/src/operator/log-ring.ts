import { LOG_LEVELS, type LogLevel, type LogReader, type LogRecord } from "../log.ts";

/** The last lines of a log: at most so many, of so many bytes together. */
const LINES = 2_000;
const BYTES = 1024 * 1024;
/** What is kept of one line at most; a longer one is told by its size. */
const LINE_BYTES = 64 * 1024;

/** Somebody who reads a log as it is written. */
export interface Follower {
  readonly level: LogLevel;
  read(record: LogRecord, line: string): void;
  /** The log has ended. */
  end(): void;
}

/**
 * Keeps the last lines of a running host's log, and hands new ones to whoever follows. A follower may ask for a level that
 * nobody else wants: those lines are made while it follows, and not kept.
 */
export class LogRing implements LogReader {
  readonly #own: LogLevel;
  readonly #lines: string[] = [];
  readonly #followers = new Set<Follower>();
  #bytes = 0;
  #level: LogLevel;

  /** @param level of the lines that are kept */
  constructor(level: LogLevel) {
    this.#own = level;
    this.#level = level;
  }

  get level(): LogLevel {
    return this.#level;
  }

  /** Lines of JSON, the oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get followers(): number {
    return this.#followers.size;
  }

  read(record: LogRecord): void {
    const line = lineOf(record);
    if (LOG_LEVELS[record.level] <= LOG_LEVELS[this.#own]) this.#keep(line);
    for (const follower of this.#followers) if (LOG_LEVELS[record.level] <= LOG_LEVELS[follower.level]) follower.read(record, line);
  }

  #keep(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
    while (this.#lines.length > LINES || this.#bytes > BYTES) this.#bytes -= this.#lines.shift()?.length ?? 0;
  }

  /** Gives a function that ends it. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    this.#weigh();
    return () => {
      this.#followers.delete(follower);
      this.#weigh();
    };
  }

  /** Tells everybody who follows that nothing more comes. */
  end(): void {
    for (const follower of this.#followers) follower.end();
  }

  #weigh(): void {
    const levels = [this.#own, ...[...this.#followers].map(({ level }) => level)];
    this.#level = levels.reduce((loudest, level) => (LOG_LEVELS[level] > LOG_LEVELS[loudest] ? level : loudest));
  }
}

function lineOf(record: LogRecord): string {
  const line = JSON.stringify(record);
  if (line.length <= LINE_BYTES) return line;
  const { time, level, message } = record;
  return JSON.stringify({ time, level, message: message.slice(0, 1_000), leftOut: `${line.length} characters` });
}
