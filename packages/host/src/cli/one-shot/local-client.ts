import { type Host, localOptionsOf } from "../../host/host.ts";
import { openClient } from "../../host/local-clients.ts";
import type { Logger } from "../../log.ts";
import type { Json, Notification } from "../../wire/message.ts";
import { interruption } from "../command-line/interrupted.ts";
import { everyValue } from "../command-line/usage.ts";
import { openHost, startAt } from "../hosting/open-host.ts";
import { roleless } from "../hosting/roleless.ts";
import { showProgress } from "../terminal/progress.ts";
import type { AskedHost } from "./asked-host.ts";
import { Startup } from "./startup.ts";

/** An only client of a host in the same process. */
export interface LocalClient extends AskedHost {
  readonly host: Host;
}

/** How a command is a client of its own host. */
export interface LocalClientOptions {
  /** The name of one that a plugin opened. */
  endpoint?: string | undefined;
  rawArgs: readonly string[];
  /**
   * One server has what the command names, and nothing else is waited for. Without it the client begins when all servers have
   * listed or failed, so that the order of the config decides whose a name is.
   */
  wantsOne?: boolean | undefined;
  notified?: ((notification: Notification) => void) | undefined;
}

/** A config for one client that asks for everything now: nothing to listen on, nothing that starts later, nobody to wait for. */
export const forOneClient = <T extends { mcpServers?: object; listen?: unknown }>({ listen: _, ...config }: T, wantsOne = false) => ({
  ...config,
  drain: 0,
  ...(wantsOne && { wait: 0 }),
  mcpServers: Object.fromEntries(
    Object.entries(config.mcpServers ?? {}).map(([key, server]) => [key, { ...(server as Json), start: "eager" }]),
  ),
});

/** Starts the configured host without a network front, connects one client, and ends both when `work` is done. */
export async function withClient<T>(
  options: LocalClientOptions & { config: string | undefined; log: Logger; hostLog?: Logger | undefined },
  work: (client: LocalClient) => Promise<T>,
): Promise<T> {
  const { config, log, hostLog, endpoint, rawArgs, wantsOne } = options;
  const opened = await openHost({ config, raw: rawArgs, log, hostLog, change: (read) => forOneClient(read, wantsOne) });
  return asOnlyClient(opened.host, () => startAt(opened, endpoint), options, work);
}

/** Starts a host, connects one client, and ends both when `work` is done. */
export async function asOnlyClient<T>(
  host: Host,
  start: () => Promise<void>,
  options: LocalClientOptions,
  work: (client: LocalClient) => Promise<T>,
): Promise<T> {
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
      start()
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
  { endpoint, notified = () => {} }: LocalClientOptions,
  begin: (startup: Startup) => void,
): Promise<LocalClient> {
  const startup = new Startup(host); // from the beginning: a server that is tried again has failed before
  begin(startup);
  const client = await openClient(localOptionsOf(host), { endpoint, notified });
  return {
    host,
    request: (method, params, options) => client.request(method, params, options),
    started: () => startup.finished,
    starts: async () => startup.ended,
    note: roleless(host),
    withheld: async () => host.status().withheld,
    endpoints: async () => host.status().endpoints,
    catalog: (params) => host.operator.run("catalog", params),
    requestAt: async (at, method) => {
      const other = await openClient(localOptionsOf(host), { endpoint: at });
      return other.request(method).finally(() => other.close());
    },
  };
}
