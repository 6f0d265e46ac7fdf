import type { ConnectionState } from "../exchange/upstream-facts.ts";
import { redactText } from "../redact.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Better states first. */
const STATES: readonly ConnectionState[] = [
  "ready",
  "degraded",
  "connecting",
  "backing off",
  "idle",
  "draining",
  "needs sign-in",
  "failed",
  "stopped",
  "unconfigured",
];

/** The connection that stands for the upstream: the one in the best state. */
export function bestOf(upstream: Upstream): Connection | undefined {
  return [...upstream.connections.values()].sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))[0];
}

/** How an upstream stands, and why where there is more to say: as its best connection does, unless it cannot have any. */
export function standingOf(upstream: Upstream): { readonly state: ConnectionState; readonly reason: string | undefined } {
  if (upstream.lacks !== undefined) return { state: "unconfigured", reason: redactText(upstream.lacks) };
  const best = bestOf(upstream);
  return { state: best?.state ?? "idle", reason: best?.reason && redactText(best.reason) };
}
