import type { ConnectionState, UpstreamEvent } from "mcp-host";

/** Every state; the type sees to it that none is missing. */
const STATES: Record<ConnectionState, true> = {
  idle: true,
  connecting: true,
  ready: true,
  degraded: true,
  failed: true,
  "needs sign-in": true,
  "backing off": true,
  draining: true,
  stopped: true,
  unconfigured: true,
};

/** Counts what becomes of the connections to upstreams. */
export class Upstreams {
  readonly states = Object.keys(STATES) as ConnectionState[]; // its keys are
  /** How often a connection came into a state, by upstream. */
  readonly changes = new Map<string, Map<ConnectionState, number>>();

  changed({ key, state }: UpstreamEvent): void {
    if (state === "removed") return; // it is an upstream's end, and no state of a connection
    let own = this.changes.get(key);
    if (!own) this.changes.set(key, (own = new Map()));
    own.set(state, (own.get(state) ?? 0) + 1);
  }

  /** An upstream is not configured any more. */
  forget(key: string): void {
    this.changes.delete(key);
  }
}
