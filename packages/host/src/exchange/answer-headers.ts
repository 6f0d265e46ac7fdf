import { isHeaderName, isHeaderValue } from "../wire/headers.ts";
import type { Sink } from "./course.ts";

/** What is for one hop (RFC 9110, section 7.6.1), describes the body, is the protocol's, holds credentials, or is for the host alone to say. */
const RESERVED =
  /^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|date|server|content-.+|mcp-.+|sec-.+|proxy-.+|set-cookie|set-cookie2|www-authenticate|allow|location|vary|retry-after|cache-control|access-control-.+|x-content-type-options|x-frame-options|x-accel-.+)$/;

/**
 * Headers that a plugin gives an answer, names in lower case and values in turn.
 * @throws TypeError for one that is malformed, or not a plugin's to give
 */
export function answerHeaders(headers: Readonly<Record<string, string>>): string[] {
  const list: string[] = [];
  for (const given in headers) {
    const name = given.toLowerCase();
    const value: unknown = headers[given]; // JavaScript may give anything
    if (!isHeaderName(name)) throw new TypeError(`answerHeaders: "${given.slice(0, 64)}" is no name of a header`);
    if (RESERVED.test(name)) throw new TypeError(`answerHeaders: "${name}" is the protocol's or the host's own, and cannot be given`);
    if (typeof value !== "string" || !isHeaderValue(value))
      throw new TypeError(`answerHeaders: "${name}" has a value that no header may have`);
    list.push(name, value);
  }
  return list;
}

/** An exchange with the way to the client's request that it is of, or is caused by. */
interface Answered {
  readonly sink: Pick<Sink, "give"> | undefined;
  readonly parent: Answered | undefined;
}

/** Gives headers to the HTTP answer of whoever's request an exchange is caused by. False where there is none, or its head has gone out. */
export function giveHeaders({ sink, parent }: Answered, headers: readonly string[]): boolean {
  return sink?.give?.(headers) ?? (parent ? giveHeaders(parent, headers) : false);
}
