import type { ConnectionState } from "../exchange/upstream-facts.ts";
import type { Connection } from "../upstream/connection.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Better states first. */
const STATES: readonly ConnectionState[] = ["ready", "degraded", "connecting", "backing off", "idle", "draining", "failed", "stopped"];

/** The connection that stands for the upstream: the one in the best state. */
export function bestOf(upstream: Upstream): Connection | undefined {
  return [...upstream.connections.values()].sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))[0];
}
