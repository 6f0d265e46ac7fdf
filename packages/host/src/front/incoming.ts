import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import type { Limits } from "../wire/limits.ts";
import { isRequest, type Message, type Response } from "../wire/message.ts";
import { checkShape, ParseError, toMessage } from "../wire/parse.ts";

/** The only version that has batches. */
const BATCH_VERSION = "2025-03-26";
/** Messages of one batch. */
const BATCH = 50;

/** A wire that carries a client's messages one after the other, and the host's likewise: standard streams, WebSocket, HTTP+SSE. */
export interface Wire {
  readonly session: Session;
  readonly limits: Limits;
  readonly reply: Reply;
  /** Writes the answers to a batch as one array. */
  readonly answerAll: (answers: readonly Response[]) => unknown;
}

/** What a client sent at once: a message, or those of a batch. */
export type Sent = Message | readonly Message[];

/** The messages in a client's value. @throws ParseError where it is none */
export function sentIn(value: unknown, { session, limits }: Pick<Wire, "limits"> & { readonly session: Session | undefined }): Sent {
  checkShape(value, limits);
  if (!Array.isArray(value)) return toMessage(value);
  checkBatches(session);
  return batchOf(value);
}

/** @throws ParseError unless the session has begun, in the version that has batches */
export function checkBatches(session: Session | undefined): asserts session is Session {
  if (session?.client.version === BATCH_VERSION) return;
  throw new ParseError(-32600, "batches are not part of this protocol version; send one message at a time");
}

/** The messages of a batch. @throws ParseError where it has something else in it, or too many of them */
export function batchOf(values: readonly unknown[]): Message[] {
  if (values.length === 0 || values.length > BATCH) throw new ParseError(-32600, `a batch has 1 to ${BATCH} messages`);
  const messages = values.map((value) => toMessage(value));
  if (messages.some((message) => "method" in message && message.method === "initialize"))
    throw new ParseError(-32600, "initialize may not be part of a batch");
  return messages;
}

/** Hands a session what its client sent. @param bytes of one message, if known */
export function deliver(sent: Sent, { session, reply, answerAll }: Wire, bytes?: number): void {
  if (!isBatch(sent)) return session.receive(sent, reply, bytes);
  const gathered = gathering(reply, sent.filter(isRequest).length, answerAll);
  for (const message of sent) session.receive(message, gathered);
}

export function isBatch(sent: Sent): sent is readonly Message[] {
  return Array.isArray(sent);
}

/** Gathers the answers to a batch: they go together, once the last is there (JSON-RPC 2.0, section 6). What precedes them goes at once. */
function gathering(reply: Reply, requests: number, answerAll: Wire["answerAll"]): Reply {
  const answers: Response[] = [];
  let awaited = requests;
  const done = (): void => {
    if (--awaited === 0 && answers.length > 0) answerAll(answers);
  };
  return {
    send: (message) => reply.send(message),
    answer(response) {
      const { length } = JSON.stringify(response); // may throw, and then nothing has happened yet
      answers.push(response);
      done();
      return length;
    },
    end: done,
    get http() {
      return reply.http;
    },
  };
}
