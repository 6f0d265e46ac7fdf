import type { Socket } from "node:net";
import { HostError } from "../errors.ts";
import type { TraceListener } from "../exchange/trace.ts";
import { pluginProblem, TraceFilter, type TraceQuery } from "./trace-query.ts";
import { type TraceFacts, type TraceRecord, TraceRecorder } from "./trace-record.ts";

/** What one reader that does not read may cost. */
const QUEUE_BYTES = 2 * 1024 * 1024;
const FOLLOWERS = 8;

/** What comes between records: that the host is traced from here on, or that some are missing. */
export interface TraceNote {
  readonly note: "tracing" | "missing";
  readonly missing?: number;
}

interface Follower {
  readonly filter: TraceFilter;
  read(record: TraceRecord): void;
  end(): void;
}

/** Hands records of a host's requests to whoever follows. While nobody does, nothing is recorded. */
export class TraceFeed {
  readonly #followers = new Set<Follower>();
  readonly #trace: (listener: TraceListener) => () => void;
  #stop: (() => void) | undefined;

  readonly #plugins: () => readonly string[];

  /** @param trace the host's @param plugins the ids of those that the host has now */
  constructor(trace: (listener: TraceListener) => () => void, plugins: () => readonly string[]) {
    this.#trace = trace;
    this.#plugins = plugins;
  }

  /** @throws Error where the host has nothing of what is asked for */
  check({ plugin }: TraceQuery): void {
    const wrong = plugin === undefined ? undefined : pluginProblem(plugin, this.#plugins());
    if (wrong !== undefined) throw new Error(`"plugin": ${wrong}`);
  }

  /** @returns ends it @throws Error where too many follow */
  follow(follower: Follower): () => void {
    if (this.#followers.size >= FOLLOWERS) throw new HostError("overloaded", `${FOLLOWERS} readers follow the trace already`);
    this.#followers.add(follower);
    this.#stop ??= this.#trace(
      new TraceRecorder(
        (facts) => this.#wants(facts),
        (record) => this.tell(record),
      ).listener,
    );
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  /** Tells everybody who follows that nothing more comes. */
  end(): void {
    for (const follower of this.#followers) follower.end();
  }

  #wants(facts: TraceFacts): boolean {
    for (const { filter } of this.#followers) if (filter.wants(facts)) return true;
    return false;
  }

  /** Hands on a request that is over. */
  tell(record: TraceRecord): void {
    for (const follower of this.#followers) if (follower.filter.fits(record)) follower.read(record);
  }
}

/**
 * Writes a line of JSON for each request that is over from now on, until either side ends it or there were as many as were asked for.
 * @throws Error for what cannot be followed
 */
export function streamTrace(socket: Socket, query: TraceQuery, feed: TraceFeed): void {
  feed.check(query);
  let missed = 0;
  let left = query.count ?? Number.POSITIVE_INFINITY;
  const write = (line: TraceRecord | TraceNote): void => void socket.write(`${JSON.stringify(line)}\n`);
  const tell = (): void => {
    if (missed === 0) return;
    const missing = missed;
    missed = 0;
    write({ note: "missing", missing });
  };
  const unfollow = feed.follow({
    filter: new TraceFilter(query),
    read(record) {
      if (socket.writableLength > QUEUE_BYTES) {
        missed++;
        return;
      }
      tell();
      write(record);
      if (--left > 0) return;
      unfollow();
      socket.end();
    },
    end: () => void socket.end(),
  });
  socket.setTimeout(0);
  socket.on("drain", tell);
  socket.once("close", unfollow);
  write({ note: "tracing" });
}
