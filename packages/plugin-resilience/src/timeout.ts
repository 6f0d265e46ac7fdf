import type { Handler, TimeLimits } from "mcp-host";
import type { TimeoutOptions } from "./options.ts";

/** The exchange may take this much longer than a send, so that a retry or a fallback still has its turn. */
const LEEWAY = 1_000;

/**
 * Limits each send; the exchange's clock does the work.
 * @param own the upstream's, for what the options leave open. What is longer than that is granted
 */
export function withTimeout(next: Handler, { idle, total }: TimeoutOptions, own: TimeLimits): Handler {
  const patience: TimeLimits = { timeout: idle ?? own.timeout, maxTimeout: total ?? own.maxTimeout };
  const least: TimeLimits = { timeout: patience.timeout + LEEWAY, maxTimeout: patience.maxTimeout + LEEWAY };
  return (exchange) => {
    const { timeout, maxTimeout } = exchange.timeLimits;
    if (timeout < least.timeout || maxTimeout < least.maxTimeout)
      exchange.allow({ timeout: Math.max(timeout, least.timeout), maxTimeout: Math.max(maxTimeout, least.maxTimeout) });
    return exchange.within(patience, next);
  };
}
