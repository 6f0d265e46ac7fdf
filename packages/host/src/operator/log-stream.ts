import type { Socket } from "node:net";
import { LOG_LEVELS, type LogLevel, type LogRecord } from "../log.ts";
import type { Json } from "../wire/message.ts";
import type { LogRing } from "./log-ring.ts";

/** Which lines of a running host's log somebody wants. */
export interface LogWish {
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

/** What one reader that does not read may cost, beyond the lines that are kept. */
const QUEUE_BYTES = 2 * 1024 * 1024;
const FOLLOWERS = 8;

/** What a line of JSON asks for. @throws Error that names what is wrong */
export function wishIn({ level = "debug", server, tool, id, since, lines = 100, follow = true }: Json): LogWish {
  if (typeof level !== "string" || !Object.hasOwn(LOG_LEVELS, level)) throw new Error('"level" is none of the log\'s levels');
  if (typeof lines !== "number" || !Number.isInteger(lines) || lines < 0) throw new Error('"lines" is not a number of lines');
  if (since !== undefined && typeof since !== "number") throw new Error('"since" is not a time in milliseconds');
  if (typeof follow !== "boolean") throw new Error('"follow" is not true or false');
  const texts = Object.entries({ server, tool, id }).filter(([, value]) => value !== undefined);
  for (const [name, value] of texts) if (typeof value !== "string") throw new Error(`"${name}" is not a text`);
  return { level: level as LogLevel, lines, follow, ...(since !== undefined && { since }), ...Object.fromEntries(texts) };
}

/** Writes what is kept and, with `follow`, what comes, a line of JSON each, until either side ends it. @throws Error where too many follow */
export function streamLogs(socket: Socket, wish: LogWish, ring: LogRing): void {
  if (wish.follow && ring.followers >= FOLLOWERS) throw new Error(`${FOLLOWERS} readers follow the log already`);
  const kept = wish.lines === 0 ? [] : ring.lines.filter((line) => fits(JSON.parse(line) as LogRecord, wish)).slice(-wish.lines); // the ring wrote it
  for (const line of kept) socket.write(`${line}\n`);
  if (!wish.follow) return void socket.end();
  socket.setTimeout(0);
  let missed = 0;
  const tell = (): void => {
    if (missed === 0) return;
    const message = `${missed} lines are missing here, since they were read too slowly`;
    missed = 0;
    socket.write(`${JSON.stringify({ time: new Date().toISOString(), level: "warn", message } satisfies LogRecord)}\n`);
  };
  const unfollow = ring.follow({
    level: wish.level,
    read(record, line) {
      if (!fits(record, wish)) return;
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

function fits(record: LogRecord, { level, server, tool, id, since }: LogWish): boolean {
  return (
    LOG_LEVELS[record.level] <= LOG_LEVELS[level] &&
    (server === undefined || record.upstream === server) &&
    (tool === undefined || record.entry === tool) &&
    (id === undefined || record.requestId === id) &&
    (since === undefined || Date.parse(record.time) >= since)
  );
}
