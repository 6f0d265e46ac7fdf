import type { IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";

/** How much of a refused body is read away, so that the client has written it all when the answer comes. */
const DISCARD_FACTOR = 16;
const DISCARD_TIME = 5_000;

/**
 * Reads a request's body of at most `limit` bytes (fault row 65). A longer one is not kept, but read away within bounds
 * before it is refused: a client that is cut off while it writes sees a broken pipe instead of the reason.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] | undefined = [];
    let size = 0;
    let late: NodeJS.Timeout | undefined;
    const refuse = (): void => {
      clearTimeout(late);
      reject(new HostError("payload_too_large", `the request is larger than ${limit} bytes`));
    };
    const tooLarge = (): void => {
      chunks = undefined;
      late ??= setTimeout(refuse, DISCARD_TIME);
    };
    const announced = Number(request.headers["content-length"] ?? 0);
    if (announced > limit * DISCARD_FACTOR) return refuse();
    if (announced > limit) tooLarge();
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit * DISCARD_FACTOR) {
        request.pause();
        refuse();
      } else if (size > limit) tooLarge();
      else chunks?.push(chunk);
    });
    request.once("end", () => {
      if (!chunks) refuse();
      else resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    });
    request.once("error", reject);
    request.once("close", () => {
      clearTimeout(late);
      if (!request.complete) reject(new HostError("invalid_request", "the request was not sent to its end"));
    });
  });
}
