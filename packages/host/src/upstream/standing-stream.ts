import { ResumableStream } from "./event-stream.ts";
import type { HttpClient } from "./http-client.ts";
import { retryAfter } from "./http-failure.ts";
import { type BodyReader, type HttpRequest, isEventStream } from "./http-request.ts";

export interface StandingStreamEvents {
  message(data: Buffer): void;
  garbage(reason: string): void;
  sessionGone(): void;
}

const FIRST_RETRY = 1_000;
const LAST_RETRY = 30_000;
/** A stream that was open for so long was no failure, even if nothing came on it. */
const LIVED = 10_000;
/** Reasons to be refused that another try would not change. */
const FINAL: ReadonlySet<string> = new Set(["upstream_auth", "sign_in_required", "upstream_error"]);
/** What a server without standing streams answers; any other refusal may be of the moment. */
const HAS_NONE = 405;

/** The GET stream of a Streamable HTTP session, on which a server sends what belongs to no call. Opened again when it ends or is refused, unless the server has none. */
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
      failed: () => this.#failed(),
      refused: ({ type }) => {
        if (!FINAL.has(type)) this.#failed();
      },
      head: (status, headers, request) => {
        if (status === 200 && isEventStream(headers)) return this.#read(request);
        if (status === 404 && this.#http.session !== undefined) this.#events.sessionGone();
        else if (status !== HAS_NONE) {
          request.abort(); // its body, which may have no end
          this.#failed(retryAfter(headers));
        }
        return undefined;
      },
    });
  }

  #read(request: HttpRequest): BodyReader {
    const opened = performance.now();
    const ended = (): void => {
      if (performance.now() - opened > LIVED) this.#tries = 0;
      this.#again(this.#stream.pause(this.#backoff, 1));
    };
    return this.#stream.reader(request, {
      message: (data) => {
        this.#tries = 0;
        this.#events.message(data);
      },
      broken: () => {
        this.#events.garbage("an oversized event on the standing stream");
        ended();
      },
      end: ended,
    });
  }

  /** It could not be opened. @param pause that the server asks for */
  #failed(pause = 0): void {
    this.#again(Math.max(this.#backoff, this.#stream.pause(pause, 1), pause));
  }

  get #backoff(): number {
    return Math.min(FIRST_RETRY * 2 ** this.#tries, LAST_RETRY);
  }

  #again(wait: number): void {
    if (this.#closed) return;
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
