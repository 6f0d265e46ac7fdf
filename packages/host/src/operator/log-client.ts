import type { LogRecord } from "../log.ts";
import { readLines } from "./line-client.ts";
import type { LogQuery } from "./log-query.ts";

/**
 * The lines of a running host's log, until it has no more or `signal` is aborted.
 * @throws Error when it cannot be reached or refuses
 */
export function readLogs(address: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogRecord> {
  return readLines(address, { command: "logs", ...query }, signal) as AsyncGenerator<unknown> as AsyncGenerator<LogRecord>; // a host of this user's wrote them
}
