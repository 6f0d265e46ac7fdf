import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";

/** A call is tried at most on so many routes. */
export const ROUTES = 8;

/** Whether a call that failed may be sent elsewhere: it was provably not sent, or was lost and may run twice by leave of the operator. */
export function mayGoOn(exchange: HostExchange, error: unknown, repeatable: (exchange: HostExchange) => boolean): error is HostError {
  if (!(error instanceof HostError) || exchange.stopped || exchange.ownCalls?.sent === true) return false;
  if (error.sent === "no" && exchange.sent === "no") return true;
  return (error.sent === "no" || error.type === "upstream_lost") && repeatable(exchange);
}
