import type { Logger } from "../log.ts";
import type { TransportFactory } from "../plugin/transport-registry.ts";

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
  /** Transports by the `type` of the servers that use them, as plugins register them with `host.transports`. */
  transports?: Readonly<Record<string, TransportFactory>>;
}
