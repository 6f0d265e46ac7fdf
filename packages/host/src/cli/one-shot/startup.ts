import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../../host/host.ts";
import type { UpstreamStatus } from "../../plugin/host-status.ts";
import { isUp, lastWords } from "../terminal/upstream-summary.ts";

/** What became of a server: its status at the moment when it had been listed, or had failed for the first time. */
export interface ServerStart {
  readonly upstream: UpstreamStatus;
  /** Its lists have been read, and neither a list nor the server has failed. */
  readonly ok: boolean;
}

/** How often the state of starting servers is looked at. */
const LOOK = 20;
/** How long the lists of a server may take beyond its `startTimeout`. */
const LISTING = 30_000;

/** Watches the servers of a host start. What is tried again after a failure keeps nobody waiting: the failure is its end. */
export class Startup {
  /** What became of each server, in the order of the status. */
  readonly finished: Promise<readonly ServerStart[]>;
  readonly #host: Host;
  readonly #ended = new Map<string, ServerStart>();
  readonly #began = performance.now();

  constructor(host: Host) {
    this.#host = host;
    this.finished = this.#watch();
    this.finished.catch(() => {}); // whoever asks is told
  }

  /** What became of those that have been listed or have failed by now, in the order of the status. */
  get ended(): readonly ServerStart[] {
    const upstreams = this.#look();
    return [...this.#ended.values()].sort(inOrderOf(upstreams));
  }

  /** Who is waited for still, in words. */
  get waiting(): string {
    const { upstreams } = this.#host.status();
    const names = upstreams.map(({ name }) => name).filter((name) => !this.#ended.has(name));
    return `starting servers, ${upstreams.length - names.length} of ${upstreams.length}: ${names.join(", ")}`;
  }

  async #watch(): Promise<readonly ServerStart[]> {
    while (this.#look().length > this.#ended.size) await pause(LOOK);
    return this.ended;
  }

  /** Notes whose start has ended; gives all of them. */
  #look(): readonly UpstreamStatus[] {
    const { upstreams } = this.#host.status();
    for (const upstream of upstreams) {
      if (this.#ended.has(upstream.name)) continue;
      const start = this.#end(upstream);
      if (start) this.#ended.set(upstream.name, start);
    }
    return upstreams;
  }

  #end(upstream: UpstreamStatus): ServerStart | undefined {
    const { name, state, reason, connections } = upstream;
    const listed = connections.some((connection) => connection.listed);
    if (listed && (isUp(upstream) || state === "idle")) return { upstream, ok: state !== "degraded" }; // one that rests already was up
    const begins = (state === "connecting" || state === "idle") && reason === undefined; // with a reason it is tried again
    if (!begins && !isUp(upstream)) return { upstream, ok: false };
    const patience = (this.#host.config.mcpServers[name]?.startTimeout ?? 0) + LISTING;
    if (performance.now() - this.#began < patience) return undefined;
    return { upstream: { ...upstream, state: "failed", reason: `its lists could not be read within ${patience} ms` }, ok: false };
  }
}

function inOrderOf(upstreams: readonly UpstreamStatus[]): (a: ServerStart, b: ServerStart) => number {
  const names = upstreams.map(({ name }) => name);
  return (a, b) => names.indexOf(a.upstream.name) - names.indexOf(b.upstream.name);
}

/** Tells of each server that is down, or whose lists failed, what a result lacks, why, and what the server said last. */
export function describeMissing(starts: readonly ServerStart[]): string[] {
  return starts
    .filter(({ ok }) => !ok)
    .flatMap(({ upstream }) => [
      `mcp-host: server "${upstream.name}" is ${whatOf(upstream)}: ${upstream.reason ?? upstream.state}`,
      ...lastWords(upstream),
    ]);
}

/** Which version of MCP each server speaks, where they are not all of the legacy era. */
export function describeEras(starts: readonly ServerStart[]): string[] {
  const known = starts.filter(({ upstream }) => upstream.protocolVersion !== undefined);
  if (!known.some(({ upstream }) => upstream.era === "modern")) return [];
  return [`mcp-host: ${known.map(({ upstream }) => `${upstream.name} speaks MCP ${upstream.protocolVersion}`).join(", ")}`];
}

function whatOf(upstream: UpstreamStatus): string {
  if (upstream.state === "unconfigured") return "unconfigured";
  if (upstream.state === "needs sign-in") return "not signed in";
  return isUp(upstream) ? "not complete here" : "missing here";
}
