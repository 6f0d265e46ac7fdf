import type { IncomingHttpHeaders } from "node:http";
import { createRequire } from "node:module";
import type { Dispatcher, Pool as UndiciPool } from "undici";
import type { HostError } from "../errors.ts";
import type { CredentialsRequest } from "../exchange/upstream-facts.ts";
import { withDeadline } from "../wire/deadline.ts";
import type { Authorization } from "./authorization.ts";

// The package's entry point loads fetch, WebSocket and a cache too: 9 MB and 50 ms that nothing here uses.
const Pool = createRequire(import.meta.url)("undici/lib/dispatcher/pool.js") as typeof UndiciPool; // the same class

export interface HttpOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
}

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
  /** There will be no answer. */
  failed(error: NodeJS.ErrnoException, request: HttpRequest): void;
}

export function isEventStream(headers: IncomingHttpHeaders): boolean {
  return String(headers["content-type"]).startsWith("text/event-stream");
}

const SOCKETS = 256;
const CONNECT_TIMEOUT = 10_000;
const CLOSE_GRACE = 2_000;
const ABORTED = new Error("aborted");

/** One request and its answer. */
export class HttpRequest implements Dispatcher.DispatchHandler {
  /** Whether the request had a connection, so that the server may have read it, whatever came of it afterwards. */
  reached = false;
  readonly #events: HttpEvents;
  #controller: Dispatcher.DispatchController | undefined;
  #reader: BodyReader | undefined;
  #answered = false;
  #over = false;

  constructor(events: HttpEvents) {
    this.#events = events;
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(ABORTED);
  }

  // --- called by undici ---

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(ABORTED);
    else this.reached = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#over || status < 200) return; // 1xx announce the answer
    this.#answered = true;
    this.#reader = this.#events.head(status, headers, this);
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
    else this.#events.failed(error, this);
  }
}

/** The requests to one server over HTTP, with the headers of its session. */
export class HttpClient {
  readonly #pool: UndiciPool;
  readonly #path: string;
  #fixed: string[] = [];
  #headers: string[] = [];
  /** Where plugins give credentials, if any do. */
  readonly authorization: Authorization | undefined;
  readonly #configured: Readonly<Record<string, string>>;
  #session: string | undefined;
  #version: string | undefined;

  constructor({ url, headers }: HttpOptions, authorization?: Authorization) {
    this.authorization = authorization;
    this.#configured = headers;
    this.#pool = new Pool(url.origin, {
      connections: SOCKETS,
      pipelining: 1,
      connect: { timeout: CONNECT_TIMEOUT },
      // Calls have deadlines of their own, and a stream may be silent for as long as it likes.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#path = url.pathname + url.search;
    this.#use(headers);
  }

  #use(headers: Readonly<Record<string, string>>): void {
    this.#fixed = [...Object.entries(headers).flat(), "Accept-Encoding", "identity"];
    this.#compose();
  }

  /** Gets the first credentials. Rejects with a HostError that says why there are none. */
  async authorize(): Promise<void> {
    const error = await this.renew("connect");
    if (error) throw error;
  }

  /** Gets credentials where plugins give any; `seen` are those that were no good. Gives why there are none. */
  async renew(reason: CredentialsRequest["reason"], seen?: number): Promise<HostError | undefined> {
    const { authorization } = this;
    if (!authorization) return undefined;
    try {
      await authorization.renew(reason, seen);
    } catch (error) {
      return error as HostError; // renew throws nothing else
    }
    this.#use(authorization.over(this.#configured));
    return undefined;
  }

  /** Runs `go`: at once, or when credentials that have expired were renewed. */
  fresh(go: () => void, failed: (error: HostError) => void): void {
    if (!this.authorization?.isExpired) return go();
    void this.renew("expired").then((error) => (error ? failed(error) : go()));
  }

  /** The session that the server opened, if any. */
  get session(): string | undefined {
    return this.#session;
  }

  set session(session: string | undefined) {
    this.#session = session;
    this.#compose();
  }

  /** The negotiated protocol version, sent with every request from then on. */
  set version(version: string) {
    this.#version = version;
    this.#compose();
  }

  #compose(): void {
    this.#headers = [
      ...this.#fixed,
      ...(this.#session === undefined ? [] : ["Mcp-Session-Id", this.#session]),
      ...(this.#version === undefined ? [] : ["MCP-Protocol-Version", this.#version]),
    ];
  }

  /** @param path another path of the same server, after a redirect */
  post(body: string, events: HttpEvents, path = this.#path): HttpRequest {
    const headers = [...this.#headers, "Accept", "application/json, text/event-stream", "Content-Type", "application/json"];
    return this.#dispatch({ path, method: "POST", headers, body }, events);
  }

  /** @param path as for {@link post} */
  get(lastEventId: string | undefined, events: HttpEvents, path = this.#path): HttpRequest {
    const headers = [...this.#headers, "Accept", "text/event-stream", ...(lastEventId === undefined ? [] : ["Last-Event-ID", lastEventId])];
    return this.#dispatch({ path, method: "GET", headers }, events);
  }

  #dispatch(options: Dispatcher.DispatchOptions, events: HttpEvents): HttpRequest {
    const request = new HttpRequest(events);
    this.#pool.dispatch(options, request);
    return request;
  }

  /** Ends the server's session, if there is one, and every connection. */
  async close(): Promise<void> {
    if (this.#session !== undefined) await this.#delete();
    await this.#pool.destroy();
  }

  #delete(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      const events: HttpEvents = { head: () => ({ data() {}, end: () => resolve() }), failed: () => resolve() };
      this.#dispatch({ path: this.#path, method: "DELETE", headers: this.#headers }, events);
    });
    return withDeadline(answered, CLOSE_GRACE, () => {});
  }
}
