import { IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import type { Message } from "../wire/message.ts";
import { parseJson } from "../wire/parse.ts";
import type { Checks } from "./edge.ts";
import { ANONYMOUS, enter, isGuarded } from "./identity.ts";
import type { LongLived } from "./long-lived.ts";
import { originOf } from "./origin.ts";
import { Pipe } from "./pipe.ts";
import { turnAway } from "./refusal.ts";
import {
  type Arrival,
  checkEndpoint,
  checkVersion,
  type NetworkOptions,
  namedIn,
  pathOf,
  stopping,
  unknownNow,
  type WayIn,
} from "./way-in.ts";

const PATH = "/ws";
const PROTOCOL = "mcp";
/** How long a client may take to answer a ping, and to answer that a connection is to be closed. */
const PONG = 10_000;
const GOODBYE = 500;
/** Close codes (RFC 6455, section 7.4.1). */
const CLOSE = { goingAway: 1001, unsupportedData: 1003, policy: 1008 } as const;

/**
 * A request that counts as one to change protocols only if the protocol is WebSocket. Others (`h2c`, which some clients
 * offer with every request) go on as plain HTTP, as they do where nobody listens for upgrades.
 */
export class SocketRequest extends IncomingMessage {
  // Not private: Node's constructor sets it before there could be private fields.
  declare asked: unknown;

  get upgrade(): unknown {
    return this.headers.upgrade?.toLowerCase() === "websocket" ? this.asked : false;
  }

  set upgrade(asked: unknown) {
    this.asked = asked;
  }
}

interface Client {
  readonly socket: WebSocket;
  readonly pipe: Pipe;
  /** When a ping was sent that is not answered yet, on the monotonic clock. */
  pinged: number | undefined;
}

/** Serves clients over WebSocket: at most one session for each connection, one JSON-RPC message in each text frame. */
export class WebSocketFront implements WayIn {
  readonly #options: NetworkOptions;
  readonly #longLived: LongLived;
  readonly #server: WebSocketServer;
  readonly #clients = new Set<Client>();
  #draining = false;

  constructor(options: NetworkOptions, held: LongLived) {
    this.#options = options;
    this.#longLived = held;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.limits.requestBytes,
      handleProtocols: () => PROTOCOL,
    });
  }

  /** Takes a request to change to WebSocket: every check comes first, and a refusal is an HTTP answer. */
  upgrade(edge: Checks, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    void request.socket.remoteAddress; // as for any request: it is asked for when the connection may have gone
    const path = pathOf(request);
    const named = namedIn(path);
    const endpoint = named?.endpoint;
    const gone = (): void => void socket.destroy();
    socket.on("error", gone);
    const failed = (error: unknown): void => this.#refuse(request, socket, path, error);
    const accept = (principal: Principal): void => {
      if (socket.destroyed) return;
      checkEndpoint(this.#options, endpoint);
      const session = this.#options.sessions.open(principal, { network: true, duplicateIds: false, endpoint });
      const abandoned = (): void => this.#options.sessions.close(session);
      socket.once("close", abandoned); // also where `ws` itself refuses the request
      this.#server.handleUpgrade(request, socket, head, (client) => {
        socket.off("error", gone);
        socket.off("close", abandoned);
        this.#serve(client, session, { principal, endpoint }, request);
      });
    };
    try {
      const refused = edge.check(request);
      if (refused) throw refused;
      if ((named?.base ?? path) !== PATH) throw new HostError("not_found", `there is no WebSocket here; it is at ${PATH}`);
      checkVersion(request);
      const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",");
      if (!protocols.some((protocol) => protocol.trim() === PROTOCOL))
        throw new HostError("invalid_request", `the WebSocket subprotocol must be "${PROTOCOL}"`);
      if (this.#draining) throw stopping();
      if (isGuarded(this.#options)) enter(this.#options, request, path, undefined).then(accept).catch(failed);
      else accept(ANONYMOUS);
    } catch (error) {
      failed(error);
    }
  }

  #refuse(request: IncomingMessage, socket: Duplex, path: string, error: unknown): void {
    if (!socket.writable) return;
    const { status, headers, body } = turnAway(this.#options, request, path, error);
    const all = { ...headers, "content-length": Buffer.byteLength(body), "x-content-type-options": "nosniff", connection: "close" };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`, () => socket.destroy());
  }

  #serve(socket: WebSocket, session: Session, arrival: Arrival, request: IncomingMessage): void {
    const options = this.#options;
    const { limits, listen } = options;
    const write = (json: string): number | undefined => {
      if (socket.readyState !== socket.OPEN) return undefined;
      // A client that does not read is dropped: no goodbye would reach it.
      if (socket.bufferedAmount > limits.clientQueueBytes) {
        socket.terminate();
        return undefined;
      }
      socket.send(json);
      return json.length;
    };
    const reply: Reply = {
      send: (message: Message) => write(JSON.stringify(message)) !== undefined,
      answer: (response) => write(JSON.stringify(response)),
      write,
      end() {},
      get http() {
        return originOf(options, request, arrival.endpoint);
      },
    };
    const behind = { ...options, protocols: listen.protocols };
    const answerAll = (answers: readonly Message[]): unknown => write(JSON.stringify(answers));
    const pipe = new Pipe({ behind, arrival, network: true, session, reply, answerAll });
    const client: Client = { socket, pipe, pinged: undefined };
    this.#clients.add(client);
    socket.on("message", (data: RawData, isBinary: boolean) => {
      if (isBinary) return socket.close(CLOSE.unsupportedData, "messages are text");
      pipe.receive(data as Buffer, parseJson, (data as Buffer).length); // the server's binaryType is "nodebuffer"
    });
    socket.on("pong", () => {
      client.pinged = undefined;
    });
    // A frame that is too large, or none: `ws` closes with the code for it.
    socket.on("error", (error) => this.#options.log.debug("a WebSocket client broke the protocol", { reason: error.message }));
    const release = this.#longLived.hold(request, arrival.principal, () => {
      pipe.close(unknownNow());
      this.#end(client);
    });
    socket.once("close", () => {
      release();
      this.#clients.delete(client);
      pipe.close(new HostError("client_gone", "the client closed its connection"));
    });
  }

  drain(): void {
    this.#draining = true;
  }

  ended(session: Session): void {
    for (const client of this.#clients) if (client.pipe.serves(session)) client.pipe.left(() => this.#end(client));
  }

  #end(client: Client): void {
    if (!this.#clients.delete(client)) return;
    if (this.#draining) leave(client, CLOSE.goingAway, "the host is stopping");
    else leave(client, CLOSE.policy, "the session has ended");
  }

  tick(now: number, quiet: boolean): void {
    for (const client of this.#clients) {
      if (client.pinged !== undefined) {
        if (now - client.pinged > PONG) client.socket.terminate();
      } else if (quiet) {
        client.pinged = now;
        client.socket.ping();
      }
    }
  }

  close(): void {
    for (const client of this.#clients) leave(client, CLOSE.goingAway, "the host is stopping");
    this.#server.close();
  }
}

/** Says goodbye; whoever does not answer is cut off. */
function leave({ socket }: Client, code: number, reason: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), GOODBYE).unref();
}
