import type { IncomingHttpHeaders } from "node:http";
import type { Pool as UndiciPool } from "undici";
import type { HostError } from "../errors.ts";
import type { CredentialsRequest } from "../exchange/upstream-facts.ts";
import { withDeadline } from "../wire/deadline.ts";
import type { AddedHeader } from "../wire/link.ts";
import type { Authorization } from "./authorization.ts";
import { failure } from "./failure.ts";
import { challengeOf, wantsScope } from "./http-failure.ts";
import { type HttpEvents, type HttpOrder, HttpRequest, isEventStream, isJson } from "./http-request.ts";
import type { ProxySetting } from "./proxy.ts";
import { redirectTarget } from "./redirect.ts";
import { CONNECT_TIMEOUT, connector, proxyDial } from "./tunnel.ts";
import { poolOf } from "./undici-pool.ts";

export interface HttpOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
  proxy?: ProxySetting;
  /** Connections at once, of calls and of streams that are listened to each. */
  sockets?: number;
}

export interface PostOptions {
  readonly path?: string | undefined;
  readonly added?: readonly AddedHeader[] | undefined;
  /** Whether it stays open for as long as it can, so that it is not to take the connections of calls. */
  readonly lasts?: boolean;
}

const SOCKETS = 256;
const CLOSE_GRACE = 2_000;
/** Answers where there is no server any more; they were read by none. To who has a session, 404 says that it has ended. */
const GONE = new Set([404, 410]);

const POST_HEADERS: readonly string[] = ["Accept", "application/json, text/event-stream", "Content-Type", "application/json"];
const GET_HEADERS: readonly string[] = ["Accept", "text/event-stream"];

/**
 * The requests to one server over HTTP, with the headers of its session. Each follows redirects within the server's origin, and
 * those after it go there at once; where plugins give credentials, it waits for others when they have expired, and is sent once more when they are refused.
 */
export class HttpClient {
  readonly #upstream: string;
  readonly #pool: UndiciPool;
  /** For what lasts, made with the first of these. */
  #lasting: UndiciPool | undefined;
  readonly #makePool: () => UndiciPool;
  readonly #origin: string;
  readonly #path: string;
  /** Where the server has sent what goes to a path: of the two that there are at most, the URL's and an endpoint's. */
  readonly #moved = new Map<string, string>();
  #fixed: string[] = [];
  #headers: string[] = [];
  /** Those of every request, in lower case. */
  #names: ReadonlySet<string> = new Set();
  readonly #authorization: Authorization | undefined;
  readonly #configured: Readonly<Record<string, string>>;
  #session: string | undefined;
  #version: string | undefined;

