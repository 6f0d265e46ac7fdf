import { readLines } from "./line-client.ts";
import type { TraceQuery } from "./trace-query.ts";
import type { TraceRecord } from "./trace-record.ts";
import type { TraceNote } from "./trace-stream.ts";

/** How a host says that it does not know the command. */
const UNKNOWN = /^the host refused: there (?:are the commands|is no operation "trace")/;

/**
 * What becomes of the requests of a running host, until it ends or `signal` is aborted.
 * @throws Error when it cannot be reached, refuses, or is older than this command
 */
export async function* readTrace(address: string, query: TraceQuery, signal: AbortSignal): AsyncGenerator<TraceRecord | TraceNote> {
  try {
    yield* readLines(address, { command: "trace", ...query }, signal) as AsyncGenerator<unknown> as AsyncGenerator<TraceRecord | TraceNote>; // a host of this user's wrote them
  } catch (error) {
    if (error instanceof Error && UNKNOWN.test(error.message))
      throw new Error("the running host is of an older version, which cannot be traced; restart it with `mcp-host restart`", {
        cause: error,
      });
    throw error;
  }
}
