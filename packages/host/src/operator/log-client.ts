import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { LogRecord } from "../log.ts";
import { isObject } from "../wire/message.ts";
import type { LogQuery } from "./log-query.ts";

/**
 * The lines that a running host sends, until it has no more or `signal` is aborted.
 * @throws Error when it cannot be reached or refuses
 */
export async function* readLogs(address: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogRecord> {
  const socket = connect(address);
  let failure: Error | undefined;
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  const stop = (): void => {
    socket.destroy();
    lines.close();
  };
  socket.once("error", (error) => {
    failure = error;
    lines.close();
  });
  signal.addEventListener("abort", stop, { once: true });
  socket.write(`${JSON.stringify({ command: "logs", ...query })}\n`);
  try {
    for await (const line of lines) {
      const record: unknown = JSON.parse(line);
      if (!isObject(record)) throw new Error("the host sent a line that is no log line");
      if (record.time === undefined && record.error !== undefined) throw new Error(`the host refused: ${record.error}`);
      yield record as unknown as LogRecord; // a host of this user's wrote it
    }
    if (failure && !signal.aborted) throw new Error(`the host cannot be asked: ${failure.message}`);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
