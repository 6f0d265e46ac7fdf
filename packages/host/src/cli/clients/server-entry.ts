import { existsSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { type LoadOptions, loadConfig } from "../../config/load.ts";
import { locateReadable } from "../../config/trust.ts";
import { ConfigFileError } from "../../errors.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { BIN } from "../command-line/installed.ts";
import { shellPath } from "../command-line/shell-path.ts";
import { checkEndpoint } from "../hosting/open-host.ts";
import { lookInto, namedAddress, ownAddress } from "./address.ts";
import { type EntryFlags, endpointOf, type Target } from "./client-options.ts";
import { ClientError, type ServerEntry } from "./clients.ts";

/**
 * The entry that the flags ask for.
 * @param options what `--set` and `--env-file` say
 * @throws UsageError where the client cannot do that, ConfigFileError, NoHostError
 */
export async function serverEntryOf(flags: EntryFlags, options: LoadOptions, { client, scope }: Target): Promise<ServerEntry> {
  const overHttp = flags.http === true || flags.url !== undefined;
  if (flags.stdio === true && overHttp) throw new UsageError("--stdio and --http or --url say different things; give one of them");
  if (overHttp && !client.transports.includes("http"))
    throw new ClientError(`${client.title} takes no addresses in its file; leave --http and --url out and it starts a host of its own`);
  const endpoint = endpointOf(flags);
  if (flags.url !== undefined) {
    const config = flags.config === undefined ? undefined : await configPath(flags.config);
    return { kind: "http", ...(await namedAddress(flags.url, { endpoint, config }, options)) };
  }
  if (overHttp)
    return {
      kind: "http",
      ...(await ownAddress({ endpoint, config: flags.config, find: () => configPath(flags.config) }, options)),
    };
  // A program with windows has not the PATH of a shell, and the servers of the host are looked for on it.
  const PATH = shellPath().join(delimiter);
  const config = await configPath(flags.config);
  if (endpoint !== undefined) checkEndpoint(await lookInto(await loadConfig(config, options)), endpoint);
  const further = [
    ...(options.envFiles ?? []).flatMap((file) => ["--env-file", resolve(file)]),
    ...(options.set ?? []).flatMap((setting) => ["--set", setting]),
    ...(endpoint === undefined ? [] : ["--endpoint", endpoint]),
  ];
  return {
    kind: "stdio",
    config,
    command: process.execPath,
    args: [BIN, "start", "stdio", "--config", config, ...further],
    env: client.desktop && scope === "user" && PATH !== "" ? { PATH } : {},
  };
}

/** The client's entry will name it, so it must be one that may run. */
export async function configPath(flag: string | undefined): Promise<string> {
  const path = await locateReadable(flag);
  if (!existsSync(path))
    throw new ConfigFileError([`there is no file ${path}; run \`mcp-host init\`, or name another with --config`], undefined);
  return path;
}
