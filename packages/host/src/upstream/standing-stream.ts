import { ResumableStream } from "./event-stream.ts";
import type { HttpClient } from "./http-client.ts";
import { type BodyReader, type HttpRequest, isEventStream } from "./http-request.ts";

export interface StandingStreamEvents {
  message(data: Buffer): void;
  garbage(reason: string): void;
  sessionGone(): void;
}

const FIRST_RETRY = 1_000;
const LAST_RETRY = 30_000;
/** Reasons to be refused that another try would not change. */
const FINAL: ReadonlySet<string> = new Set(["upstream_auth", "upstream_error"]);

/** The GET stream of a Streamable HTTP session, on which a server sends what belongs to no call. Opened again when it ends; servers may refuse it (405). */
export class StandingStream {
  readonly #http: HttpClient;
  readonly #events: StandingStreamEvents;
  readonly #stream: ResumableStream;
  #request: HttpRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #closed = false;

  /** @param limit bytes of one event */
  constructor(http: HttpClient, limit: number, events: StandingStreamEvents) {
    this.#http = http;
    this.#events = events;
    this.#stream = new ResumableStream(limit);
  }

  open(): void {
    if (this.#closed) return;
    this.#request = this.#http.get(this.#stream.lastEventId, {
      failed: () => this.#again(),
      refused: ({ type }) => {
        if (!FINAL.has(type)) this.#again();
      },
      head: (status, headers, request) => {
        if (status === 200 && isEventStream(headers)) return this.#read(request);
        if (status === 404 && this.#http.session !== undefined) this.#events.sessionGone();
        else if (status >= 500) this.#again();
        return undefined;
      },
    });
  }

  #read(request: HttpRequest): BodyReader {
    this.#tries = 0;
    return this.#stream.reader(request, {
      message: (data) => this.#events.message(data),
      broken: () => {
        this.#events.garbage("an oversized event on the standing stream");
        this.#again();
      },
      end: () => this.#again(),
    });
  }

  #again(): void {
    if (this.#closed) return;
    const wait = this.#stream.pause(Math.min(FIRST_RETRY * 2 ** this.#tries, LAST_RETRY));
    this.#tries++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#request?.abort();
  }
}
