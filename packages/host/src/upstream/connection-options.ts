import type { UpstreamConfig } from "../config/schema.ts";
import type { SessionFacts } from "../exchange/caller.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Logger } from "../log.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link } from "../wire/link.ts";
import type { Json, Notification, Request } from "../wire/message.ts";
import type { Connection } from "./connection.ts";

export interface ConnectionOptions {
  /** The isolation key within the upstream. */
  readonly key: string;
  readonly facts: UpstreamFacts;
  readonly config: UpstreamConfig;
  readonly limits: Limits;
  readonly log: Logger;
  readonly makeLink: () => Promise<Link>;
  /** What is declared to the server at `initialize`. */
  readonly clientInfo: Json;
  readonly capabilities: Json;
  /** The only session that uses this connection, where there is exactly one by design. */
  readonly owner: SessionFacts | undefined;
}

/** What a connection tells the host. */
export interface ConnectionEvents {
  request(connection: Connection, request: Request, origin: HostExchange | undefined): void;
  notification(connection: Connection, notification: Notification, origin: HostExchange | undefined): void;
  /** The lists were read, again or for the first time. */
  listed(connection: Connection): Promise<void>;
  state(connection: Connection): void;
}
