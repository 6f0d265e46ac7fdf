import { SseParser } from "../wire/sse.ts";
import { type BodyReader, type HttpClient, type HttpRequest, isEventStream } from "./http-client.ts";

export interface StandingStreamEvents {
  message(data: Buffer): void;
  garbage(reason: string): void;
  sessionGone(): void;
  /** The server answered 401. */
  unauthorized(): void;
}

const FIRST_RETRY = 1_000;
const LAST_RETRY = 30_000;
/** A server that asks to be asked again at once must not make a busy loop. */
const LEAST_RETRY = 10;

/** The GET stream of a Streamable HTTP session, on which a server sends what belongs to no call. Opened again when it ends; servers may refuse it (405). */
export class StandingStream {
  readonly #http: HttpClient;
  readonly #limit: number;
  readonly #events: StandingStreamEvents;
  #request: HttpRequest | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastEventId: string | undefined;
  #retry: number | undefined;
  #tries = 0;
  #closed = false;

  /** @param limit bytes of one event */
  constructor(http: HttpClient, limit: number, events: StandingStreamEvents) {
    this.#http = http;
    this.#limit = limit;
    this.#events = events;
  }

  open(): void {
    this.#http.fresh(
      () => this.#open(),
      () => this.#again(),
    );
  }

  #open(): void {
    if (this.#closed) return;
    this.#request = this.#http.get(this.#lastEventId, {
      failed: () => this.#again(),
      head: (status, headers, request) => {
        if (status === 200 && isEventStream(headers)) return this.#read(request);
        if (status === 404 && this.#http.session !== undefined) this.#events.sessionGone();
        else if (status === 401) this.#events.unauthorized();
        else if (status >= 500) this.#again();
        return undefined;
      },
    });
  }

  #read(request: HttpRequest): BodyReader {
    this.#tries = 0;
    const parser = new SseParser(this.#limit, ({ event, data }) => {
      if (event === "message") this.#events.message(data);
    });
    parser.lastEventId = this.#lastEventId;
    parser.retry = this.#retry;
    const end = (): void => {
      this.#lastEventId = parser.lastEventId;
      this.#retry = parser.retry;
      this.#again();
    };
    return {
      data: (chunk) => {
        try {
          parser.push(chunk);
        } catch {
          this.#events.garbage("an oversized event on the standing stream");
          request.abort();
          end();
        }
      },
      end,
    };
  }

  #again(): void {
    if (this.#closed) return;
    const wait = this.#retry === undefined ? Math.min(FIRST_RETRY * 2 ** this.#tries, LAST_RETRY) : Math.max(this.#retry, LEAST_RETRY);
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
