import { ERRORS, PeerError } from "../../errors.ts";
import { type Host, localOptionsOf } from "../../host/host.ts";
import { openClient } from "../../host/local-clients.ts";
import type { Logger } from "../../log.ts";
import type { Json, Notification } from "../../wire/message.ts";
import type { RequestOptions } from "../../wire/peer.ts";
import { interruption } from "../command-line/interrupted.ts";
import { everyValue } from "../command-line/usage.ts";
import { openHost, startAt } from "../hosting/open-host.ts";
import { showProgress } from "../terminal/progress.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { type ServerStart, Startup } from "./startup.ts";

/** An only client of a host in the same process. It moves plain messages, so that nothing of a result is lost. */
export interface LocalClient {
  readonly host: Host;
  request(method: string, params?: Json, options?: RequestOptions<never>): Promise<Json>;
  /** Every page of a list. */
  list(kind: Kind): Promise<Json[]>;
  /** Resolves when every server has been listed or has failed, with what became of each; each has a deadline of its own. */
  started(): Promise<readonly ServerStart[]>;
}

/** Starts the configured host without a network front, connects one client, and ends both when `work` is done. */
export async function withClient<T>(
  options: {
    config: string | undefined;
    /** The name of one that a plugin opened. */
    endpoint?: string | undefined;
    rawArgs: readonly string[];
    log: Logger;
    notified?: (notification: Notification) => void;
  },
  work: (client: LocalClient) => Promise<T>,
): Promise<T> {
  const opened = await openHost({
    config: options.config,
    raw: options.rawArgs,
    log: options.log,
    // One client that asks for everything now: nothing to listen on, nothing that starts later, nobody to wait for.
    change: ({ listen: _, ...config }) => ({
      ...config,
      drain: 0,
      mcpServers: Object.fromEntries(
        Object.entries(config.mcpServers ?? {}).map(([key, server]) => [key, { ...(server as Json), start: "eager" }]),
      ),
    }),
  });
  const { host } = opened;
  const interrupted = interruption();
  let shown = (): void => {};
  const begin = (startup: Startup): void => {
    // Whoever wants JSON lines on standard error wants nothing else there.
    if (everyValue(options.rawArgs, "log-format").at(-1) === "json") return;
    shown = showProgress(() => startup.waiting);
    startup.finished.then(shown, shown);
  };
  try {
    return await Promise.race([
      interrupted.promise,
      startAt(opened, options.endpoint)
        .then(() => connect(host, options, begin))
        .then(work),
    ]);
  } finally {
    shown();
    interrupted.expected();
    await host.close();
    interrupted.stop();
  }
}

async function connect(
  host: Host,
  { endpoint, notified = () => {} }: { endpoint?: string | undefined; notified?: (notification: Notification) => void },
  begin: (startup: Startup) => void,
): Promise<LocalClient> {
  const startup = new Startup(host); // from the beginning: a server that is tried again has failed before
  begin(startup);
  const client = await openClient(localOptionsOf(host), { endpoint, notified });
  return {
    host,
    request: (method, params, options) => client.request(method, params, options),
    list: async (kind) => {
      const { method, field } = KINDS[kind];
      try {
        // The host gives every list in one page, and answers lists itself.
        return (await client.request(method))[field] as Json[];
      } catch (error) {
        if (error instanceof PeerError && error.rpc.code === ERRORS.method_not_found.code) return []; // no server has any of them
        throw error;
      }
    },
    started: () => startup.finished,
  };
}
