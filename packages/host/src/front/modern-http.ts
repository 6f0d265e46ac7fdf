import type { IncomingMessage } from "node:http";
import { type ErrorType, HostError } from "../errors.ts";
import { isNotification, isRequest, type Message, type Request } from "../wire/message.ts";
import { capabilitiesIn, type Envelope } from "../wire/modern.ts";
import { Roster } from "../wire/roster.ts";
import { JSON_PATIENCE } from "./http-reply.ts";
import type { LongLived } from "./long-lived.ts";
import { ModernAnswers } from "./modern-answers.ts";
import { checkModern } from "./modern-checks.ts";
import { type ModernReplies, ModernReply } from "./modern-reply.ts";
import { turnAway } from "./refusal.ts";
import type { FrontResponse } from "./response.ts";
import { type Arrival, type NetworkOptions, pathOf, stopping } from "./way-in.ts";

/** What a request is refused with that never becomes an exchange, where that is another status than at the edge. */
const STATUS: { readonly [type in ErrorType]?: number } = { invalid_params: 400, method_not_found: 404 };

/**
 * Serves requests of the modern era at the MCP endpoint: each is for itself, without a session, and a client that goes away
 * has cancelled it.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export class ModernHttp {
  readonly #options: NetworkOptions;
  readonly #longLived: LongLived;
  readonly #replies: ModernReplies;
  /** The replies that are under way. */
  readonly #open = new Roster<ModernReply>();
  #draining = false;

  constructor(options: NetworkOptions, longLived: LongLived) {
    this.#options = options;
    this.#longLived = longLived;
    this.#replies = {
      options,
      answers: new ModernAnswers(options.hostInfo),
      streams: { queueBytes: options.limits.clientQueueBytes, store: undefined },
    };
  }

  /** Takes what a client sent in one POST. @throws HostError for what is no request, and so has no id to answer with */
  receive(
    message: Message,
    bytes: number,
    envelope: Envelope | undefined,
    request: IncomingMessage,
    response: FrontResponse,
    arrival: Arrival,
  ): void {
    if (isNotification(message)) {
      response.head(202).end(); // none is defined over HTTP; some clients send that they cancelled what they hung up on
      return;
    }
    if (!isRequest(message)) throw new HostError("invalid_request", "a client of 2026-07-28 sends no responses");
    // Whoever was asked may still answer.
    if (this.#draining && message.params?.requestState === undefined) throw stopping();
    try {
      this.#request(message, bytes, envelope, request, response, arrival);
    } catch (error) {
      const { status, headers, body, type } = turnAway(this.#options, request, pathOf(request), error, message.id);
      response.head(STATUS[type] ?? status, ...Object.entries(headers).flat());
      response.end(body);
    }
  }

  #request(
    message: Request,
    bytes: number,
    envelope: Envelope | undefined,
    request: IncomingMessage,
    response: FrontResponse,
    { principal, endpoint }: Arrival,
  ): void {
    const client = checkModern(message, envelope, request.headers);
    const { callers } = this.#options;
    const from = { principal, endpoint, pipe: undefined, capabilities: (envelope && capabilitiesIn(envelope)) ?? {} };
    const reply = new ModernReply(response, message.method, endpoint, this.#replies);
    const exchange = callers.receive(from, message, client, reply, bytes);
    if (!exchange || reply.isOver) return;
    this.#open.add(reply);
    // A round that was answered is over, though the exchange goes on.
    const gone = (): void => {
      if (!reply.isAnswered) exchange.cancel(new HostError("cancelled", "the client hung up", { sent: exchange.sent }));
    };
    const release = message.method === "subscriptions/listen" ? this.#longLived.hold(request, principal, gone) : undefined;
    response.on("close", () => {
      release?.();
      this.#open.delete(reply);
      gone();
    });
  }

  /** Called about once a second. @param quiet it is time for a sign of life on what is open */
  tick(now: number, quiet: boolean): void {
    this.#open.forEach((reply) => {
      if (reply.isOver) this.#open.delete(reply);
      else if (!reply.isStream && now - reply.since >= JSON_PATIENCE) reply.stream().keepAlive();
      else if (quiet && reply.isStream) reply.stream().keepAlive();
    });
  }

  drain(): void {
    this.#draining = true;
  }
}
