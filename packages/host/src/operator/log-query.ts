import { LOG_LEVELS, type LogLevel, type LogRecord } from "../log.ts";
import type { Json } from "../wire/message.ts";

/** Which lines of a running host's log somebody wants. */
export interface LogQuery {
  /** This level and what is worse. */
  readonly level: LogLevel;
  readonly server?: string;
  readonly tool?: string;
  /** The correlation id of one request. */
  readonly id?: string;
  /** Not before, in milliseconds since 1970. */
  readonly since?: number;
  /** How many of the kept lines at most. */
  readonly lines: number;
  readonly follow: boolean;
}

/** What a line of JSON asks for. @throws Error that names what is wrong */
export function parseLogQuery({ level = "debug", server, tool, id, since, lines = 100, follow = true }: Json): LogQuery {
  if (typeof level !== "string" || !Object.hasOwn(LOG_LEVELS, level)) throw new Error('"level" is none of the log\'s levels');
  if (typeof lines !== "number" || !Number.isInteger(lines) || lines < 0) throw new Error('"lines" is not a number of lines');
  if (since !== undefined && typeof since !== "number") throw new Error('"since" is not a time in milliseconds');
  if (typeof follow !== "boolean") throw new Error('"follow" is not true or false');
  const texts = Object.entries({ server, tool, id }).filter(([, value]) => value !== undefined);
  for (const [name, value] of texts) if (typeof value !== "string") throw new Error(`"${name}" is not a text`);
  return { level: level as LogLevel, lines, follow, ...(since !== undefined && { since }), ...Object.fromEntries(texts) };
}

/** Whether somebody who asks this wants a line. */
export function fits(record: LogRecord, { level, server, tool, id, since }: LogQuery): boolean {
  return (
    LOG_LEVELS[record.level] <= LOG_LEVELS[level] &&
    (server === undefined || record.upstream === server) &&
    (tool === undefined || record.entry === tool) &&
    (id === undefined || record.requestId === id) &&
    (since === undefined || Date.parse(record.time) >= since)
  );
}
