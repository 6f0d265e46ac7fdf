import { connect, type Socket } from "node:net";
import { HostError } from "../errors.ts";
import { HOST_INFO } from "../version.ts";
import { withDeadline } from "../wire/deadline.ts";
import { FrameWriter } from "../wire/frame-writer.ts";
import { LineFramer } from "../wire/framing.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import type { Json, Message, Notification } from "../wire/message.ts";
import { Peer, type RequestOptions } from "../wire/peer.ts";
import { LATEST_VERSION } from "../wire/versions.ts";
import { CONTROL_DEADLINE, type ControlAnswer, type ControlRequest } from "./control-protocol.ts";
import { controlAddress } from "./control-socket.ts";

/** Longest message of a host. */
const MESSAGE_BYTES = 64 * 1024 * 1024;
/** How long a host may take to answer `initialize`: it waits for servers itself, as long as its config says. */
const INITIALIZE_DEADLINE = 600_000;

/** A host that runs does not take clients, or not by this endpoint; the message says why. */
export class NotAdmittedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotAdmittedError";
  }
}

/** A client of a running host of this user, over its control socket: it is `local` there, as a client over standard input and output is. */
export class HostClient {
  readonly #peer: Peer<never>;
  readonly #link: ControlLink;

  private constructor(pid: number, endpoint: string | undefined, notified: (notification: Notification) => void) {
    this.#link = new ControlLink(pid, endpoint);
    const peer = new Peer<never>("mcp-host", this.#link, {
      // It declares no capability, so nobody may ask it anything but a ping.
      request: ({ id, method }) =>
        peer.respond(id, method === "ping" ? { result: {} } : { error: { code: -32601, message: `${method} is not answered here` } }),
      notification: notified,
      closed: () => {},
    });
    this.#peer = peer;
  }

  /** Opens a session and initializes it. @throws NotAdmittedError, or HostError where the host cannot be reached */
  static async open(
    pid: number,
    { endpoint, notified }: { endpoint?: string | undefined; notified: (notification: Notification) => void },
  ): Promise<HostClient> {
    const client = new HostClient(pid, endpoint, notified);
    try {
      await client.#peer.open();
      const params = { protocolVersion: LATEST_VERSION, capabilities: {}, clientInfo: HOST_INFO };
      await client.request("initialize", params, { timeout: INITIALIZE_DEADLINE });
    } catch (error) {
      await client.close();
      throw error;
    }
    client.#peer.notify("notifications/initialized");
    return client;
  }

  /** What the host says of who this client is there. */
  get note(): string | undefined {
    return this.#link.note;
  }

  /** Sends a request; the host owns its deadline. */
  request(method: string, params?: Json, options: RequestOptions<never> = {}): Promise<Json> {
    return this.#peer.request(method, params, options).result;
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}

/** The control socket of a host as a wire: a line of JSON each way opens it, and frames follow. */
class ControlLink implements Link {
  readonly #pid: number;
  readonly #endpoint: string | undefined;
  /** What came with the answer that opened it. */
  note: string | undefined;
  #socket: Socket | undefined;
  #writer: FrameWriter | undefined;

  constructor(pid: number, endpoint: string | undefined) {
    this.#pid = pid;
    this.#endpoint = endpoint;
  }

  async open(events: LinkEvents): Promise<void> {
    const { socket, admitted } = this.#connect(events);
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    const request: ControlRequest = { command: "client", ...(this.#endpoint !== undefined && { endpoint: this.#endpoint }) };
    socket.write(`${JSON.stringify(request)}\n`);
    await withDeadline(admitted, CONTROL_DEADLINE, () => {
      throw this.#gone(`did not answer within ${CONTROL_DEADLINE} ms`);
    });
  }

  #connect(events: LinkEvents): { socket: Socket; admitted: Promise<void> } {
    const socket = connect(controlAddress(this.#pid));
    let isAdmitted = false;
    const admitted = new Promise<void>((resolve, reject) => {
      const framer = new LineFramer(MESSAGE_BYTES, (line) => {
        const read = JSON.parse(String(line)) as unknown;
        if (isAdmitted) return events.message(read as Message, undefined); // a host of this user's wrote it
        const answer = read as ControlAnswer; // as above
        if ("error" in answer) return reject(new NotAdmittedError(refusalOf(answer.error)));
        isAdmitted = true;
        if (typeof answer.result.note === "string") this.note = answer.result.note;
        resolve();
      });
      const end = (reason: string): void => {
        socket.destroy();
        const error = this.#gone(reason);
        reject(error);
        events.closed(error);
      };
      socket.on("data", (chunk: Buffer) => {
        try {
          framer.push(chunk);
        } catch (error) {
          end(`sent what is no message: ${(error as Error).message}`); // JSON.parse and the framer throw Errors
        }
      });
      socket.once("error", (error) => end(`cannot be asked: ${error.message}`));
      socket.once("close", () => end("has ended the conversation"));
    });
    admitted.catch(() => {}); // whoever opens it is told
    return { socket, admitted };
  }

  #gone(reason: string): HostError {
    return new HostError("upstream_down", `the host with pid ${this.#pid} ${reason}`, { sent: "unknown" });
  }

  send(message: Message): void {
    this.#writer?.write(JSON.stringify(message));
  }

  async close(): Promise<void> {
    this.#writer?.flush();
    this.#socket?.destroySoon();
  }
}

/** An older host knows no clients here. */
function refusalOf(reason: string): string {
  return /there is no operation "client"/.test(reason)
    ? "it is of an older version, which takes no clients here; restart it with `mcp-host restart`"
    : reason;
}
