import type { IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";

/** How much of a refused body is read away, so that the client has written it all when the answer comes. */
const DISCARD_FACTOR = 16;
const DISCARD_TIME = 5_000;

/**
 * Reads a request's body of at most `limit` bytes and gives it to `take`; what that throws goes to
 * `refuse`. A longer one is not kept, but read away within bounds before it is refused: a client that is cut off while
 * it writes sees a broken pipe instead of the reason.
 */
export function readBody(request: IncomingMessage, limit: number, take: (body: Buffer) => void, refuse: (error: unknown) => void): void {
  if (request.readableDidRead) return take(takenBody(request, limit));
  let chunks: Buffer[] | undefined = [];
  let size = 0;
  let late: NodeJS.Timeout | undefined;
  let over = false;
  const end = (error: unknown): void => {
    clearTimeout(late);
    if (over) return;
    over = true;
    refuse(error);
  };
  const large = (): void => end(new HostError("payload_too_large", `the request is larger than ${limit} bytes`));
  const tooLarge = (): void => {
    chunks = undefined;
    late ??= setTimeout(large, DISCARD_TIME);
  };
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > limit * DISCARD_FACTOR) return large();
  if (announced > limit) tooLarge();
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit * DISCARD_FACTOR) {
      request.pause();
      large();
    } else if (size > limit) tooLarge();
    else chunks?.push(chunk);
  });
  request.on("end", () => {
    if (!chunks) return large();
    try {
      over = true;
      take(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    } catch (error) {
      refuse(error);
    }
  });
  // An aborted request is closed without an end; Node reports its error only to those who listen for errors.
  request.on("close", () => {
    if (!over) end(new HostError("invalid_request", "the request was not sent to its end"));
  });
}

/** What a body parser before the host has read and left in `body`, as Express's do. @throws HostError where it left nothing */
function takenBody(request: IncomingMessage & { body?: unknown }, limit: number): Buffer {
  const { body } = request;
  if (body === undefined || !request.readableEnded)
    throw new HostError("internal", "the request's body was read before it came to the host: mount the handler before body parsers");
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  if (bytes.length > limit) throw new HostError("payload_too_large", `the request is larger than ${limit} bytes`);
  return bytes;
}
