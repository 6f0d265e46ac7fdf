import type { IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";

/** Reads a request's body of at most `limit` bytes; a longer one is refused unread if its length is announced, else at the limit (fault row 65). */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const tooLarge = (): HostError => new HostError("payload_too_large", `the request is larger than ${limit} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > limit) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.once("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
    request.once("error", reject);
    request.once("close", () => {
      if (!request.complete) reject(new HostError("invalid_request", "the request was not sent to its end"));
    });
  });
}
