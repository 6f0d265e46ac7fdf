import { HostError } from "../errors.ts";
import type { AddedHeader, Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, type Message, type Request } from "../wire/message.ts";
import { HttpRefusal } from "./failure.ts";

/** What a server that has a URL and no type may speak. */
export type UrlWire = "http" | "sse";

/** Answers to `initialize` by which the specification tells a server of old; any other is about access, load or a fault, and no reason to ask otherwise. */
const OF_OLD = new Set([400, 404, 405]);
/** Failures of the transport that a server was known for which do not mean that it has another one now. */
const UNRELATED = new Set(["upstream_auth", "sign_in_required", "rate_limited", "upstream_down", "shutting_down", "plugin_failure"]);

/** Why neither wire can be used, in words of its own. */
const OF_ACCESS = new Set(["upstream_auth", "sign_in_required", "rate_limited"]);

export interface UrlLinkOptions {
  readonly upstream: string;
  readonly makeHttp: () => Promise<Link>;
  readonly makeSse: () => Promise<Link>;
  /** What the server spoke the last time. */
  readonly known: UrlWire;
  /** Whether a server that refuses `initialize` may be one of old. */
  readonly mayBeOld: () => boolean;
  /** Told what the server speaks, before anything else is sent to it. */
  readonly found: (wire: UrlWire) => void;
}

/**
 * A server of which only the URL is configured: Streamable HTTP or, where that refuses `initialize`, the SSE of old.
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility
 */
export class UrlLink implements Link {
  readonly #options: UrlLinkOptions;
  #link: Link | undefined;
  #events!: LinkEvents; // set by open(), before anything can arrive
  /** `initialize`, which is sent once more where the first wire was not the right one. */
  #first: Request | undefined;
  #closed = false;
  #isOpen = false;

  constructor(options: UrlLinkOptions) {
    this.#options = options;
  }

  get sessionEnded(): boolean {
    return this.#link?.sessionEnded === true;
  }

  get hasSession(): boolean {
    return this.#link?.hasSession !== false;
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
    if (this.#options.known === "http" || !(await this.#openKnownSse())) {
      const http = await this.#use(this.#options.makeHttp);
      await http.open({
        message: (message, origin) => events.message(message, origin),
        failed: (id, error) => this.#failed(id, error),
        allFailed: (error) => events.allFailed(error),
        garbage: (reason) => events.garbage(reason),
        origin: (id) => events.origin(id),
        nextId: () => events.nextId(),
        closed: (error) => events.closed(error),
      });
    }
    this.#isOpen = true;
  }

  send(message: Message, relatedTo?: Id, headers?: readonly AddedHeader[]): void {
    if (isRequest(message) && message.method === "initialize") this.#first = message;
    this.#link?.send(message, relatedTo, headers);
  }

  /** Both wires have it. */
  write(message: Message, text: string, headers?: readonly AddedHeader[]): void {
    this.#link?.write?.(message, text, headers);
  }

  negotiated(protocolVersion: string): void {
    this.#link?.negotiated?.(protocolVersion);
  }

  forget(id: Id): void {
    this.#link?.forget?.(id);
  }

  async close(): Promise<void> {
    // A stream that never said where to send is not the one it was.
    if (!this.#closed && !this.#isOpen && this.#options.known === "sse") this.#options.found("http");
    this.#closed = true;
    await this.#link?.close();
  }

  async #use(make: () => Promise<Link>): Promise<Link> {
    const link = await make();
    if (this.#closed) throw new HostError("shutting_down", `upstream "${this.#options.upstream}" is being closed`);
    this.#link = link;
    return link;
  }

  /** Whether the server still speaks what it did. */
  async #openKnownSse(): Promise<boolean> {
    const sse = await this.#use(this.#options.makeSse);
    try {
      await sse.open(this.#events);
      return true;
    } catch (error) {
      if (this.#closed || !(error instanceof HostError) || UNRELATED.has(error.type)) throw error;
      this.#options.found("http");
      await sse.close();
      return false;
    }
  }

  #failed(id: Id, error: HostError): void {
    const first = this.#first;
    const isOfOld = error instanceof HttpRefusal && OF_OLD.has(error.answered) && this.#options.mayBeOld();
    if (!this.#closed && isOfOld && first?.id === id) void this.#fallBack(first, error);
    else this.#events.failed(id, error);
  }

  /** `initialize` was refused over Streamable HTTP. */
  async #fallBack(first: Request, refused: HostError): Promise<void> {
    void this.#link?.close();
    try {
      const sse = await this.#use(this.#options.makeSse);
      await sse.open(this.#events);
      this.#options.found("sse");
      if (!this.#closed) sse.send(first);
    } catch (error) {
      const known = error instanceof HostError ? error : undefined;
      if (known && OF_ACCESS.has(known.type)) return this.#events.failed(first.id, known);
      const words = `${refused.message} to initialize, and the SSE of old cannot be used either: ${known?.message ?? "it failed"}`;
      const { upstream } = this.#options;
      this.#events.failed(first.id, new HostError(refused.type, words, { upstream, sent: refused.sent, cause: error }));
    }
  }
}
