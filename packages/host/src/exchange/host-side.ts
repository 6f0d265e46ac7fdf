import type { Exchange } from "./exchange.ts";
import { HostExchange } from "./host-exchange.ts";

/**
 * The host's side of an exchange that a plugin hands on.
 * @throws TypeError where it is none of a host's: a plugin made an object of its own
 */
export function hostSide(exchange: Exchange): HostExchange {
  if (exchange instanceof HostExchange) return exchange;
  throw new TypeError(
    "next was called with an object of the tap's own instead of the exchange; hand on what it was given, or derive() of it",
  );
}
