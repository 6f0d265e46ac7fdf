import { ERROR_ORIGIN, ERRORS, type ErrorType, type HostError, type RpcError } from "../errors.ts";
import type { Entry } from "../exchange/entry.ts";
import type { HttpOrigin } from "../exchange/exchange.ts";
import type { RoundReply } from "../session/parking.ts";
import { type Id, isObject, type Json, type Message, type Response } from "../wire/message.ts";
import type { Freshness, ResultType } from "../wire/modern.ts";
import type { Member } from "../wire/roster.ts";
import { EventStream, type StreamSettings } from "./event-stream.ts";
import { MISSING_CAPABILITY, type ModernAnswers } from "./modern-answers.ts";
import { paramMismatch } from "./modern-checks.ts";
import { originOf } from "./origin.ts";
import type { FrontResponse } from "./response.ts";
import type { NetworkOptions } from "./way-in.ts";

/** The HTTP status of errors that are told while no stream was begun: the specification's own; everything else is answered with 200. */
const STATUS: { readonly [type in ErrorType]?: number } = {
  method_not_found: 404,
  header_mismatch: 400,
  unsupported_protocol: 400,
  invalid_request: 400,
  capability_required: 400,
};

export interface ModernReplies {
  readonly options: Pick<NetworkOptions, "plugins">;
  readonly answers: ModernAnswers;
  readonly streams: StreamSettings;
}

/**
 * The answer to one request of the modern era: plain JSON as long as nothing must be sent before it, a stream from then on.
 * Nobody comes back for it: a client that is gone has cancelled.
 */
export class ModernReply implements RoundReply, Member {
  place: number | undefined = undefined;
  /** When it began, on the monotonic clock: silence of some seconds turns it into a stream. */
  readonly since = performance.now();
  readonly #response: FrontResponse;
  readonly #method: string;
  readonly #endpoint: string | undefined;
  readonly #replies: ModernReplies;
  #stream: EventStream | undefined;
  #isOver = false;

  constructor(response: FrontResponse, method: string, endpoint: string | undefined, replies: ModernReplies) {
    this.#response = response;
    this.#method = method;
    this.#endpoint = endpoint;
    this.#replies = replies;
  }

  get http(): HttpOrigin {
    return originOf(this.#replies.options, this.#response.req, this.#endpoint);
  }

  give(headers: readonly string[]): boolean {
    return this.#response.give(headers);
  }

  /** It was answered, or there will be no answer. */
  get isAnswered(): boolean {
    return this.#isOver;
  }

  /** As above, or nobody is there any more. */
  get isOver(): boolean {
    return this.#isOver || this.#response.destroyed;
  }

  get isStream(): boolean {
    return this.#stream !== undefined;
  }

  mismatch(entry: Entry, params: Readonly<Json>): HostError | undefined {
    return this.#method === "tools/call" ? paramMismatch(entry.definition, params, this.#response.req) : undefined;
  }

  send(message: Message): boolean {
    return !this.isOver && this.stream().send(message);
  }

  answer(response: Response, known?: Freshness, resultType?: ResultType): number | undefined {
    if (this.isOver) return undefined;
    const json = this.#replies.answers.textOf(response, this.#method, known, resultType); // may throw, and then nothing has happened yet
    return this.#finish(json, "error" in response ? statusOf(response.error) : 200);
  }

  ask(id: Id, inputRequests: Json, requestState: string): number | undefined {
    if (this.isOver) return undefined;
    const json = JSON.stringify(this.#replies.answers.asking(id, inputRequests, requestState)); // as above
    return this.#finish(json, 200);
  }

  #finish(json: string, status: number): number {
    this.#isOver = true;
    if (this.#stream) {
      this.#stream.sendJson(json);
      this.#stream.end();
      return json.length;
    }
    const bytes = Buffer.byteLength(json);
    this.#response.head(status, "content-type", "application/json", "content-length", String(bytes));
    this.#response.end(json);
    return bytes;
  }

  /** There is no answer: it was cancelled, which only a client that is gone can do. */
  end(): void {
    if (this.isOver) return;
    this.#isOver = true;
    this.#response.destroy();
  }

  /** Turns the answer into a stream and gives it. */
  stream(): EventStream {
    this.#stream ??= new EventStream(this.#response, this.#replies.streams);
    return this.#stream;
  }
}

function statusOf({ code, data }: RpcError): number {
  const isOwn = isObject(data) && data.origin === ERROR_ORIGIN;
  if (isOwn) return STATUS[data.type as ErrorType] ?? 200; // what toRpc wrote
  // A server's own: that it has no such method, or that the client lacks a capability.
  return code === ERRORS.method_not_found.code ? 404 : code === MISSING_CAPABILITY ? 400 : 200;
}
