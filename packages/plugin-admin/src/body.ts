import type { Json } from "mcp-host";
import { Problem } from "./problem.ts";

/** Bytes of a body: what an operation may be given. */
export const BODY_BYTES = 64 * 1024;
/** Objects and lists in one another. */
const DEPTH = 32;
/** Milliseconds for all of it. */
const PATIENCE = 10_000;

/** The object of JSON that a request brings; an empty one where it brings none. @throws Problem */
export async function bodyOf(request: Request): Promise<Json> {
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES) throw tooLarge();
  const text = request.body === null ? "" : await textOf(request.body);
  if (text.trim() === "") return {};
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) throw new Problem(415, "unsupported_media_type", "Content-Type must be application/json");
  if (isTooDeep(text)) throw new Problem(400, "invalid_request", `the body is nested deeper than ${DEPTH} levels`);
  let body: unknown;
  try {
    body = JSON.parse(text, (key, value: unknown) => {
      if (key === "__proto__") throw new Error('it has a key "__proto__"');
      return value;
    });
  } catch (error) {
    throw new Problem(400, "parse_error", `the body cannot be read as JSON: ${(error as Error).message.slice(0, 200)}`); // only Errors are thrown
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new Problem(400, "invalid_request", "the body must be an object of JSON");
  return body as Json; // so it is
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let late: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Problem(408, "invalid_request", `the body did not come within ${PATIENCE} ms`)), PATIENCE).unref();
  });
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), patience]);
      if (done) break;
      bytes += value.byteLength;
      if (bytes > BODY_BYTES) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => {}); // whoever sends is told
    throw error instanceof Problem ? error : new Problem(400, "invalid_request", "the body did not come to its end");
  } finally {
    clearTimeout(late);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new Problem(400, "parse_error", "the body is not UTF-8");
  }
}

function tooLarge(): Problem {
  return new Problem(413, "payload_too_large", `the body may have at most ${BODY_BYTES} bytes`, { connection: "close" });
}

/** Looked at before it is parsed: what is nested without end has no bound in the parser. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (inText) {
      if (letter === "\\") at++;
      else if (letter === '"') inText = false;
    } else if (letter === '"') inText = true;
    else if (letter === "{" || letter === "[") {
      if (++depth > DEPTH) return true;
    } else if (letter === "}" || letter === "]") depth--;
  }
  return false;
}
