import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { ListenConfig } from "../config/schema.ts";
import { ConfigError, HostError, isRefusal } from "../errors.ts";
import { errorFields, type Logger } from "../log.ts";
import type { Principal } from "../pipeline/exchange.ts";
import type { SealedHooks } from "../pipeline/hook-set.ts";
import type { Awaitable } from "../pipeline/hooks.ts";
import type { Reply, Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Limits } from "../wire/limits.ts";
import { isRequest, type Message } from "../wire/message.ts";
import { checkShape, ParseError, parseJson, toMessage } from "../wire/parse.ts";
import { isSupportedVersion, PROTOCOL_VERSIONS } from "../wire/versions.ts";
import type { Answer } from "./answer.ts";
import { readBody } from "./body.ts";
import { accepts, type Checks, Edge, ENDPOINT_METHODS, prefersStream } from "./edge.ts";
import { EventStream, HttpReply, NO_REPLY } from "./http-reply.ts";
import { createServer, listenFailure, type Server } from "./listening.ts";
import { routesOf } from "./routes.ts";

export interface HttpFrontOptions {
  readonly listen: ListenConfig;
  readonly limits: Limits;
  readonly sessions: Sessions;
  readonly hooks: () => SealedHooks;
  readonly log: Logger;
  /** Asked before the plugins who a client is, where the program around the host may know. */
  readonly authenticate?: ((request: IncomingMessage) => Awaitable<Principal | undefined>) | undefined;
  /** Whether `/readyz` answers 200, and why not. */
  readonly ready: () => { ready: boolean; down: readonly string[] };
}

const ANONYMOUS: Principal = Object.freeze({ id: "anonymous", roles: Object.freeze([]) });

/** A quiet POST becomes a stream after this, so that proxies and clients do not give it up. */
const JSON_PATIENCE = 5_000;
const KEEP_ALIVE = 15_000;
const TICK = 1_000;
const BATCH = 50;

