import { HostError, isRefusal } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Logger } from "../log.ts";
import type { Failures } from "../plugin/failures.ts";
import { siteOf } from "../plugin/tap-guard.ts";
import { outcomeName } from "../session/session.ts";
import { PeerError } from "../wire/peer-error.ts";
import { isModern } from "../wire/versions.ts";

/** Logs a finished exchange under its correlation id: bugs as errors, slow calls as warnings, the rest for debugging. */
export function logExchange(log: Logger, exchange: HostExchange, slowCall: number): void {
  const { outcome, timings } = exchange;
  if (!outcome) return;
  const ms = Math.round((timings.end ?? 0) - timings.start);
  // An upstream may answer with the same code: that is a bug of its own.
  const bug =
    "error" in outcome && outcome.error.code === -32603 && outcome.cause instanceof Error && !(outcome.cause instanceof PeerError);
  // The fields cost more than the rest of a call; most calls need none.
  if (!bug && ms < slowCall && !log.debugs) return;
  const fields = {
    requestId: exchange.id,
    method: exchange.method,
    entry: exchange.entry?.name,
    upstream: exchange.route?.upstream,
    session: exchange.caller.id.slice(0, 8),
    era: isModern(exchange.client.version) ? "modern" : "legacy",
    outcome: outcomeName(outcome),
    ms,
  };
  if (bug) log.error("a request failed inside the host", { ...fields, error: (outcome.cause as Error).stack });
  else if (ms >= slowCall) log.warn("a slow call", fields);
  else log.debug("a request was answered", fields);
}

/** Tells of an exchange that failed because a plugin broke a rule of the host's. What its taps threw was told when they did, and a refusal is for the plugin to tell. */
export function logBreach(failures: Failures, { outcome, id: requestId, method, entry }: HostExchange): void {
  if (!outcome || !("cause" in outcome)) return;
  const { cause } = outcome;
  if (isRefusal(cause) || !(cause instanceof HostError) || cause.type !== "plugin_failure" || failures.knows(cause)) return;
  const at = siteOf(cause) ?? { plugin: cause.plugin };
  failures.tell("a plugin failed", at, cause, { method, ...(entry && { entry: entry.name }), requestId });
}
