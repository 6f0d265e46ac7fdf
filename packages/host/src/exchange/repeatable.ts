import type { Exchange } from "./exchange.ts";
import { matcher } from "./matcher.ts";

/** Requests that may be sent again after a loss, since they change nothing. */
const REPEATABLE = new Set([
  "prompts/get",
  "resources/read",
  "completion/complete",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/get",
  "tasks/list",
  "tasks/result",
]);

/** Makes the test whether a request may be sent again when it is unknown whether it ran: by its method, or by leave of the operator. */
export function repeatability(
  servers: Readonly<Record<string, { readonly idempotent: readonly string[] }>>,
): (exchange: Exchange) => boolean {
  const idempotent = new Map(
    Object.entries(servers).map(([key, config]) => [key, matcher(config.idempotent.map((glob) => `${key}:${glob}`))]),
  );
  return ({ method, entry, called = entry }) =>
    REPEATABLE.has(method) || (called !== undefined && idempotent.get(called.upstream)?.(called) === true);
}
