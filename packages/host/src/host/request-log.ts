import { HostError, PeerError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { errorFields, type Logger } from "../log.ts";
import { outcomeName } from "../session/session.ts";

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
    outcome: outcomeName(outcome),
    ms,
  };
  if (bug) log.error("a request failed inside the host", { ...fields, error: (outcome.cause as Error).stack });
  else if (ms >= slowCall) log.warn("a slow call", fields);
  else log.debug("a request was answered", fields);
}

/** The error in the place of an answer that is no JSON. Whose it is, is named where no `respond` tap can have made it another. */
export function unwritable(
  log: Logger,
  exchange: HostExchange,
  thrown: unknown,
  { isOffered, isEdited }: { readonly isOffered: boolean; readonly isEdited: boolean },
): HostError {
  const answered = exchange.decisions.findLast(({ did }) => did === "answered")?.plugin;
  const plugin = isEdited ? undefined : (answered ?? (isOffered ? exchange.route?.upstream : undefined));
  const words = "a plugin made an answer that cannot be written as JSON";
  const by = plugin === undefined ? {} : { plugin };
  const { id: requestId, method, entry } = exchange;
  log.error(words, { ...by, method, ...(entry && { entry: entry.name }), requestId, ...errorFields(thrown) });
  return new HostError("plugin_failure", words, { ...by, sent: exchange.sent, cause: thrown });
}
