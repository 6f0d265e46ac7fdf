import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import type { HostError } from "../errors.ts";

/** Takes the body of an answer. */
export interface BodyReader {
  data(chunk: Buffer): void;
  /** @param complete false when the connection broke first */
  end(complete: boolean): void;
}

/** What becomes of a request; after {@link HttpRequest.abort} nothing is told any more. */
export interface HttpEvents {
  /** The answer begins. Gives what takes its body; without, the body is read away. */
  head(status: number, headers: IncomingHttpHeaders, request: HttpRequest): BodyReader | undefined;
  /** The connection broke, or there was none: there will be no answer. */
  failed(error: NodeJS.ErrnoException, request: HttpRequest): void;
  /** There are no credentials for it, or the server points to where they may not go. Nobody has acted on it. */
  refused(error: HostError): void;
}

/** What is sent; credentials and the session add their headers. */
export interface HttpOrder {
  readonly method: "GET" | "POST" | "DELETE";
  /** With the query. */
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body?: string;
  /** Whether it goes beside the connections of calls. */
  readonly lasts?: boolean;
}

/** Whether a request goes on after this head, so that it is not the answer. */
export type GoesOn = (request: HttpRequest, status: number, headers: IncomingHttpHeaders) => boolean;

const ABORTED = new Error("aborted");

/** A request until its answer, however often it has to be sent for one. */
export class HttpRequest {
  readonly order: HttpOrder;
  /** Where it is sent: elsewhere after a redirect. */
  path: string;
  redirects = 0;
  /** The version of the credentials that it was sent with last. */
  credentials: number | undefined;
  /** Whether it was refused already for want of credentials. */
  wasUnauthorized = false;
  /** The same, for credentials of too little scope. */
  wasInsufficient = false;
  isAborted = false;
  readonly #events: HttpEvents;
  #attempt: Attempt | undefined;

  constructor(order: HttpOrder, events: HttpEvents, path: string) {
    this.order = order;
    this.path = path;
    this.#events = events;
  }

  /** Whether it had a connection the last time, so that the server may have read it, whatever came of it afterwards. */
  get reached(): boolean {
    return this.#attempt?.reached === true;
  }

  abort(): void {
    this.isAborted = true;
    this.#attempt?.abort();
  }

  // --- called by the client ---

  /** Takes what undici tells of one more time that it is sent. */
  attempt(goesOn: GoesOn): Dispatcher.DispatchHandler {
    this.#attempt = new Attempt(this, this.#events, goesOn);
    return this.#attempt;
  }

  refuse(error: HostError): void {
    if (!this.isAborted) this.#events.refused(error);
  }
}

/** One time that a request is sent. */
class Attempt implements Dispatcher.DispatchHandler {
  reached = false;
  readonly #request: HttpRequest;
  readonly #events: HttpEvents;
  readonly #goesOn: GoesOn;
  #controller: Dispatcher.DispatchController | undefined;
  #reader: BodyReader | undefined;
  #answered = false;
  #over = false;

  constructor(request: HttpRequest, events: HttpEvents, goesOn: GoesOn) {
    this.#request = request;
    this.#events = events;
    this.#goesOn = goesOn;
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(ABORTED);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(ABORTED);
    else this.reached = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#over || status < 200) return; // 1xx announce the answer
    this.#answered = true;
    // Turned away unread, where it goes on.
    if (this.#goesOn(this.#request, status, headers)) this.reached = false;
    else this.#reader = this.#events.head(status, headers, this.#request);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#reader?.data(chunk);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader?.end(true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: NodeJS.ErrnoException): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#answered) this.#reader?.end(false);
    else this.#events.failed(error, this.#request);
  }
}

export function isEventStream(headers: IncomingHttpHeaders): boolean {
  return hasType(headers, "text/event-stream");
}

export function isJson(headers: IncomingHttpHeaders): boolean {
  return hasType(headers, "application/json");
}

/** Media types are case-insensitive. */
function hasType({ "content-type": given = "" }: IncomingHttpHeaders, type: string): boolean {
  return given.startsWith(type) || given.slice(0, type.length).toLowerCase() === type;
}

/** Whether a body comes as it is. */
export function isPlain(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"];
  return encoding === undefined || encoding === "identity";
}