  /** @param authorization what plugins give the credentials through, where any do */
  constructor(upstream: string, { url, headers, proxy, sockets = SOCKETS }: HttpOptions, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#authorization = authorization;
    this.#configured = headers;
    const dial = proxyDial(url, proxy);
    this.#makePool = () =>
      poolOf(url.origin, {
        connections: sockets,
        pipelining: 1,
        connect: dial ? connector(dial) : { timeout: CONNECT_TIMEOUT },
        // Calls have deadlines of their own, and a stream may be silent for as long as it likes.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
    this.#pool = this.#makePool();
    this.#origin = url.origin;
    this.#path = pathOf(url);
    this.#use(headers);
  }

  #use(headers: Readonly<Record<string, string>>): void {
    this.#fixed = [...Object.entries(headers).flat(), "Accept-Encoding", "identity"];
    this.#compose();
  }

  /** Gets the first credentials. Rejects with a HostError that says why there are none. */
  async authorize(): Promise<void> {
    const error = await this.#renew("connect");
    if (error) throw error;
  }

  /** Gets credentials where plugins give any; `seen` are those that were no good. Gives why there are none. */
  async #renew(reason: CredentialsRequest["reason"], seen?: number, challenge?: string): Promise<HostError | undefined> {
    const authorization = this.#authorization;
    if (!authorization) return undefined;
    try {
      await authorization.renew(reason, seen, challenge);
    } catch (error) {
      return error as HostError; // renew throws nothing else
    }
    this.#use(authorization.over(this.#configured));
    return undefined;
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
    this.#names = new Set(this.#headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  }

  /** Whether every request of the connection has this header, named in lower case. */
  sends(name: string): boolean {
    return this.#names.has(name);
  }

  /** @param how another path of the same server; headers beside those of the connection */
  post(body: string, events: HttpEvents, { path = this.#path, added, lasts = false }: PostOptions = {}): HttpRequest {
    const headers = added ? withAdded(added) : POST_HEADERS;
    return this.#send({ method: "POST", path, headers, body, lasts }, events);
  }

  get(lastEventId: string | undefined, events: HttpEvents): HttpRequest {
    const headers = lastEventId === undefined ? GET_HEADERS : [...GET_HEADERS, "Last-Event-ID", lastEventId];
    return this.#send({ method: "GET", path: this.#path, headers }, events);
  }

  #send(order: HttpOrder, events: HttpEvents): HttpRequest {
    const request = new HttpRequest(order, events, this.#moved.get(order.path) ?? order.path);
    if (this.#authorization?.isExpired) this.#sendRenewed(request, "expired");
    else this.#dispatch(request);
    return request;
  }

  #sendRenewed(request: HttpRequest, reason: CredentialsRequest["reason"], challenge?: string): void {
    void this.#renew(reason, reason === "expired" ? undefined : request.credentials, challenge).then((error) =>
      error ? request.refuse(error) : this.#dispatch(request),
    );
  }

  #dispatch(request: HttpRequest): void {
    if (request.isAborted) return; // while credentials were asked for
    const { path, order } = request;
    request.credentials = this.#authorization?.version;
    const pool = order.lasts ? (this.#lasting ??= this.#makePool()) : this.#pool;
    pool.dispatch(
      { path, method: order.method, headers: [...this.#headers, ...order.headers], body: order.body ?? null },
      request.attempt(this.#goesOn),
    );
  }

  readonly #goesOn = (request: HttpRequest, status: number, headers: IncomingHttpHeaders): boolean => {
    const { path, order } = request;
    const { location } = headers;
    if (path !== order.path && request.redirects === 0 && GONE.has(status) && this.#session === undefined) {
      this.#moved.delete(order.path); // it was there the last time: the configured URL leads to where it is now
      request.path = order.path;
      this.#dispatch(request);
      return true;
    }
    if (request.redirects > 0 && isTaken(status, headers)) this.#moved.set(order.path, path);
    if (this.#authorization && status === 401 && !request.wasUnauthorized) {
      request.wasUnauthorized = true;
      this.#sendRenewed(request, "refused", challengeOf(headers));
      return true;
    }
    if (this.#authorization && status === 403 && !request.wasInsufficient && wantsScope(headers)) {
      request.wasInsufficient = true;
      this.#sendRenewed(request, "insufficient", challengeOf(headers));
      return true;
    }
    if ((status !== 307 && status !== 308) || location === undefined) return false;
    const target = redirectTarget(location, this.urlOf(request), request.redirects);
    if (typeof target === "string") request.refuse(failure(this.#upstream, "upstream_error", target));
    else {
      request.redirects++;
      request.path = pathOf(target);
      this.#dispatch(request);
    }
    return true;
  };

  /** Where a request was sent last. */
  urlOf({ path }: HttpRequest): URL {
    return new URL(this.#origin + path);
  }

  /** Ends the server's session, if there is one, and every connection. */
  async close(): Promise<void> {
    if (this.#session !== undefined) await this.#delete();
    await Promise.all([this.#pool.destroy(), this.#lasting?.destroy()]);
  }

  #delete(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      const over = (): void => resolve();
      const events: HttpEvents = { head: () => ({ data() {}, end: over }), failed: over, refused: over };
      this.#send({ method: "DELETE", path: this.#path, headers: [] }, events);
    });
    return withDeadline(answered, CLOSE_GRACE, () => {});
  }
}

/** The headers of a POST and those added; of a name that is added more than once, the last counts. */
function withAdded(added: readonly AddedHeader[]): string[] {
  const headers = [...POST_HEADERS];
  for (const [index, { name, value }] of added.entries())
    if (!added.some((later, at) => at > index && later.name === name)) headers.push(name, value);
  return headers;
}

/** Whether an answer is one of an MCP server, and not of whoever stands where it sent us: a page that asks who we are, say. */
function isTaken(status: number, headers: IncomingHttpHeaders): boolean {
  return status === 202 || status === 204 || (status === 200 && (isEventStream(headers) || isJson(headers)));
}

/** What a request line has of a URL. */
export function pathOf(url: URL): string {
  return url.pathname + url.search;
}
