import type { IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import { parseJson } from "../wire/parse.ts";
import { readBody } from "./body.ts";
import { accepts } from "./edge.ts";
import { EventStream } from "./event-stream.ts";
import { ownSession } from "./identity.ts";
import { deliver, sentIn, type Wire } from "./incoming.ts";
import type { LongLived } from "./long-lived.ts";
import { originOf } from "./origin.ts";
import type { FrontResponse } from "./response.ts";
import {
  type Arrival,
  checkJson,
  checkVersion,
  type HttpWayIn,
  type NetworkOptions,
  namedIn,
  notAllowed,
  pathBelow,
  pathOf,
  stopping,
  unknownNow,
  writtenPath,
} from "./way-in.ts";

const STREAM = "/sse";
const MESSAGES = "/messages";

/**
 * The HTTP+SSE transport of 2024-11-05, for clients that know no other: a GET opens the session and its only stream, and
 * messages come in POSTs to the address that the stream names first. The session ends with its stream.
 */
export class SseFront implements HttpWayIn {
  static readonly PATHS = [STREAM, MESSAGES] as const;
  readonly #options: NetworkOptions;
  readonly #longLived: LongLived;
  readonly #streams = new Map<Session, EventStream>();
  #draining = false;

  constructor(options: NetworkOptions, held: LongLived) {
    this.#options = options;
    this.#longLived = held;
  }

  serve(request: IncomingMessage, response: FrontResponse, arrival: Arrival, failed: (error: unknown) => void): void {
    checkVersion(request);
    const path = pathOf(request);
    const [serve, method] = (namedIn(path)?.base ?? path) === STREAM ? [this.#open, "GET"] : [this.#post, "POST"];
    if (request.method !== method) throw notAllowed(request.method, method);
    serve.call(this, request, response, arrival, failed);
  }

  #open(request: IncomingMessage, response: FrontResponse, { principal, endpoint }: Arrival): void {
    if (!accepts(request, "text/event-stream")) throw new HostError("not_acceptable", "Accept must list text/event-stream");
    if (this.#draining) throw stopping();
    const { sessions, limits } = this.#options;
    const session = sessions.open(principal, { network: true, duplicateIds: false, endpoint });
    const stream = new EventStream(response, { queueBytes: limits.clientQueueBytes, store: undefined });
    this.#streams.set(session, stream);
    // Nobody can come back for this stream, so nothing is left of the session without it.
    const release = this.#longLived.hold(request, principal, () => sessions.close(session, unknownNow()));
    response.once("close", () => {
      release();
      sessions.close(session, new HostError("client_gone", "the client closed its event stream"));
    });
    // Relative to the stream's own address: a proxy may serve both under another path than they have here.
    const below = pathBelow(endpoint);
    const folder = "../".repeat(below.split("/").length - (writtenPath(request).endsWith("/") ? 0 : 1));
    stream.write(`event: endpoint\ndata: ${folder}${MESSAGES.slice(1)}${below}?sessionId=${session.id}\n\n`);
    session.attach(stream);
  }

  #post(request: IncomingMessage, response: FrontResponse, arrival: Arrival, failed: (error: unknown) => void): void {
    const id = new URLSearchParams(request.url?.slice(writtenPath(request).length)).get("sessionId");
    if (id === null)
      throw new HostError("session_required", `sessionId is missing; open a stream with GET ${STREAM} and use the address it names`);
    const session = ownSession(this.#options.sessions, id, arrival);
    const stream = session && this.#streams.get(session);
    if (!stream) throw new HostError("session_not_found", `the session is unknown or has ended; open a stream with GET ${STREAM}`);
    checkJson(request);
    const take = (body: Buffer): void => {
      const wire = wireOn(stream, session, request, this.#options);
      const sent = sentIn(parseJson(body), wire);
      response.head(202).end();
      deliver(sent, wire, body.length);
    };
    readBody(request, this.#options.limits.requestBytes, take, failed);
  }

  drain(): void {
    this.#draining = true;
  }

  ended(session: Session): void {
    this.#streams.get(session)?.end();
    this.#streams.delete(session);
  }

  tick(_now: number, quiet: boolean): void {
    if (quiet) for (const stream of this.#streams.values()) stream.keepAlive();
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.end();
  }
}

/** Every answer goes on the session's only stream. @param request that posted what is answered */
function wireOn(stream: EventStream, session: Session, request: IncomingMessage, options: NetworkOptions): Wire {
  const answer = (value: unknown): number | undefined => {
    const json = JSON.stringify(value);
    return stream.sendJson(json) ? json.length : undefined;
  };
  const reply: Reply = {
    send: (message) => stream.send(message),
    answer,
    end() {},
    get http() {
      return originOf(options, request, session.endpoint);
    },
  };
  return { session, limits: options.limits, reply, answerAll: answer };
}
