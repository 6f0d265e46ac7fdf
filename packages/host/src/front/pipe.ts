import type { ListenConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import { isNotification, isRequest, type Message, type Request, type Response } from "../wire/message.ts";
import { envelopeOf } from "../wire/modern.ts";
import { type ParseError, refusalOf } from "../wire/parse.ts";
import { deliver, isBatch, type Sent, sentIn, type Wire } from "./incoming.ts";
import { ModernLines } from "./modern-lines.ts";
import type { Arrival, NetworkOptions } from "./way-in.ts";

/** What every pipe needs of the host. */
export interface BehindPipes extends Pick<NetworkOptions, "sessions" | "callers" | "plugins" | "hostInfo" | "limits" | "drain"> {
  readonly protocols: ListenConfig["protocols"];
}

export interface PipeOptions {
  readonly behind: BehindPipes;
  readonly arrival: Arrival;
  readonly network: boolean;
  /** The session that is there until it turns out that nobody wants it. */
  readonly session: Session;
  /** Where messages go to the client. */
  readonly reply: Reply;
  /** Writes the answers to a batch as one array. */
  readonly answerAll: (answers: readonly Response[]) => unknown;
}

/** A pipe that is being served. */
export interface OpenPipe {
  readonly pipe: Pipe;
  /** Ends the conversation. */
  readonly end: () => void;
}

/**
 * One client's messages, one after the other: over standard streams, WebSocket, or a transport of the SDK. Each says of which
 * era it is, and both may alternate: those of the legacy era belong to the one session that a pipe has.
 */
export class Pipe {
  readonly #options: PipeOptions;
  /** That of the session; undefined while there is none. */
  #wire: Wire | undefined;
  /** Undefined where the modern era is not open to clients. */
  readonly #modern: ModernLines | undefined;

  constructor(options: PipeOptions) {
    this.#options = options;
    const { behind, session } = options;
    if (behind.protocols.includes("modern")) this.#modern = new ModernLines({ ...behind, ...options });
    this.#wire = this.#wireOf(session);
  }

  #wireOf(session: Session): Wire {
    const { behind, reply, answerAll } = this.#options;
    session.attach(reply);
    return { session, limits: behind.limits, reply, answerAll };
  }

  /** Takes what came; what is no message is refused. @param read gives the JSON value of `raw`, or throws a ParseError */
  receive<T>(raw: T, read: (raw: T) => unknown, bytes?: number): void {
    let value: unknown;
    let sent: Sent;
    try {
      value = read(raw);
      sent = sentIn(value, { session: this.#wire?.session, limits: this.#options.behind.limits });
    } catch (error) {
      this.#options.reply.send(refusalOf(value, error as ParseError)); // nothing else is thrown there
      return;
    }
    if (this.#modern && !isBatch(sent) && this.#isTaken(sent, this.#modern, bytes)) return;
    if (this.#wire) deliver(sent, this.#wire, bytes);
  }

  /** Gives a message to the modern era if it is of that, or if it is of none. */
  #isTaken(message: Message, modern: ModernLines, bytes: number | undefined): boolean {
    if (!isRequest(message)) return isNotification(message) && modern.notification(message);
    const envelope = envelopeOf(message.params);
    if (modern.has(message.id) || (envelope && this.#wire?.session.has(message.id))) return this.#refuse(message, isInFlight(message));
    if (envelope || !this.#options.behind.protocols.includes("legacy")) this.#leaveUnused(modern);
    else if (this.#wire) return false;
    else if (message.method === "initialize") return !this.#open(message);
    modern.request(message, envelope, bytes);
    return true;
  }

  /** A client of the modern era has no session. */
  #leaveUnused(modern: ModernLines): void {
    const session = this.#wire?.session;
    if (!session?.isUnused) return;
    this.#wire = undefined;
    this.#options.behind.sessions.close(session);
    if (session.sole) modern.isSole();
  }

  /** Gives whether there is a session now. */
  #open(initialize: Request): boolean {
    const { behind, arrival, network } = this.#options;
    try {
      this.#wire = this.#wireOf(behind.sessions.open(arrival.principal, { network, duplicateIds: false, endpoint: arrival.endpoint }));
      return true;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return !this.#refuse(initialize, error);
    }
  }

  /** @returns true */
  #refuse({ id }: Request, error: HostError): true {
    this.#options.reply.answer({ jsonrpc: "2.0", id, error: error.toRpc("-") });
    return true;
  }

  /** Whether this is the session of its client. */
  serves(session: Session): boolean {
    return this.#wire?.session === session;
  }

  /** Its session has ended, and so is it to: calls `end`, which waits only for requests of the other era that are in flight. */
  left(end: () => void): void {
    if (!this.#modern?.inFlight) end();
    else void this.#modern.drained(this.#options.behind.drain).then(end);
  }

  /** The client says no more: resolves when what is in flight was answered, or after a time. */
  async drained(): Promise<void> {
    const { drain } = this.#options.behind;
    await Promise.all([this.#wire?.session.drained(drain), this.#modern?.drained(drain)]);
  }

  /** It is closed: nothing goes on for its client. @param error what becomes of what is in flight */
  close(error?: HostError): void {
    const session = this.#wire?.session;
    this.#wire = undefined;
    if (session) this.#options.behind.sessions.close(session, error);
    this.#modern?.close(error);
  }
}

function isInFlight({ id }: Request): HostError {
  return new HostError("invalid_request", `a request with id ${JSON.stringify(id)} is in flight already`);
}
