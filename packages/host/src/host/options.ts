import type { Logger } from "../log.ts";
import type { Clock } from "../plugin/clock.ts";
import type { Random } from "../plugin/random.ts";
import type { TransportFactory } from "../plugin/transport-registry.ts";
import type { ReloadReport } from "./reload.ts";

/** What operations of operators do in the program that the host is a part of. */
export interface OperatorControls {
  /** Default: `host.reload()`, for the config that the host was made with or given last. */
  reload?(): Promise<ReloadReport>;
  /** Default: `host.close()`. Whoever asked has been answered when it is called. */
  stop?(): void;
  /** Ends the host and has it start again as it was started. Without it the operation is not there. @throws Error; then the host goes on */
  restart?(): Promise<void>;
}

/** What `createHost` may be told besides the config. */
export interface HostOptions {
  /** Where relative paths of the config begin: plugin files, the `cwd` of stdio servers. Default: the working directory. */
  folder?: string;
  /** Default: a log to stderr at level `info`. */
  log?: Logger;
  /** Listen beyond loopback without an auth plugin: whoever reaches the port uses every server. */
  insecureNoAuth?: boolean;
  /** The folder in which what servers list is kept, so that the next host knows it at once. Default: it is not kept. `mcp-host start` has one in its state folder. */
  catalogFolder?: string;
  /**
   * For development: freezes messages, with all that is in them, before taps and handlers of plugins get them, so that one that changes them
   * in place fails and is named; and the log warns of a tap of a waterfall that returns nothing. Default: false, since it costs;
   * `createTestHost`, `mcp-host dev` and `mcp-host --debug` do it.
   */
  freezeMessages?: boolean;
  /** Transports by the `type` of the servers that use them, as plugins register them with `host.transports`. */
  transports?: Readonly<Record<string, TransportFactory>>;
  /** What `reload` and `stop` do that an operator, such as a plugin with routes of its own, has done. */
  operator?: OperatorControls;
  /** What plugins and stores in memory tell the time by; default: that of this machine. Deadlines of requests are always told by it. */
  clock?: Clock;
  /** It is there for one command and ends with it, as those of `mcp-host list` and `doctor` do; plugins are told. Default: false. */
  brief?: boolean;
  /** Where plugins get what cannot be foreseen; default: from this machine. */
  random?: Random;
}
