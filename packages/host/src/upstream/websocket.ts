import { type ClientOptions, WebSocket } from "ws";
import type { HostError } from "../errors.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import type { Message } from "../wire/message.ts";
import { parseUpstreamJson } from "../wire/parse.ts";
import type { Authorization } from "./authorization.ts";
import { failure, unsent } from "./failure.ts";
import { challengeOf, refusal } from "./http-failure.ts";
import { Incoming } from "./incoming.ts";
import { ProxyFailure, type ProxySetting } from "./proxy.ts";
import { connector, proxyDial } from "./tunnel.ts";

export interface WebSocketOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
  proxy?: ProxySetting;
  /** Milliseconds until the server must have agreed to speak WebSocket. */
  handshakeTimeout: number;
}

const SUBPROTOCOL = "mcp";
/** Codes of a server that ends a connection because it wants to: it is done, goes away, restarts. */
const ENDINGS = new Set([1000, 1001, 1012]);
/** How long a server may take to agree that the connection ends. */
const CLOSE_GRACE = 2_000;

/** A server over WebSocket: one JSON-RPC message a frame. Nothing on it says which call a message belongs to. */
export class WebSocketLink implements Link {
  sessionEnded = false;
  readonly #upstream: string;
  readonly #options: WebSocketOptions;
  readonly #limits: Limits;
  readonly #authorization: Authorization | undefined;
  #socket: WebSocket | undefined;
  /** What the server said of the credentials that it refused. */
  #challenge: string | undefined;
  #events: LinkEvents | undefined;
  readonly #incoming: Incoming;
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @param authorization what plugins give the credentials through, where any do */
  constructor(upstream: string, options: WebSocketOptions, limits: Limits, authorization?: Authorization) {
    this.#upstream = upstream;
    this.#options = options;
    this.#limits = limits;
    this.#authorization = authorization;
    this.#incoming = new Incoming(upstream, this, () => this.#events);
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
    await this.#authorization?.renew("connect");
    const seen = this.#authorization?.version;
    const refused = await this.#shakeHands();
    if (refused?.type === "upstream_auth" && this.#authorization) {
      await this.#authorization.renew("refused", seen, this.#challenge);
      const again = await this.#shakeHands();
      if (again) throw again;
    } else if (refused) throw refused;
  }

  /** Gives why the server refused, if it did. */
  #shakeHands(): Promise<HostError | undefined> {
    if (this.#closed) return Promise.resolve(failure(this.#upstream, "shutting_down", "is being closed")); // meanwhile
    const { url, headers, proxy, handshakeTimeout } = this.#options;
    const dial = proxyDial(url, proxy);
    // @types/ws does not know closeTimeout yet.
    const options: ClientOptions & { closeTimeout: number } = {
      headers: { ...(this.#authorization?.over(headers) ?? headers) },
      handshakeTimeout,
      closeTimeout: CLOSE_GRACE,
      maxPayload: this.#limits.messageBytes,
      // A small frame must not become a large message, nor cost a context of zlib each way.
      perMessageDeflate: false,
      followRedirects: false,
      // parseUpstreamJson() validates, and only once.
      skipUTF8Validation: true,
      // To the types of ws a connection is there at once; Node's HTTP client, which it is for, takes one that comes later.
      ...(dial && { createConnection: connector(dial) as unknown as NonNullable<ClientOptions["createConnection"]> }),
    };
    const socket = new WebSocket(url, SUBPROTOCOL, options);
    this.#socket = socket;
    return new Promise((resolve) => {
      let reason: Error | undefined;
      let isOpen = false;
      socket.on("open", () => {
        isOpen = true;
        resolve(undefined);
      });
      socket.on("unexpected-response", (request, response) => {
        this.#challenge = challengeOf(response.headers);
        resolve(refusal(this.#upstream, response.statusCode ?? 0, response.headers));
        request.destroy();
      });
      socket.on("message", (data) => this.#receive(data as Buffer)); // the default binaryType gives Buffers
      // `close` follows.
      socket.on("error", (error) => {
        reason = error;
      });
      socket.on("close", (code) => {
        this.sessionEnded = isOpen && ENDINGS.has(code);
        if (isOpen) this.#lost(reason);
        else resolve(failure(this.#upstream, "upstream_down", `cannot be reached (${whyNot(reason)})`));
      });
    });
  }

  negotiated(protocolVersion: string): void {
    this.#incoming.negotiated(protocolVersion);
  }

  send(message: Message): void {
    this.write(message, JSON.stringify(message));
  }

  write(message: Message, text: string): void {
    const socket = this.#socket;
    if (this.#closed || socket?.readyState !== WebSocket.OPEN)
      return unsent(this.#upstream, message, "upstream_down", "is not connected", this.#events);
    if (socket.bufferedAmount > this.#limits.upstreamQueueBytes)
      return unsent(this.#upstream, message, "overloaded", "does not read its input", this.#events);
    socket.send(text);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const socket = this.#socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
    else socket.close(1000);
    await gone;
  }

  #receive(data: Buffer): void {
    if (!this.#closed) this.#incoming.take(data, parseUpstreamJson, undefined);
  }

  #lost(reason: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    const tooLarge = codeOf(reason) === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    const broken = codeOf(reason)?.startsWith("WS_ERR_");
    // Whose answer an oversized message was is unknown, so every call in flight fails.
    const what = tooLarge
      ? `sent a message of more than ${this.#limits.messageBytes} bytes`
      : broken
        ? `broke the WebSocket protocol (${codeOf(reason)})`
        : "closed its connection; a call in flight may or may not have run";
    this.#events?.closed(failure(this.#upstream, broken ? "upstream_protocol" : "upstream_lost", what, "unknown"));
  }
}

function codeOf(error: Error | undefined): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** The code of the system or, of what went wrong in the handshake, the words of ws: they hold nothing that the server sent. */
function whyNot(error: Error | undefined): string {
  if (error?.message === "Server sent no subprotocol") return `it does not speak the subprotocol "${SUBPROTOCOL}"`;
  if (error instanceof ProxyFailure) return error.message;
  return codeOf(error) ?? error?.message ?? "connection failed";
}
