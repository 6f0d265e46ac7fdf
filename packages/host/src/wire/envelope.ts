import type { Id } from "./message.ts";
import { isId } from "./parse.ts";

/** What the first bytes of a message tell of it. */
export interface Envelope {
  readonly id: Id | undefined;
  readonly hasMethod: boolean;
}

/** A string, whole or cut off; a sign of JSON; a number or a word. */
const TOKENS = /"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}[\]:,]|[^\s"{}[\]:,]+/gs;

/** Reads the envelope of a message of which only the first bytes are there: the rest is too much to be read. */
export function envelopeOf(head: Buffer): Envelope {
  const text = head.toString("utf8");
  let id: Id | undefined;
  let hasMethod = false;
  let depth = 0;
  let key = "";
  let isValue = false;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth !== 1 || index + token.length === text.length)
      continue; // of another object, or cut off perhaps
    else if (token === ",") isValue = false;
    else if (token === ":") isValue = true;
    else if (!isValue) key = token;
    else if (key === '"method"') hasMethod = true;
    else if (key === '"id"') id = idIn(token);
  }
  return { id, hasMethod };
}

/** The last member of an object, where that is its id. */
const LAST_ID = /"id"\s*:\s*(-?\d+|"(?:[^"\\]|\\.)*")\s*\}\s*$/;

/** The id of a message of which only the last bytes are there. Whatever comes before, the last brace of a line is that of the message. */
export function idAtEnd(tail: Buffer): Id | undefined {
  const [, token] = LAST_ID.exec(tail.toString("utf8")) ?? [];
  return token === undefined ? undefined : idIn(token);
}

function idIn(token: string): Id | undefined {
  try {
    const value: unknown = JSON.parse(token);
    return isId(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
