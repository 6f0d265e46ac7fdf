import { expandConfig } from "../../config/expand.ts";
import { headerValue } from "../../config/server-schema.ts";
import { Variables } from "../../config/variables.ts";
import { ConfigError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { createHost } from "../../operator/create-host.ts";
import { UsageError } from "../../operator/usage-error.ts";
import type { Json, Notification } from "../../wire/message.ts";
import { formatOf, type LogFlags, loggerOf } from "../command-line/logger.ts";
import { everyValue } from "../command-line/usage.ts";
import type { AskedHost } from "./asked-host.ts";
import { asOnlyClient, forOneClient, type LocalClient, withClient } from "./local-client.ts";
import { runningHostOf, tellRunning, withRunning } from "./running-host.ts";

/** Which host a command asks, and how it is told of. */
export interface Asking {
  readonly flags: LogFlags & {
    config?: string | undefined;
    endpoint?: string | undefined;
    fresh?: boolean | undefined;
    url?: string | undefined;
  };
  readonly rawArgs: readonly string[];
  /** Whether it names one thing, so that nobody but its owner is waited for. */
  readonly wantsOne?: boolean;
  readonly notified?: (notification: Notification) => void;
}

/**
 * Asks the host at `--url`; else the running host of the config, if there is one; else a host of its own, which ends with
 * the command. Flags that change the config (`--set`, `--env-file`) are for a host of its own.
 */
export async function withHost<T>(asking: Asking, work: (host: AskedHost) => Promise<T>): Promise<T> {
  const { flags, rawArgs, notified = () => {} } = asking;
  if (flags.url === undefined && everyValue(rawArgs, "header").length > 0)
    throw new UsageError("--header is for --url; the headers of a server are in the config");
  const isChanged = everyValue(rawArgs, "set").length > 0 || everyValue(rawArgs, "env-file").length > 0;
  const running = flags.fresh || isChanged || flags.url !== undefined ? undefined : await runningHostOf(flags.config);
  if (!running) return withOwnHost(asking, work);
  if (formatOf(flags) !== "json") tellRunning(running);
  return withRunning(running, { endpoint: flags.endpoint, notified }, work);
}

/** The same, with a host of the command's own where `--url` names none. */
export function withOwnHost<T>({ flags, rawArgs, wantsOne, notified }: Asking, work: (client: LocalClient) => Promise<T>): Promise<T> {
  // What became of a server is told once, as the command's own words; the log would tell of every try.
  const hostLog = loggerOf(flags, "error");
  const options = { endpoint: flags.endpoint, rawArgs, wantsOne, notified };
  if (flags.url === undefined) return withClient({ ...options, config: flags.config, log: loggerOf(flags, "warn"), hostLog }, work);
  if (flags.endpoint !== undefined) throw new UsageError("--endpoint: --url says by which endpoint to come in, such as .../mcp/p/work");
  const host = hostBefore(flags.url, everyValue(rawArgs, "header"), hostLog);
  return asOnlyClient(host, () => host.start(), options, work);
}

/** A host in front of the one at an address: it adds nothing, and knows every wire. @throws UsageError */
function hostBefore(url: string, headers: readonly string[], log: Logger): ReturnType<typeof createHost> {
  const problems: string[] = [];
  const server = { url, headers: Object.fromEntries(headers.map(headerOf)) };
  // Arguments can be read by everybody on the machine, so a key is named by its variable.
  const config = expandConfig({ mcpServers: { host: server } }, new Variables(new Map(), process.env, process.cwd()), problems);
  if (problems.length > 0)
    throw new UsageError(problems.map((problem) => problem.replace("mcpServers.host.headers.", "--header ")).join("\n"));
  try {
    return createHost(forOneClient(config as { mcpServers: Json }), { log }); // what is expanded keeps its form
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(error.problems.map((problem) => problem.replace(/^mcpServers\.host\.(url|headers)/, "--$1")).join("\n"));
  }
}

function headerOf(text: string): [name: string, value: string] {
  // linear: the name holds no colon, so it ends at one place
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined || !headerValue.safeParse(value).success)
    throw new UsageError("--header: must be a name and a value, such as 'Authorization: Bearer ${TOKEN}'");
  return [name, value];
}
