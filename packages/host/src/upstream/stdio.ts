import { HostError } from "../errors.ts";
import { envelopeOf, idAtEnd } from "../wire/envelope.ts";
import { FrameWriter } from "../wire/frame-writer.ts";
import { LineFramer } from "../wire/framing.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import type { Id, Message } from "../wire/message.ts";
import { parseUpstreamJson } from "../wire/parse.ts";
import type { Authorization } from "./authorization.ts";
import { Child, type ChildOptions } from "./child.ts";
import { failure, unsent } from "./failure.ts";
import { Incoming } from "./incoming.ts";

/** Lines in a row that are no messages: a server that prints more is not one. */
const MOST_NOISE = 1_000_000;
/** Of a line that is no message so much is kept. */
const CHATTER_BYTES = 1_024;

/** A server that is a child process: one JSON-RPC message a line on its stdin and stdout. */
export class StdioLink implements Link {
  readonly #upstream: string;
  readonly #options: ChildOptions;
  readonly #limits: Limits;
  readonly #authorization: Authorization | undefined;
  #child: Child | undefined;
  #writer: FrameWriter | undefined;
  #events: LinkEvents | undefined;
  readonly #incoming: Incoming;
  #closed = false;
  #spoken = false;
  #framer: LineFramer | undefined;
  /** The first line that was no message. */
  #chatter: Buffer | undefined;
  #failure: HostError | undefined;
  /** Lines since the last message. */
  #noise = 0;
  #ending: Promise<void> | undefined;

  constructor(upstream: string, options: ChildOptions, limits: Limits, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#options = options;
    this.#limits = limits;
    this.#authorization = authorization;
    this.#incoming = new Incoming(upstream, this, () => this.#events);
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
    const framer = new LineFramer(
      this.#limits.messageBytes,
      (line) => this.#line(line),
      (head) => this.#oversized(head),
    );
    this.#framer = framer;
    let gone = "";
    const options = this.#authorization ? await this.#authorized(this.#authorization) : this.#options;
    if (this.#closed) return; // meanwhile; nothing may be started any more
    this.#child = new Child(options, {
      stdout: (chunk) => {
        if (this.#closed) return;
        try {
          framer.push(chunk);
        } catch (error) {
          this.#fail("upstream_protocol", "sent a message that the host could not handle", error);
        }
      },
      gone: (reason) => {
        gone = reason;
        const calls = this.#spoken ? "; the call may or may not have run" : ""; // before the handshake there are none
        this.#fail("upstream_lost", `is gone: ${reason}${calls}`);
      },
    });
    const { process: child } = this.#child;
    if (child.stdin) this.#writer = new FrameWriter(child.stdin);
    // `spawn` or `error` follows on the next tick.
    if (child.pid === undefined) await new Promise((resolve) => child.once("error", resolve));
    if (this.#failure) throw new HostError("upstream_down", gone);
  }

  async #authorized(authorization: Authorization): Promise<ChildOptions> {
    await authorization.renew("connect");
    return { ...this.#options, env: { ...this.#options.env, ...authorization.env } };
  }

  negotiated(protocolVersion: string): void {
    this.#spoken = true;
    this.#incoming.negotiated(protocolVersion);
  }

  send(message: Message): void {
    this.write(message, JSON.stringify(message));
  }

  write(message: Message, text: string): void {
    if (this.#closed || !this.#writer?.isOpen) return unsent(this.#upstream, message, "upstream_down", "is not running", this.#events);
    if (this.#writer.pending > this.#limits.upstreamQueueBytes)
      return unsent(this.#upstream, message, "overloaded", "does not read its input", this.#events);
    this.#writer.write(text);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#writer?.flush();
    this.#ending ??= this.#child?.end() ?? Promise.resolve();
    return this.#ending;
  }

  describe(): { pid?: number; stderr?: string; stdout?: string } {
    const pid = this.#child?.process.pid;
    const chatter = this.#spoken ? undefined : (this.#chatter ?? this.#framer?.head);
    return { ...(pid !== undefined && { pid }), stderr: this.#child?.stderr ?? "", ...(chatter && { stdout: chatter.toString("utf8") }) };
  }

  #line(line: Buffer): void {
    if (this.#closed) return;
    // Programs that print a lot print text: it costs no more than a look at how it begins.
    if (isText(line)) this.#events?.garbage("a line of text");
    else if (this.#incoming.take(line, parseUpstreamJson, undefined) === undefined) {
      this.#noise = 0;
      return;
    }
    if (!this.#spoken) this.#chatter ??= Buffer.from(line.subarray(0, CHATTER_BYTES));
    if (++this.#noise === MOST_NOISE) this.#fail("upstream_protocol", `printed ${MOST_NOISE} lines in a row that are no messages`);
  }

  /** A line that is too long to be read is somebody's: of whom its first or last bytes tell, or else perhaps of anybody who waits. */
  #oversized(head: Buffer): ((tail: Buffer) => void) | undefined {
    if (this.#closed) return undefined;
    const { messageBytes } = this.#limits;
    const what = `sent a line of more than ${messageBytes} bytes`;
    this.#events?.garbage(what);
    const { id, hasMethod } = envelopeOf(head);
    const answered = (call: Id): void =>
      this.#events?.failed(
        call,
        failure(this.#upstream, "payload_too_large", `sent an answer that is larger than ${messageBytes} bytes`, "yes"),
      );
    if (!hasMethod && id === undefined)
      return (tail) => {
        const last = idAtEnd(tail);
        if (last === undefined) this.#events?.allFailed(failure(this.#upstream, "upstream_protocol", what, "unknown"));
        else answered(last);
      };
    const error = new HostError("invalid_request", `the message is larger than ${messageBytes} bytes`).toRpc("-");
    if (id !== undefined && hasMethod) this.send({ jsonrpc: "2.0", id, error });
    else if (id !== undefined) answered(id);
    return undefined;
  }

  /** The link is dead, for the upstream's fault; its process group goes with it. */
  #fail(type: "upstream_protocol" | "upstream_lost", what: string, cause?: unknown): void {
    if (this.#closed) return;
    this.#failure = failure(this.#upstream, type, what, "unknown", cause);
    this.#events?.closed(this.#failure);
    void this.close();
  }
}

/** Whether a line begins with a printable character of ASCII that begins no JSON object or array. */
function isText([first = 0]: Buffer): boolean {
  return first > 0x20 && first < 0x7f && first !== 0x5b && first !== 0x7b;
}
