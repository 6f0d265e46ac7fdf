import { proxiedFetch } from "../../upstream/proxied-fetch.ts";
import { VERSION } from "../../version.ts";

/** An answer's body is longer than it may be. */
export class TooLong extends Error {}

/** Asks for a URL without following redirects. @param accept what is asked for */
export function ask(url: string, accept: string, signal: AbortSignal): Promise<Response> {
  return proxiedFetch(url, { headers: { accept, "user-agent": `mcp-host/${VERSION}` }, redirect: "manual", signal });
}

/** The parts of a body, at most so many bytes. @throws TooLong */
export async function* bounded(response: Response, most: number): AsyncGenerator<Uint8Array> {
  if (Number(response.headers.get("content-length") ?? 0) > most) {
    await response.body?.cancel();
    throw new TooLong();
  }
  let size = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > most) throw new TooLong();
    yield chunk;
  }
}

/** Why a request failed, in a few words: the reason of the system rather than `fetch failed`. */
export function reasonOf(error: unknown): string {
  const { cause, message } = error as Error; // fetch throws Errors
  if (!(cause instanceof Error)) return message;
  const { code } = cause as NodeJS.ErrnoException;
  return code !== undefined && !cause.message.includes(code) ? `${code} ${cause.message}`.trim() : cause.message || message;
}
