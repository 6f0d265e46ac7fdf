import { randomBytes } from "node:crypto";
import { HostError } from "../errors.ts";
import type { Reply } from "../exchange/course.ts";
import type { HttpOrigin } from "../exchange/exchange.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { LocalPipe } from "../session/modern-caller.ts";
import type { RoundReply } from "../session/parking.ts";
import { Idle } from "../wire/idle.ts";
import type { Id, Json, Message, Notification, Request, Response } from "../wire/message.ts";
import { capabilitiesIn, type Envelope, envelopeOf, type Freshness, type ResultType } from "../wire/modern.ts";
import { type Member, Roster } from "../wire/roster.ts";
import { ModernAnswers } from "./modern-answers.ts";
import { checkModern } from "./modern-checks.ts";
import { type Arrival, checkEndpoint, type NetworkOptions } from "./way-in.ts";

export interface ModernLinesOptions extends Pick<NetworkOptions, "callers" | "plugins" | "hostInfo"> {
  readonly arrival: Arrival;
  readonly network: boolean;
  /** Where messages go to the client. */
  readonly reply: Reply;
}

const CANCELLED = "notifications/cancelled";
const LISTEN = "subscriptions/listen";

/**
 * Serves requests of the modern era that come over a pipe, one after the other and answered in any order: what belongs
 * together is told by ids.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
 */
export class ModernLines {
  readonly #options: ModernLinesOptions;
  readonly #pipe: LocalPipe | undefined;
  readonly #lines: LineReplyOptions;
  /** What is not answered yet. */
  readonly #open = new Roster<LineReply>();
  /** The highest of their ids that are numbers: most clients count up, and a higher one is not looked for. */
  #highest = Number.NEGATIVE_INFINITY;
  readonly #idle = new Idle();

  constructor(options: ModernLinesOptions) {
    this.#options = options;
    this.#lines = { out: options.reply, answers: new ModernAnswers(options.hostInfo), over: (reply) => this.#over(reply) };
    this.#pipe = options.network ? undefined : { id: randomBytes(8).toString("hex"), isSole: false };
  }

  /** The first caller is to have its connections for itself. */
  isSole(): void {
    if (this.#pipe) this.#pipe.isSole = true;
  }

  get inFlight(): number {
    return this.#open.size;
  }

  has(id: unknown): boolean {
    return this.#find(id) !== undefined;
  }

  #find(id: unknown): LineReply | undefined {
    let found: LineReply | undefined;
    if (this.#open.size === 0 || (typeof id === "number" && id > this.#highest)) return undefined;
    this.#open.forEach((reply) => {
      if (reply.id === id) found = reply;
    });
    return found;
  }

  request(message: Request, envelope: Envelope | undefined, bytes: number | undefined): void {
    const { callers, reply: out, arrival } = this.#options;
    const { principal, endpoint } = arrival;
    const { id, method } = message;
    try {
      const client = checkModern(message, envelope, undefined);
      checkEndpoint(this.#options, endpoint);
      const reply = new LineReply(id, method, this.#lines);
      const from = { principal, endpoint, pipe: this.#pipe, capabilities: (envelope && capabilitiesIn(envelope)) ?? {} };
      const exchange = callers.receive(from, message, client, reply, bytes);
      if (!exchange || reply.isOver) return;
      reply.exchange = exchange;
      this.#open.add(reply);
      if (typeof id === "number" && id > this.#highest) this.#highest = id;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      out.answer({ jsonrpc: "2.0", id, error: error.toRpc("-") });
    }
  }

  /** Takes a notification, if it is of this era: of those that clients send only one means anything. */
  notification({ method, params }: Notification): boolean {
    const reply = method === CANCELLED ? this.#find(params?.requestId) : undefined;
    const reason = params?.reason;
    reply?.cancel(new HostError("cancelled", typeof reason === "string" ? reason.slice(0, 256) : "cancelled by the client"));
    return reply !== undefined || envelopeOf(params) !== undefined;
  }

  #over(reply: LineReply): void {
    this.#open.delete(reply);
    if (this.#open.size === 0) this.#idle.reached();
  }

  /** The client says no more: resolves when what is in flight was answered, or after `milliseconds`. */
  drained(milliseconds: number): Promise<void> {
    this.#open.forEach((reply) => {
      if (reply.method === LISTEN) reply.cancel(hungUp()); // it would never end
    });
    return this.#open.size === 0 ? Promise.resolve() : this.#idle.within(milliseconds);
  }

  /** The pipe is closed. @param reason what becomes of what is in flight; default: a client that is gone has cancelled */
  close(reason?: HostError): void {
    const error = reason && reason.type !== "client_gone" ? reason : hungUp();
    this.#open.forEach((reply) => {
      reply.cancel(error);
    });
    if (this.#pipe) this.#options.callers.closePipe(this.#pipe, error);
  }
}

function hungUp(): HostError {
  return new HostError("cancelled", "the client hung up");
}

interface LineReplyOptions {
  readonly out: Reply;
  readonly answers: ModernAnswers;
  readonly over: (reply: LineReply) => void;
}

/** The answer to one request of the modern era on a pipe, with what belongs to it and comes before. */
class LineReply implements RoundReply, Member {
  place: number | undefined = undefined;
  readonly id: Id;
  readonly method: string;
  exchange: HostExchange | undefined = undefined;
  readonly #options: LineReplyOptions;
  #isOver = false;

  constructor(id: Id, method: string, options: LineReplyOptions) {
    this.id = id;
    this.method = method;
    this.#options = options;
  }

  get http(): HttpOrigin | undefined {
    return this.#options.out.http;
  }

  /** It was answered, or there will be no answer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  send(message: Message): boolean {
    return !this.#isOver && this.#options.out.send(message);
  }

  answer(response: Response, known?: Freshness, resultType?: ResultType): number | undefined {
    if (this.#isOver) return undefined;
    const { out, answers } = this.#options;
    // May throw, and then nothing has happened yet.
    const size = out.write
      ? out.write(answers.textOf(response, this.method, known, resultType))
      : out.answer(answers.of(response, this.method, known, resultType));
    this.#end();
    // Nothing closes with the answer here, so that the end of a subscription is told besides (2026-07-28, basic/patterns/cancellation).
    if (this.method === LISTEN && "result" in response) out.send({ jsonrpc: "2.0", method: CANCELLED, params: { requestId: this.id } });
    return size;
  }

  ask(id: Id, inputRequests: Json, requestState: string): number | undefined {
    if (this.#isOver) return undefined;
    const { out, answers } = this.#options;
    const size = out.answer(answers.asking(id, inputRequests, requestState)); // as above
    this.#end();
    return size;
  }

  /** There is no answer: it was cancelled. */
  end(): void {
    if (!this.#isOver) this.#end();
  }

  cancel({ type, message }: HostError): void {
    const { exchange } = this;
    exchange?.cancel(new HostError(type, message, { sent: exchange.sent }));
  }

  #end(): void {
    this.#isOver = true;
    this.#options.over(this);
  }
}
