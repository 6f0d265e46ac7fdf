import { SseParser } from "../wire/sse.ts";
import type { BodyReader, HttpRequest } from "./http-request.ts";

/** A server that asks to be asked again at once must not make a busy loop. */
const LEAST_RETRY = 10;
/** Nor may one whose streams end without a message. */
const LEAST_QUIET_RETRY = 1_000;

/** Takes the body of an event stream. What cannot be read ends its connection, and is told to `broken`. */
export function eventReader(parser: SseParser, request: HttpRequest, broken: (error: unknown) => void, end: BodyReader["end"]): BodyReader {
  return {
    data(chunk) {
      try {
        parser.push(chunk);
      } catch (error) {
        request.abort();
        broken(error);
      }
    },
    end,
  };
}

/** A stream over several connections, each of which goes on after the last event of the one before. */
export class ResumableStream {
  /** Undefined where the server gives its events no ids, so that there is nothing to resume. */
  lastEventId: string | undefined;
  /** Connections in a row that ended without a message. */
  #quiet = 0;
  #retry: number | undefined;
  readonly #limit: number;

  /** @param limit bytes of one event */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes the body of one connection. */
  reader(
    request: HttpRequest,
    told: { message(data: Buffer): void; broken(error: unknown): void; end(complete: boolean): void },
  ): BodyReader {
    this.#quiet++;
    const parser = new SseParser(this.#limit, ({ event, data }) => {
      if (event !== "message" || data.length === 0) return; // one without data gives the stream its first id
      this.#quiet = 0;
      told.message(data);
    });
    parser.lastEventId = this.lastEventId;
    parser.retry = this.#retry;
    const note = (): void => {
      this.lastEventId = parser.lastEventId;
      this.#retry = parser.retry;
    };
    return eventReader(
      parser,
      request,
      (error) => {
        note();
        told.broken(error);
      },
      (complete) => {
        note();
        told.end(complete);
      },
    );
  }

  /**
   * Milliseconds until the next connection: what the server asked for.
   * @param otherwise where it asked for nothing
   * @param quiet connections in a row without a message after which it is not asked as often as it wants
   */
  pause(otherwise: number, quiet: number): number {
    const least = this.#quiet >= quiet ? LEAST_QUIET_RETRY : LEAST_RETRY;
    return Math.max(this.#retry ?? otherwise, least);
  }
}
