import type { ReloadReport } from "../host/reload.ts";
import type { HostStatus } from "../plugin/host-status.ts";
import type { ConnectedClient } from "../session/connected.ts";
import type { Json } from "../wire/message.ts";
import type { LogQuery } from "./log-query.ts";
import type { TraceQuery } from "./trace-query.ts";

/** What a running host tells about itself: its status, and how it was started. */
export interface ControlStatus extends HostStatus, ControlFacts {
  /** Who is connected; of many those that came last. For operators alone. */
  clients: readonly ConnectedClient[];
}

/** How a running host was started. */
export interface ControlFacts {
  /** The config file, absolute. */
  config: string;
  mode: ServeMode;
  /** The files of one that was started with `--daemon`, absolute. */
  daemon?: { pidFile: string; logFile: string };
}

/** How `start` was invoked, which `restart` needs to know. Told on this user's socket only, and not redacted: `--set` may hold secrets. */
export interface Invocation {
  /** The arguments of `start`. */
  args: readonly string[];
  /** The working directory. */
  cwd: string;
}

/** How clients come in. */
export type ServeMode = "http" | "stdio" | "both";

/** What can be asked of a running host, on one line of JSON. */
export type ControlRequest =
  /** An operation, as the host's desk has it: `status`, `reload`, `stop`, ..., `<plugin>:<name>`. */
  | { command: string; params?: Readonly<Json> }
  /** Lines of the log: a line of JSON each, until there are no more. */
  | ({ command: "logs" } & LogQuery)
  /** What becomes of requests: a line of JSON each, until either side ends it. */
  | ({ command: "trace" } & TraceQuery)
  /** A conversation of a client, which comes by this endpoint: after the answer, frames of MCP as over standard input and output. */
  | { command: "client"; endpoint?: string };

/** Its answer, on one line of JSON. */
export type ControlAnswer = { result: Readonly<Json> } | { error: string };

/** What the operations of the host's own give. */
export interface OwnResults {
  status: ControlStatus;
  reload: ReloadReport;
  reconnect: Readonly<Record<string, never>>;
  drain: Readonly<Record<string, never>>;
  resume: Readonly<Record<string, never>>;
  /** Calls in flight may finish within so many milliseconds. */
  stop: { drain: number };
  invocation: Invocation;
}

/** Longest question. */
export const REQUEST_BYTES = 64 * 1024;
/** How long an operation may take. */
export const OPERATION_DEADLINE = 30_000;
/** How long a peer may take to ask, and the answer to be read. */
export const CONTROL_DEADLINE = 5_000;
