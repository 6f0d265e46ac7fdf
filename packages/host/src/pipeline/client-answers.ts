import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Json } from "../wire/message.ts";

/** What the pipeline cannot answer from the catalog or an upstream: the session does. */
export interface ClientAnswers {
  initialize(exchange: HostExchange): Promise<Json>;
  setLevel(exchange: HostExchange): Json;
  discover(exchange: HostExchange): Promise<Json>;
  listen(exchange: HostExchange): Promise<Json>;
  /** Whether the client may ask with this method: a server of its has the capability, or may have it, or the client was told so. */
  declares(exchange: HostExchange): boolean;
}