/** Serves clients over Streamable HTTP (2025-11-25, 2025-06-18, 2025-03-26). */
export class HttpFront {
  readonly #options: HttpFrontOptions;
  #server: Server | undefined;
  #edge!: Checks; // made once the port is known; nothing is served before
  #app: ((request: IncomingMessage, response: Answer) => unknown) | undefined;
  readonly #replies = new Set<HttpReply>();
  readonly #standing = new Map<Session, EventStream>();
  #ticker: NodeJS.Timeout | undefined;
  #keptAlive = performance.now();
  #closing = false;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
  }

  /** Begins to listen; gives the endpoint's URL. */
  async listen(): Promise<string> {
    const { listen, limits, hooks } = this.#options;
    const server = createServer(limits, (request, response) => this.serve(request, response));
    (await this.routes(hooks()))();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(new ConfigError([listenFailure(error, listen)])));
      server.listen({ port: listen.port, host: listen.host }, resolve);
    });
    this.#server = server;
    const { port } = server.address() as AddressInfo; // it listens on TCP
    this.#open(new Edge(listen, port, limits));
    const name = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
    return `http://${name}:${port}${listen.path}`;
  }

  /** Serves what another server hands to {@link serve}, once `edge` has let it pass. */
  async mount(edge: Checks): Promise<void> {
    (await this.routes(this.#options.hooks()))();
    this.#open(edge);
  }

  #open(edge: Checks): void {
    this.#edge = edge;
    this.#ticker = setInterval(() => this.#tick(), TICK).unref();
  }

  /** Gets the routes of plugins ready, with Hono where there are any; gives what puts them in the place of those before. */
  async routes({ http }: SealedHooks): Promise<() => void> {
    const app = http && (await routesOf(http));
    return () => {
      this.#app = app;
    };
  }

  /** Refuses new requests; what is in flight goes on, and clients may still answer what they were asked. */
  drain(): void {
    this.#closing = true;
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#ticker);
    for (const { response } of this.#standing.values()) response.end();
    if (!this.#server) return;
    const server = this.#server;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    // What was answered just now is still on its way out.
    setTimeout(() => server.closeAllConnections(), 500).unref();
    await closed;
  }

  /** @param path what the request is for, where its URL does not say it */
  serve(request: IncomingMessage, response: Answer, path = pathOf(request)): void {
    const failed = (error: unknown): void => {
      if (response.destroyed) return;
      this.#reject(response, error instanceof HostError || isRefusal(error) || error instanceof ParseError ? error : this.#internal(error));
    };
    try {
      response.fixed = this.#edge.headers(request); // first, so that refusals have them too
      const refused = this.#edge.check(request);
      if (refused) throw refused;
      if (path !== this.#options.listen.path) return this.#elsewhere(path, request, response);
      const { method } = request;
      if (method === "OPTIONS") {
        const denied = this.#edge.preflight(request, response);
        if (denied) throw denied;
        return;
      }
      if (method !== "POST" && method !== "GET" && method !== "DELETE") {
        throw new HostError("method_not_allowed", `${method} is not one of the endpoint's methods`, {
          headers: { allow: ENDPOINT_METHODS },
        });
      }
      const serve = (principal: Principal): void => this.#endpoint(request, response, principal, failed);
      if (this.#options.authenticate || this.#options.hooks().authenticate) this.#authenticate(request, path).then(serve).catch(failed);
      else serve(ANONYMOUS);
    } catch (error) {
      failed(error);
    }
  }

  /** The MCP endpoint. Not `async`: a call pays for every promise. It throws why it refuses, or tells `failed` later. */
  #endpoint(request: IncomingMessage, response: Answer, principal: Principal, failed: (error: unknown) => void): void {
    const { method } = request;
    const version = request.headers["mcp-protocol-version"];
    if (version !== undefined && !isSupportedVersion(version)) {
      throw new HostError(
        "unsupported_version",
        `the host does not speak the protocol version in MCP-Protocol-Version; it speaks ${PROTOCOL_VERSIONS.join(", ")}`,
      );
    }
    if (method === "POST") return this.#post(request, response, principal, failed);
    const session = this.#session(request, principal);
    if (method === "GET") return this.#get(request, response, session);
    this.#options.sessions.close(session);
    response.head(204).end();
  }

  #elsewhere(path: string, request: IncomingMessage, response: Answer): void {
    if (path === "/healthz" || path === "/readyz") {
      const { ready, down } = path === "/healthz" ? { ready: true, down: [] } : this.#options.ready();
      const ok = ready && !this.#closing;
      response.head(ok ? 200 : 503, "content-type", "application/json");
      response.end(JSON.stringify(ok ? { status: "ok" } : { status: this.#closing ? "stopping" : "not ready", down }));
      return;
    }
    if (this.#app) {
      response.applyFixed();
      this.#app(request, response);
      return;
    }
    throw new HostError("not_found", `there is nothing here; the MCP endpoint is ${this.#options.listen.path}`);
  }

  async #authenticate(request: IncomingMessage, path: string): Promise<Principal> {
    const { method = "", headers, socket } = request;
    const facts = { method, path, headers, remoteAddress: socket.remoteAddress ?? "" };
    const principal = (await this.#options.authenticate?.(request)) ?? (await this.#options.hooks().authenticate?.(facts));
    if (typeof principal !== "object" || typeof principal?.id !== "string" || principal.id === "" || !Array.isArray(principal.roles)) {
      throw new HostError("unauthorized", "the request is not authenticated", { headers: { "www-authenticate": "Bearer" } });
    }
    return principal;
  }

  /** The session that a request names, if it is this principal's; another's is answered like an unknown one (R17, R18). */
  #session(request: IncomingMessage, principal: Principal): Session {
    const id = request.headers["mcp-session-id"];
    if (typeof id !== "string") throw new HostError("session_required", "the Mcp-Session-Id header is missing; send initialize first");
    const session = this.#options.sessions.get(id);
    if (!session && this.#closing) throw stopping();
    if (!session?.network || !isSame(session.principal, principal)) {
      throw new HostError("session_not_found", "the session is unknown or has expired; send initialize again");
    }
    return session;
  }

  #post(request: IncomingMessage, response: Answer, principal: Principal, failed: (error: unknown) => void): void {
    if (!accepts(request, "application/json", "text/event-stream"))
      throw new HostError("not_acceptable", "Accept must list application/json and text/event-stream");
    const type = request.headers["content-type"] ?? "";
    if (type !== "application/json" && !/^application\/json\s*(;|$)/i.test(type))
      throw new HostError("unsupported_media_type", "Content-Type must be application/json");
    const session = request.headers["mcp-session-id"] === undefined ? undefined : this.#session(request, principal);
    const take = (body: Buffer): void => {
      const value = parseJson(body);
      checkShape(value, this.#options.limits);
      if (Array.isArray(value)) this.#batch(value, response, session);
      else this.#message(toMessage(value), body.length, request, response, session, principal);
    };
    readBody(request, this.#options.limits.requestBytes, take, failed);
  }

  #message(
    message: Message,
    bytes: number,
    request: IncomingMessage,
    response: Answer,
    session: Session | undefined,
    principal: Principal,
  ): void {
    if (!session && !(isRequest(message) && message.method === "initialize"))
      throw new HostError("session_required", "the Mcp-Session-Id header is missing; send initialize first");
    if (!isRequest(message)) {
      session?.receive(message, NO_REPLY);
      response.head(202).end();
      return;
    }
    if (this.#closing) throw stopping();
    const reply = this.#reply(response, 1, false);
    if (session) {
      if (prefersStream(request)) reply.stream();
      return session.receive(message, reply, bytes);
    }
    this.#begin(message, bytes, response, reply, principal);
  }

  /** Opens a session for a client that sent `initialize`. */
  #begin(initialize: Message, bytes: number, response: Answer, reply: HttpReply, principal: Principal): void {
    const session = this.#options.sessions.open(principal, { network: true, duplicateIds: true });
    const { fixed } = response;
    response.fixed = [...fixed, "mcp-session-id", session.id];
    const own: Reply = {
      send: (sent) => reply.send(sent),
      answer: (answer) => {
        // A session that did not begin does not exist, and its id is nobody's business.
        if ("error" in answer) {
          this.#options.sessions.close(session);
          response.fixed = fixed;
        }
        return reply.answer(answer);
      },
      end: () => reply.end(),
    };
    session.receive(initialize, own, bytes);
  }

  /** JSON-RPC batches exist in 2025-03-26 only (R6). */
  #batch(values: readonly unknown[], response: Answer, session: Session | undefined): void {
    if (session?.client.version !== "2025-03-26")
      throw new ParseError(-32600, "batches are not part of this protocol version; send one message per POST");
    if (values.length === 0 || values.length > BATCH) throw new ParseError(-32600, `a batch has 1 to ${BATCH} messages`);
    const messages: Message[] = values.map((value) => toMessage(value));
    const requests = messages.filter((message) => isRequest(message)).length;
    if (messages.some((message) => "method" in message && message.method === "initialize"))
      throw new ParseError(-32600, "initialize may not be part of a batch");
    const reply = requests === 0 ? undefined : this.#reply(response, requests, true);
    if (!reply) response.head(202).end();
    for (const message of messages) session.receive(message, reply ?? NO_REPLY);
  }

  #reply(response: Answer, requests: number, batch: boolean): HttpReply {
    // A client that went away has not cancelled: the call goes on (2025-11-25, transports; R13).
    const reply = new HttpReply(response, this.#options.limits.clientQueueBytes, requests, batch, this.#replies);
    this.#replies.add(reply);
    return reply;
  }

  #get(request: IncomingMessage, response: Answer, session: Session): void {
    if (!accepts(request, "text/event-stream")) throw new HostError("not_acceptable", "Accept must list text/event-stream");
    // Replacing it silently would let a second client steal what is meant for the first (R19).
    if (this.#standing.has(session))
      throw new HostError("session_conflict", "the session has a standing GET stream already; close it first");
    const stream = new EventStream(response, this.#options.limits.clientQueueBytes);
    this.#standing.set(session, stream);
    response.once("close", () => {
      session.detach(stream);
      session.seen = performance.now();
      this.#standing.delete(session);
    });
    session.attach(stream);
  }

  /** A session has ended: so does its stream. */
  ended(session: Session): void {
    this.#standing.get(session)?.response.end();
  }

  /** One clock for all open answers instead of a timer for each. */
  #tick(): void {
    const now = performance.now();
    for (const reply of this.#replies) {
      if (reply.isOver) this.#replies.delete(reply);
      else if (!reply.isStream && now - reply.since >= JSON_PATIENCE) reply.stream();
    }
    if (now - this.#keptAlive < KEEP_ALIVE) return;
    this.#keptAlive = now;
    for (const stream of this.#standing.values()) stream.keepAlive();
    for (const reply of this.#replies) if (reply.isStream) reply.stream().keepAlive();
  }

  /** Rejects a request at the edge: the HTTP status says what happened, and a JSON-RPC body says why. */
  #reject(response: Answer, error: HostError | ParseError): void {
    if (response.headersSent) {
      response.end();
      return;
    }
    const parse = error instanceof ParseError;
    const rpc = parse
      ? new HostError(error.code === -32700 ? "parse_error" : "invalid_request", error.message).toRpc("-")
      : error.toRpc("-");
    const headers: Record<string, string> = { "content-type": "application/json", ...(parse ? {} : error.headers) };
    if (!parse && error.retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(error.retryAfterMs / 1000));
    // The rest of an oversized body is not worth reading.
    if (!parse && error.type === "payload_too_large") headers.connection = "close";
    response.head(parse ? 400 : error.status, ...Object.entries(headers).flat());
    response.end(JSON.stringify({ jsonrpc: "2.0", id: parse ? error.id : null, error: rpc }));
  }

  #internal(error: unknown): HostError {
    this.#options.log.error("an HTTP request failed", errorFields(error));
    return new HostError("internal", "Internal error");
  }
}

function stopping(): HostError {
  return new HostError("shutting_down", "the host is stopping", { headers: { connection: "close", "retry-after": "5" } });
}

/** Whether two say the same of who somebody is and what they may do. */
function isSame(a: Principal, b: Principal): boolean {
  if (a === b) return true;
  return a.id === b.id && a.binding === b.binding && JSON.stringify([...a.roles].sort()) === JSON.stringify([...b.roles].sort());
}

/** The path that a request's URL says. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}
