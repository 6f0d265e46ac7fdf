import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link, LinkEvents } from "../wire/link.ts";
import type { Json, Message, Notification } from "../wire/message.ts";
import { checkShape } from "../wire/parse.ts";
import { type Outstanding, Peer, type RequestOptions } from "../wire/peer.ts";
import { LATEST_VERSION } from "../wire/versions.ts";

export interface InProcessOptions {
  readonly sessions: Sessions;
  readonly principal: Principal;
  /** The name of one that a plugin opened; undefined for the unnamed one. */
  readonly endpoint?: string | undefined;
  /** What it calls itself: name and version. */
  readonly clientInfo: Json;
  /**
   * Takes notifications. Such a client stays until it is closed, and may own its servers as an only client does; one
   * without shares them and may expire as a network client may.
   */
  readonly notified?: ((notification: Notification) => void) | undefined;
}

/** A client in the host's own process. It moves plain messages, so that nothing of a result is lost, and shares no object with the host. */
export class InProcessClient {
  readonly session: Session;
  readonly #peer: Peer<never>;

  private constructor({ sessions, principal, endpoint, notified }: InProcessOptions) {
    this.session = sessions.open(principal, { network: false, duplicateIds: false, expires: notified === undefined, endpoint });
    const peer = new Peer<never>("mcp-host", new SessionLink(this.session, sessions, notified !== undefined), {
      // It declares no capability, so nobody may ask it anything but a ping.
      request: ({ id, method }) =>
        peer.respond(id, method === "ping" ? { result: {} } : { error: { code: -32601, message: `${method} is not answered in process` } }),
      notification: notified ?? (() => {}),
      closed: () => {},
    });
    this.#peer = peer;
  }

  /** Opens a session and initializes it. */
  static async open(options: InProcessOptions): Promise<InProcessClient> {
    const client = new InProcessClient(options);
    try {
      await client.#peer.open();
      const { clientInfo } = options;
      await client.request("initialize", { protocolVersion: LATEST_VERSION, capabilities: {}, clientInfo });
    } catch (error) {
      await client.close();
      throw error;
    }
    client.#peer.notify("notifications/initialized");
    return client;
  }

  /** Sends a request. @param params JSON that nobody changes any more: {@link written} makes it */
  begin(method: string, params: Json = {}, options: RequestOptions<never> = {}): Outstanding {
    return this.#peer.request(method, params, options);
  }

  request(method: string, params?: Json, options?: RequestOptions<never>): Promise<Json> {
    return this.begin(method, params, options).result;
  }

  close(): Promise<void> {
    return this.#peer.close();
  }
}

/** Params as they would arrive over a wire: what their owner changes later changes nothing. @throws HostError where they are no JSON, or more than a client's may be */
export function written(method: string, params: Json, limits: Limits): Json {
  try {
    const copy = jsonCopy(params);
    checkShape(copy, limits);
    return copy;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HostError("invalid_params", `the params of ${method} cannot be sent: ${reason}`, { cause: error });
  }
}

/** Hands messages to a session without a wire in between. */
class SessionLink implements Link {
  readonly #session: Session;
  readonly #sessions: Sessions;
  readonly #isHeard: boolean;
  #reply: Reply | undefined;

  constructor(session: Session, sessions: Sessions, isHeard: boolean) {
    this.#session = session;
    this.#sessions = sessions;
    this.#isHeard = isHeard;
  }

  async open(events: LinkEvents): Promise<void> {
    const send = (message: Message): boolean => {
      events.message(jsonCopy(message), undefined);
      return true;
    };
    this.#reply = { send, answer: (message) => void send(message), end() {} };
    if (this.#isHeard) this.#session.attach({ send });
  }

  send(message: Message): void {
    if (this.#reply) this.#session.receive(message, this.#reply);
  }

  async close(): Promise<void> {
    this.#sessions.close(this.#session);
  }
}

function jsonCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T; // a copy of a JSON value is of its type
}
