import { nearest } from "../config/nearest.ts";
import { HostError } from "../errors.ts";
import type { ConnectionState } from "../exchange/upstream-facts.ts";
import { redactText } from "../redact.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { standingOf } from "./best-connection.ts";

/** Whether something can be used now: all of it, with restrictions, or not at all. */
export type Fitness = "ready" | "degraded" | "down";

/** How a host is, and why. */
export interface HostHealth {
  /** `down`: a `required` upstream is down, or all are. `degraded`: some are down or do not answer pings. */
  status: Fitness;
  upstreams: UpstreamHealth[];
}

export interface UpstreamHealth {
  name: string;
  /** One that rests, or waits for its first client, is `ready`: its next use starts it. */
  status: Fitness;
  required: boolean;
  /** Of its best connection. */
  state: ConnectionState;
  /** Why it is not ready, without secrets. */
  reason: string | undefined;
}

/** How a host with these upstreams is. */
export function healthOf(upstreams: Iterable<Upstream>): HostHealth {
  const all = Array.from(upstreams, (upstream): UpstreamHealth => {
    const { state, reason } = standingOf(upstream);
    const isDown = upstream.isDown && (upstream.connections.size > 0 || state === "unconfigured");
    return {
      name: upstream.key,
      status: isDown ? "down" : state === "degraded" ? "degraded" : "ready",
      required: upstream.config.required,
      state,
      reason,
    };
  });
  const down = all.filter(({ status }) => status === "down");
  if (down.some(({ required }) => required) || (down.length > 0 && down.length === all.length)) return { status: "down", upstreams: all };
  return { status: all.every(({ status }) => status === "ready") ? "ready" : "degraded", upstreams: all };
}

/** Whether new clients should be sent to a host, as `/readyz` answers. */
export interface Readiness {
  readonly ready: boolean;
  /** `required` upstreams that are down. */
  readonly down: readonly string[];
  /** Whether an operator has taken it out: it serves on, and is not ready. */
  readonly draining: boolean;
}

/** Whether every `required` upstream is up, or would be at its first use: one that rests, or waits for its clients, is not down. */
export function readinessOf(upstreams: Iterable<Upstream>, draining: boolean): Readiness {
  const down = [...upstreams].filter((upstream) => upstream.config.required && upstream.isDown);
  return { ready: down.length === 0 && !draining, down: down.map(({ key }) => key), draining };
}

/**
 * Gives every connection of an upstream another life.
 * @param principal only those that are for this principal alone
 * @throws HostError with the reason of the first that did not come up; Error for a name that is not configured
 */
export async function reconnect(upstreams: ReadonlyMap<string, Upstream>, name: string, drain: number, principal?: string): Promise<void> {
  const upstream = upstreams.get(name);
  if (!upstream) throw new HostError("not_found", `no upstream is called "${name}"${nearest(name, [...upstreams.keys()])}`);
  if (upstream.lacks !== undefined)
    throw new HostError("upstream_down", `upstream "${upstream.key}" is not configured: ${redactText(upstream.lacks)}`, { upstream: name });
  upstream.askAgain();
  if (principal === undefined) upstream.base(); // one that everybody shares is connected even if nobody came yet
  const connections = [...upstream.connections.values()].filter((each) => principal === undefined || each.principal === principal);
  const ended = await Promise.allSettled(connections.map((connection) => connection.reconnect(drain)));
  for (const [index, end] of ended.entries()) {
    const { key, reason } = connections[index] as (typeof connections)[number]; // they came from there
    // One that is not needed any more, as the server is spoken to now, has another in its place.
    if (end.status === "fulfilled" || upstream.connections.get(key) !== connections[index]) continue;
    const { type } = end.reason instanceof HostError ? end.reason : { type: "upstream_down" as const };
    const why = reason === undefined ? "it is being stopped" : redactText(reason);
    throw new HostError(type, `upstream "${upstream.key}" could not be connected: ${why}`, { upstream: upstream.key, cause: end.reason });
  }
}
