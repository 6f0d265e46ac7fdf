import type { ConnectionState } from "../exchange/upstream-facts.ts";
import type { Json } from "../wire/message.ts";

/** A running host as `mcp-host status` shows it. Times in milliseconds. */
export interface HostStatus {
  version: string;
  pid: number;
  uptime: number;
  url: string | undefined;
  ready: boolean;
  /** `required` upstreams that are down. */
  down: readonly string[];
  /** Whether an operator has taken it out of what a load balancer sends to: `ready` is false, and everything is served on. */
  draining: boolean;
  sessions: number;
  /** Those who send requests of MCP 2026-07-28, which knows no sessions, as far as anything is kept for them. */
  callers: number;
  inFlight: number;
  /** Calls in flight whose clients were asked something in an answer, and have not come back with theirs. */
  parked: number;
  upstreams: UpstreamStatus[];
  /** Who owns which exposed name. */
  tools: { name: string; upstream: string; native: string }[];
  withheld: { kind: string; name: string; upstream: string; reason: string }[];
  /** Endpoints beside the unnamed one, each with the plugin that opened it. */
  endpoints: readonly { readonly name: string; readonly plugin: string }[];
  /** Whether a plugin asks who clients over the network are. */
  authenticates: boolean;
  /** How things stand with each plugin that says so, by its id. */
  reports: Readonly<Record<string, Readonly<Json>>>;
}

export interface UpstreamStatus {
  name: string;
  /** What it is reached over; of a transport that a plugin or code brings, its type. */
  wire: string;
  /** The version of MCP that it speaks; undefined until it was asked. */
  protocolVersion: string | undefined;
  /** `modern` from 2026-07-28 on, without `initialize` and sessions; undefined as above. */
  era: "legacy" | "modern" | undefined;
  isolation: string;
  required: boolean;
  /** Whether what it asks of clients can be relayed, and what to do if not. */
  relays: string;
  /** Of its best connection. */
  state: ConnectionState;
  reason: string | undefined;
  entries: { tools: number; prompts: number; resources: number; templates: number };
  /** What is missing of its lists and why, by method: `{ "tools/list": "..." }`. */
  incomplete: Readonly<Record<string, string>>;
  /** Calls that wait for their turn, where its `concurrency` bounds how many it is given at once. */
  waiting: number;
  /** Messages that could not be tied to a client and went nowhere. */
  dropped: number;
  /** How often a live connection was lost, those of sessions that ended included. */
  restarts: number;
  connections: ConnectionStatus[];
}

export interface ConnectionStatus {
  key: string;
  state: ConnectionState;
  reason: string | undefined;
  sessions: number;
  inFlight: number;
  latency: number | undefined;
  restarts: number;
  garbage: number;
  unexpected: number;
  /** Whether its lists have been read, in this life or an earlier one. */
  listed: boolean;
  problems: readonly string[];
  pid?: number;
  /** The first and the last lines of a stdio server's stderr; those of its last life while it is down. */
  stderr?: string;
}
