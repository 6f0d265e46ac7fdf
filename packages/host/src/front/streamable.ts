import type { IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import { isObject, isRequest, type Message } from "../wire/message.ts";
import { envelopeOf } from "../wire/modern.ts";
import { checkShape, parseJson, toMessage } from "../wire/parse.ts";
import { Roster } from "../wire/roster.ts";
import { isModern } from "../wire/versions.ts";
import { readBody } from "./body.ts";
import { accepts, ENDPOINT_METHODS, prefersStream } from "./edge.ts";
import { EventStore } from "./event-store.ts";
import { EventStream, type StreamSettings } from "./event-stream.ts";
import { HttpReply, JSON_PATIENCE, noReply, type Replies } from "./http-reply.ts";
import { ownSession } from "./identity.ts";
import { batchOf, checkBatches } from "./incoming.ts";
import type { LongLived } from "./long-lived.ts";
import { isModernRequest } from "./modern-checks.ts";
import { ModernHttp } from "./modern-http.ts";
import type { FrontResponse } from "./response.ts";
import { type Arrival, checkJson, checkVersion, type HttpWayIn, type NetworkOptions, notAllowed, stopping } from "./way-in.ts";

/** The MCP endpoint: Streamable HTTP with sessions (2025-11-25, 2025-06-18, 2025-03-26), and without where the modern era is open to clients. */
export class StreamableHttp implements HttpWayIn {
  readonly #options: NetworkOptions;
  readonly #longLived: LongLived;
  readonly #streams: StreamSettings;
  readonly #replies: Replies;
  /** Sessions that began here: those of other ways in have their answers elsewhere. */
  readonly #sessions = new WeakSet<Session>();
  /** Each session's own stream, also while its client is away and may come back for it. */
  readonly #standing = new Map<Session, EventStream>();
  /** Serves the modern era, where that is open to clients. */
  readonly #modern: ModernHttp | undefined;
  /** Whether nothing else is. */
  readonly #isModernOnly: boolean;
  #draining = false;

  constructor(options: NetworkOptions, held: LongLived) {
    this.#options = options;
    this.#longLived = held;
    const { resume } = options.listen;
    this.#streams = { queueBytes: options.limits.clientQueueBytes, store: resume === false ? undefined : new EventStore(resume) };
    this.#replies = { options, streams: this.#streams, open: new Roster() };
    const { protocols } = options.listen;
    if (protocols.includes("modern")) this.#modern = new ModernHttp(options, held);
    this.#isModernOnly = !protocols.includes("legacy");
  }

  serve(request: IncomingMessage, response: FrontResponse, arrival: Arrival, failed: (error: unknown) => void): void {
    const { method } = request;
    if (method !== "POST" && method !== "GET" && method !== "DELETE") throw notAllowed(method, ENDPOINT_METHODS);
    const { "mcp-protocol-version": version } = request.headers;
    if (method !== "POST" && this.#modern && (this.#isModernOnly || isModern(version))) throw notAllowed(method, "POST");
    // What is of which era only the body says, unless it names a session.
    if (method !== "POST" || !this.#modern) checkVersion(request);
    if (method === "POST") return this.#post(request, response, arrival, failed);
    const session = this.#session(request, arrival);
    if (method === "GET") return this.#get(request, response, session);
    this.#options.sessions.close(session);
    response.head(204).end();
  }

  /** The session that a request names. */
  #session(request: IncomingMessage, arrival: Arrival): Session {
    const id = request.headers["mcp-session-id"];
    if (typeof id !== "string") throw new HostError("session_required", "the Mcp-Session-Id header is missing; send initialize first");
    const session = ownSession(this.#options.sessions, id, arrival);
    if (session && this.#sessions.has(session)) return session;
    if (this.#draining && !this.#options.sessions.get(id)) throw stopping();
    throw new HostError("session_not_found", "the session is unknown or has expired; send initialize again");
  }

  #post(request: IncomingMessage, response: FrontResponse, arrival: Arrival, failed: (error: unknown) => void): void {
    if (!accepts(request, "application/json", "text/event-stream"))
      throw new HostError("not_acceptable", "Accept must list application/json and text/event-stream");
    checkJson(request);
    const { "mcp-session-id": named, "mcp-protocol-version": version } = request.headers;
    const modern = named === undefined || this.#isModernOnly || isModern(version) ? this.#modern : undefined;
    if (this.#modern && !modern) checkVersion(request);
    const session = named === undefined || modern ? undefined : this.#session(request, arrival);
    const take = (body: Buffer): void => {
      const value = parseJson(body);
      checkShape(value, this.#options.limits);
      if (modern) {
        const envelope = isObject(value) && isObject(value.params) ? envelopeOf(value.params) : undefined;
        if (this.#isModernOnly || isModernRequest(value, envelope, request.headers))
          return modern.receive(toMessage(value), body.length, envelope, request, response, arrival);
        if (!isModern(version)) checkVersion(request); // a client may send a wrong one with initialize, where it says nothing
      }
      if (Array.isArray(value)) this.#batch(value, response, session);
      else this.#message(toMessage(value), body.length, request, response, session, arrival);
    };
    readBody(request, this.#options.limits.requestBytes, take, failed);
  }

  #message(
    message: Message,
    bytes: number,
    request: IncomingMessage,
    response: FrontResponse,
    session: Session | undefined,
    arrival: Arrival,
  ): void {
    if (!session && !(isRequest(message) && message.method === "initialize"))
      throw new HostError("session_required", "the Mcp-Session-Id header is missing; send initialize first");
    if (!isRequest(message)) {
      session?.receive(message, noReply(this.#replies, response, session));
      response.head(202).end();
      return;
    }
    if (this.#draining) throw stopping();
    if (!session) return this.#begin(message, bytes, response, arrival);
    const reply = this.#reply(response, session, 1, false);
    if (prefersStream(request)) reply.stream();
    session.receive(message, reply, bytes);
  }

  /** Opens a session for a client that sent `initialize`. */
  #begin(initialize: Message, bytes: number, response: FrontResponse, { principal, endpoint }: Arrival): void {
    const session = this.#options.sessions.open(principal, { network: true, duplicateIds: true, endpoint });
    this.#sessions.add(session);
    const reply = this.#reply(response, session, 1, false);
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
      give: (headers) => reply.give(headers),
      get http() {
        return reply.http;
      },
    };
    session.receive(initialize, own, bytes);
  }

  #batch(values: readonly unknown[], response: FrontResponse, session: Session | undefined): void {
    checkBatches(session);
    const messages = batchOf(values);
    const requests = messages.filter(isRequest).length;
    if (requests > 0 && this.#draining) throw stopping();
    if (requests === 0) response.head(202).end();
    const reply = requests === 0 ? noReply(this.#replies, response, session) : this.#reply(response, session, requests, true);
    for (const message of messages) session.receive(message, reply);
  }

  #reply(response: FrontResponse, session: Session, requests: number, batch: boolean): HttpReply {
    // A client that went away has not cancelled: the call goes on (2025-11-25, transports).
    const reply = new HttpReply(response, session, this.#replies, requests, batch);
    this.#replies.open.add(reply);
    return reply;
  }

  #get(request: IncomingMessage, response: FrontResponse, session: Session): void {
    if (!accepts(request, "text/event-stream")) throw new HostError("not_acceptable", "Accept must list text/event-stream");
    const last = request.headers["last-event-id"];
    if (typeof last === "string" && this.#streams.store) return this.#resume(last, this.#streams.store, request, response, session);
    const before = this.#standing.get(session);
    if (before) this.#replace(session, before);
    const stream = new EventStream(response, this.#streams, session, true);
    this.#standing.set(session, stream);
    this.#attach(session, stream, request, response);
  }

  /**
   * A client opens its stream again. Behind a proxy that holds the old one the host cannot know that nobody reads it any more.
   * Not silently: whoever has the session's id and is its principal takes what the other would have got.
   */
  #replace(session: Session, before: EventStream): void {
    this.#drop(session, before);
    if (!before.isConnected) return;
    this.#options.log.info("a client opened its event stream again; the one that was open is closed", { session: session.id.slice(0, 8) });
    before.end();
  }

  /** A client came back for what follows an event, on the stream of that event and no other. */
  #resume(last: string, store: EventStore<EventStream>, request: IncomingMessage, response: FrontResponse, session: Session): void {
    const found = store.find(session, last);
    if (!found) {
      throw new HostError(
        "event_not_found",
        "the Last-Event-ID is unknown, or what came after it is not kept any more; open the stream without it",
      );
    }
    const { stream, number } = found;
    if (stream.ended && number + 1 === stream.next) {
      response.head(204).end(); // nothing is left, and nothing will come
      return;
    }
    const { carrier } = stream;
    // Only its own client knows the stream's ids; the connection that is open still is one that broke unnoticed.
    if (carrier.isConnected) this.#options.log.debug("a stream goes on over another connection", { session: session.id.slice(0, 8) });
    carrier.resume(response, number);
    if (this.#standing.get(session) === carrier) this.#attach(session, carrier, request, response);
  }

  #attach(session: Session, stream: EventStream, request: IncomingMessage, response: FrontResponse): void {
    const release = this.#longLived.hold(request, session.principal, () => {
      this.#drop(session, stream);
      stream.end();
    });
    response.once("close", () => {
      release();
      session.seen = performance.now();
      if (stream.response !== response) return; // it goes on over another connection
      stream.awaySince = session.seen;
      if (stream.stored && !session.closed) session.detach(stream, stream);
      else this.#drop(session, stream);
    });
    session.attach(stream);
  }

  #drop(session: Session, stream: EventStream): void {
    session.detach(stream);
    if (this.#standing.get(session) === stream) this.#standing.delete(session); // not the one that has replaced it
    if (stream.stored) this.#streams.store?.drop(stream.stored);
  }

  drain(): void {
    this.#draining = true;
    this.#modern?.drain();
  }

  ended(session: Session): void {
    const stream = this.#standing.get(session);
    if (stream) {
      this.#standing.delete(session);
      stream.end();
    }
    this.#streams.store?.forget(session);
  }

  /** One clock for all open answers instead of a timer for each. */
  tick(now: number, quiet: boolean): void {
    const { store } = this.#streams;
    const { open } = this.#replies;
    store?.expire(now);
    this.#modern?.tick(now, quiet);
    open.forEach((reply) => {
      if (reply.isOver) open.delete(reply);
      else if (!reply.isStream && now - reply.since >= JSON_PATIENCE) reply.stream();
      else if (quiet && reply.isStream) reply.stream().keepAlive();
    });
    for (const [session, stream] of this.#standing) {
      if (stream.isConnected) {
        if (quiet) stream.keepAlive();
      } else if (store && now - stream.awaySince > store.options.age) this.#drop(session, stream);
    }
  }

  close(): void {
    for (const stream of this.#standing.values()) stream.end();
  }
}
