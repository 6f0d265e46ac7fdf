import { HostError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";
import { HostExchange } from "./host-exchange.ts";

/**
 * The host's side of an exchange that a plugin hands on.
 * @throws HostError where it is none of a host's: a plugin made an object of its own
 */
export function hostSide(exchange: Exchange): HostExchange {
  if (exchange instanceof HostExchange) return exchange;
  throw new HostError(
    "plugin_failure",
    "a plugin called next with an object of its own instead of the exchange; hand on what it was given, or derive() of it",
  );
}
