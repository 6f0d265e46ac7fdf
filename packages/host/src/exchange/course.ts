import { HostError, type RpcError } from "../errors.ts";
import type { Json, Message } from "../wire/message.ts";
import type { Exchange, OwnCallOptions } from "./exchange.ts";

/** Where messages go that belong to a call and come before its answer: the answer's own stream. */
export interface Sink {
  /** False when nobody is there any more. */
  send(message: Message): boolean;
}

/** The pipeline that an exchange begins on, and ends on: what of it the exchange and whoever answers it need. */
export interface Course {
  /** Its hook set: only which one it is matters here. */
  readonly hooks: object;
  /** What becomes of an error on its way to the client, where plugins look at those of this method. */
  fail(exchange: Exchange, error: RpcError): Promise<Readonly<RpcError>> | undefined;
  /** Carries a request of a plugin's own, for the same caller. */
  call(parent: Exchange, method: string, params: Json | undefined, options: OwnCallOptions): Promise<Json>;
  /** Asks the caller's client for a plugin. */
  ask(parent: Exchange, method: string, params: Json): Promise<Json>;
}

/** Requests of plugins' own that belong to one of a client's. */
export interface OwnCalls {
  /** So many were made. */
  count: number;
  /** One of them may have reached an upstream: from then on the client's request is not provably unsent. */
  sent: boolean;
}

/** Why an exchange without one can ask for nothing. */
export function notRunning(): HostError {
  return new HostError("plugin_failure", "exchange.call and exchange.ask are for exchanges that run, from `route` to `respond`");
}
