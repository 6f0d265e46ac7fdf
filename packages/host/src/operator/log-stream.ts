import type { Socket } from "node:net";
import { HostError } from "../errors.ts";
import type { LogRecord } from "../log.ts";
import { countedAre } from "../wire/counted.ts";
import { fits, type LogQuery } from "./log-query.ts";
import type { LogRing } from "./log-ring.ts";

/** What one reader that does not read may cost, beyond the lines that are kept. */
const QUEUE_BYTES = 2 * 1024 * 1024;
const FOLLOWERS = 8;

/** @throws HostError where too many follow */
export function checkFollowers({ followers }: LogRing): void {
  if (followers >= FOLLOWERS) throw new HostError("overloaded", `${FOLLOWERS} readers follow the log already`);
}

/** The kept lines that somebody wants. */
export function keptLines(query: LogQuery, ring: LogRing): readonly string[] {
  return query.lines === 0 ? [] : ring.lines.filter((line) => fits(JSON.parse(line) as LogRecord, query)).slice(-query.lines); // the ring wrote it
}

/** A line in the place of those that a reader was too slow for. */
export function missingLines(missed: number): string {
  const message = `${countedAre(missed, "line")} missing here, since the reader was too slow`;
  return JSON.stringify({ time: new Date().toISOString(), level: "warn", message } satisfies LogRecord);
}

/** Writes what is kept and, with `follow`, what comes, a line of JSON each, until either side ends it. @throws Error where too many follow */
export function streamLogs(socket: Socket, query: LogQuery, ring: LogRing): void {
  if (query.follow) checkFollowers(ring);
  for (const line of keptLines(query, ring)) socket.write(`${line}\n`);
  if (!query.follow) return void socket.end();
  socket.setTimeout(0);
  let missed = 0;
  const tell = (): void => {
    if (missed === 0) return;
    const line = missingLines(missed);
    missed = 0;
    socket.write(`${line}\n`);
  };
  const unfollow = ring.follow({
    level: query.level,
    read(record, line) {
      if (!fits(record, query)) return;
      if (socket.writableLength > QUEUE_BYTES) {
        missed++;
        return;
      }
      tell();
      socket.write(`${line}\n`);
    },
    end: () => void socket.end(),
  });
  socket.on("drain", tell);
  socket.once("close", unfollow);
}
