import type { HostError } from "../errors.ts";
import type { Id, Message } from "./message.ts";
import type { Freshness } from "./modern.ts";

/** What a link tells its owner. Set once, before {@link Link.open}. */
export interface LinkEvents {
  /**
   * A message came in. `origin` is the id of the request whose answer stream carried it, on wires that have one (a
   * Streamable HTTP POST); elsewhere undefined, and never guessed. `freshness` is of a result, where the server's era has it.
   */
  message(message: Message, origin: Id | undefined, freshness?: Freshness): void;
  /** One request failed; the link lives on. */
  failed(id: Id, error: HostError): void;
  /** One request failed, and nothing says which: every one in flight does. The link lives on. */
  allFailed(error: HostError): void;
  /** Something unreadable came in and was skipped. */
  garbage(reason: string): void;
  /** On whose behalf a request in flight was sent, as whoever sent it said; to a wire it is opaque. */
  origin(id: Id): unknown;
  /** An id for a request of the link's own, which its owner gives to none of its requests. */
  nextId(): number;
  /** The link is dead. Called once; nothing follows it. */
  closed(error: HostError): void;
}

/** A header that goes with one message, where the wire is HTTP. */
export interface AddedHeader {
  /** In lower case. */
  readonly name: string;
  readonly value: string;
  /** The plugin that added it, for errors. */
  readonly by: string | undefined;
}

/** One live wire to an upstream: it moves messages and knows nothing of what they mean. */
export interface Link {
  /** `modern` where the server speaks MCP without sessions, and the link gives it the looks of one with. */
  readonly era?: "modern" | undefined;
  /** Whether the server, having answered `initialize`, began a session: without one it cannot ask, nor tell of changes. */
  readonly hasSession?: boolean;
  /** Whether it closed because the server ended the session: the server is there, and wants another one begun. */
  readonly sessionEnded?: boolean;
  /** Resolves when messages can be sent; rejects with a HostError when that will never be. */
  open(events: LinkEvents): Promise<void>;
  /** Hands a message to the wire; a request that could not be sent is reported by `failed`. Never waits; throws only for what JSON cannot hold. */
  send(message: Message, relatedTo?: Id, headers?: readonly AddedHeader[]): void;
  /** As `send`, with the text that the message is made into already. Only wires have it that carry texts. */
  write?(message: Message, text: string, headers?: readonly AddedHeader[]): void;
  /** Tells the wire which protocol version was negotiated (HTTP sends it as a header from then on). */
  negotiated?(protocolVersion: string): void;
  /** Whether the server tells of changes of a list now; undefined where its capabilities say that. */
  hears?(list: string): boolean | undefined;
  /** Nobody waits for this request's answer any more. */
  forget?(id: Id): void;
  /** Has a server of the modern era tell of a task from now on. @param agreed told once whether it will */
  watchTask?(taskId: string, agreed: (does: boolean) => void): void;
  unwatchTask?(taskId: string): void;
  /** Ends the link and whatever it owns, within the wire's own deadline. */
  close(): Promise<void>;
  /** What an operator wants to know: process id, the first and last lines of stderr, what came on stdout before the first message. */
  describe?(): { pid?: number; stderr?: string; stdout?: string };
}
