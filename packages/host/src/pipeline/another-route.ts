import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";

/** A call is tried at most on so many routes. */
export const ROUTES = 8;

/** How a call fails whose server is gone. After a loss the next server's error says no more that nothing was sent. */
const LOST: ReadonlySet<string> = new Set(["upstream_lost", "upstream_down", "circuit_open"]);

/** Whether a call that failed may be sent elsewhere: it was provably not sent, or was lost and may run twice by leave of the operator. */
export function mayGoOn(exchange: HostExchange, error: unknown, repeatable: (exchange: HostExchange) => boolean): error is HostError {
  if (!(error instanceof HostError) || exchange.stopped || exchange.ownCalls?.sent === true) return false;
  if (error.sent === "no" && exchange.sent === "no") return true;
  return LOST.has(error.type) && repeatable(exchange);
}
