import { HostError } from "../errors.ts";
import type { OperatedHost } from "../host/operated-host.ts";
import type { LogRecord } from "../log.ts";
import type { Followed } from "../plugin/operations.ts";
import type { Json } from "../wire/message.ts";
import { followed } from "./followed.ts";
import { fits, parseLogQuery } from "./log-query.ts";
import { LogRing } from "./log-ring.ts";
import { checkFollowers, keptLines, missingLines } from "./log-stream.ts";
import { parseTraceQuery, TraceFilter } from "./trace-query.ts";
import { TraceFeed, type TraceNote } from "./trace-stream.ts";

/** The log and the requests of one host, as operators follow them. */
export class OperatorStreams {
  readonly feed: TraceFeed;
  readonly #host: Pick<OperatedHost, "hear">;
  #ring: LogRing | undefined;
  /** Whether {@link keep} made it: then it hears what the host's plugins hear. */
  #isOwn = false;

  /** @param ring that hears the log already, and has its last lines */
  constructor(host: Pick<OperatedHost, "hear" | "trace" | "pipeline">, ring?: LogRing) {
    this.#host = host;
    this.#ring = ring;
    this.feed = new TraceFeed(
      (listener) => host.trace(listener),
      () => host.pipeline().plugins.map(({ id }) => id),
    );
  }

  /** Lines are kept from here on where nobody has kept any. */
  keep(): LogRing {
    if (this.#ring) return this.#ring;
    const ring = new LogRing("info");
    this.#host.hear((line) => ring.read(line), "info");
    this.#ring = ring;
    this.#isOwn = true;
    return ring;
  }

  /** @throws HostError for what cannot be followed */
  follow(what: Followed, query: Readonly<Json>, signal: AbortSignal): AsyncIterable<string> {
    if (what === "logs") return this.#logs(query, signal);
    if (what === "trace") return this.#trace(query, signal);
    throw new HostError("not_found", `nothing called ${JSON.stringify(what)} can be followed; there are logs and trace`);
  }

  #logs(asked: Readonly<Json>, signal: AbortSignal): AsyncIterable<string> {
    const query = askedFor(() => parseLogQuery(asked));
    const ring = this.keep();
    if (query.follow) checkFollowers(ring);
    return followed(
      ({ read, end }) => {
        for (const line of keptLines(query, ring)) read(line);
        if (!query.follow) {
          end();
          return () => {};
        }
        const take = (record: LogRecord, line: string): void => void (fits(record, query) && read(line));
        const ends = [ring.follow({ level: query.level, read: take, end })];
        // What such a ring does not hear is heard only while somebody wants it.
        if (this.#isOwn && query.level === "debug")
          ends.push(this.#host.hear((record) => void (record.level === "debug" && take(record, JSON.stringify(record))), "debug"));
        return () => {
          for (const stop of ends) stop();
        };
      },
      missingLines,
      signal,
    );
  }

  #trace(asked: Readonly<Json>, signal: AbortSignal): AsyncIterable<string> {
    const query = askedFor(() => {
      const parsed = parseTraceQuery(asked);
      this.feed.check(parsed);
      return parsed;
    });
    let left = query.count ?? Number.POSITIVE_INFINITY;
    return followed(
      ({ read, end }) => {
        const unfollow = this.feed.follow({
          filter: new TraceFilter(query),
          read(record) {
            read(JSON.stringify(record));
            if (--left > 0) return;
            unfollow();
            end();
          },
          end,
        });
        read(JSON.stringify({ note: "tracing" } satisfies TraceNote));
        return unfollow;
      },
      (missing) => JSON.stringify({ note: "missing", missing } satisfies TraceNote),
      signal,
    );
  }
}

/** What was asked for, or why it is not there. */
function askedFor<T>(query: () => T): T {
  try {
    return query();
  } catch (error) {
    throw new HostError("invalid_params", (error as Error).message, { cause: error }); // both parsers throw Errors with words for the operator
  }
}
