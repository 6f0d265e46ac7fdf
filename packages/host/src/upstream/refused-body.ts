import { type Id, isObject } from "../wire/message.ts";
import { UNSUPPORTED_VERSION } from "../wire/versions.ts";
import type { BodyReader, HttpRequest } from "./http-request.ts";

/** Bytes of a refusal that are looked at, and how long they may take. */
const LIMIT = 65_536;
const PATIENCE = 1_000;

/** Reads what a server says to a request that it refused, for the host alone: it may hold anything. @param said told once, of nothing where it is too long or too slow */
export function refusedBody(request: HttpRequest, said: (text: string) => void): BodyReader {
  const chunks: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const over = (text: string): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(late);
    said(text);
  };
  const giveUp = (): void => {
    request.abort();
    over("");
  };
  const late = setTimeout(giveUp, PATIENCE).unref();
  return {
    data(chunk) {
      size += chunk.length;
      chunks.push(chunk);
      if (size > LIMIT) giveUp();
    },
    end: (complete) => over(complete ? Buffer.concat(chunks, size).toString("utf8") : ""),
  };
}

/** Whether a server refused a request since it does not know its session, in other words than 404: an answer to the request itself says nothing of that. */
export function isAboutSession(text: string, id: Id): boolean {
  return errorIn(text)?.id !== id && /\bsession\b|not initialized/i.test(text);
}

/** The refusal of the protocol's version that a body holds, as an answer to the request. */
export function versionRefusal(text: string, id: Id): Buffer | undefined {
  const error = errorIn(text)?.error;
  return isObject(error) && error.code === UNSUPPORTED_VERSION ? Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, error })) : undefined;
}

/** The JSON-RPC error that a body is, as an answer to the request. */
export function errorAnswer(text: string, id: Id): Buffer | undefined {
  const error = errorIn(text)?.error;
  return isObject(error) ? Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, error })) : undefined;
}

function errorIn(text: string): { id: unknown; error: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && "error" in value ? { id: value.id, error: value.error } : undefined;
  } catch {
    return undefined; // words
  }
}
