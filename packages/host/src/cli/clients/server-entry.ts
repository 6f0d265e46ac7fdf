import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { type LoadedConfig, loadConfig } from "../../config/load.ts";
import { configsIn, located } from "../../config/locate.ts";
import { locateReadable } from "../../config/trust.ts";
import { ConfigFileError } from "../../errors.ts";
import { createLogger } from "../../log.ts";
import { findHosts, NoHostError } from "../../operator/control-client.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { createHost } from "../../operator/create-host.ts";
import { BIN } from "../command-line/installed.ts";
import { shellPath } from "../command-line/shell-path.ts";
import { typedCommand } from "../command-line/typed-command.ts";
import { UsageError } from "../command-line/usage.ts";
import { checkEndpoint } from "../hosting/open-host.ts";
import { type EntryFlags, endpointOf, type Target } from "./client-options.ts";
import type { ServerEntry } from "./clients.ts";

/** The entry that the flags ask for. @throws UsageError where the client cannot do that, ConfigFileError, NoHostError */
export async function serverEntryOf(flags: EntryFlags, { client, scope }: Target): Promise<ServerEntry> {
  const overHttp = flags.http === true || flags.url !== undefined;
  if (flags.stdio === true && overHttp) throw new UsageError("--stdio and --http or --url say different things; give one of them");
  if (overHttp && !client.transports.includes("http"))
    throw new UsageError(`${client.title} takes no addresses in its file; leave --http and --url out and it starts a host of its own`);
  const endpoint = endpointOf(flags);
  if (overHttp) {
    const { url, key } = await addressOf(flags, endpoint);
    return { kind: "http", url: endpoint === undefined ? url : at(url, endpoint), key };
  }
  // A program with windows has not the PATH of a shell, and the servers of the host are looked for on it.
  const PATH = shellPath().join(delimiter);
  const config = await configPath(flags.config);
  if (endpoint !== undefined) await lookInto(await usable(config), endpoint);
  return {
    kind: "stdio",
    config,
    command: process.execPath,
    args: [BIN, "start", "stdio", "--config", config, ...(endpoint === undefined ? [] : ["--endpoint", endpoint])],
    env: client.desktop && scope === "user" && PATH !== "" ? { PATH } : {},
  };
}

/** The client's entry will name it, so it must be one that may run. */
async function configPath(flag: string | undefined): Promise<string> {
  const path = await locateReadable(flag);
  if (!existsSync(path))
    throw new ConfigFileError([`there is no file ${path}; run \`mcp-host init\`, or name another with --config`], undefined);
  return path;
}

async function addressOf({ url, config: flag }: EntryFlags, endpoint: string | undefined): Promise<{ url: string; key: boolean }> {
  if (url !== undefined) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new UsageError(`--url: "${url}" is no http:// or https:// URL`);
    return { url, key: flag !== undefined && (await lookInto(await usable(await configPath(flag)), endpoint)) };
  }
  const all = (await findHosts({ config: flag })).filter((status): status is ControlStatus & { url: string } => status.url !== undefined);
  // Here a config of one's own counts for more than a host with another that happens to run.
  const here = flag === undefined ? configsIn(process.cwd()) : [];
  const running = here.length > 0 ? all.filter(({ config }) => here.includes(config)) : all;
  if (running.length > 1) {
    const choices = running.map((status) => `  --config ${status.config}  or  --url ${status.url}`);
    throw new NoHostError(`several hosts are running; choose one\n${choices.join("\n")}`);
  }
  const [host] = running;
  if (host) return { url: reachable(host.url), key: existsSync(host.config) && (await lookInto(await usable(host.config), endpoint)) };
  const loaded = await usable(await configPath(flag));
  const { port = 3000, path = "/mcp", host: address = "127.0.0.1", tls } = loaded?.config.listen ?? {};
  if (Number(port) === 0)
    throw new NoHostError("the config takes any free port, and no host is running; start one with `mcp-host start`, or give --url");
  return {
    url: reachable(`${tls ? "https" : "http"}://${address.includes(":") ? `[${address}]` : address}:${port}${path}`),
    key: await lookInto(loaded, endpoint),
  };
}

/** The address that stands for all addresses of a machine is no place to go to. */
function reachable(url: string): string {
  return url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:");
}

/** The config, or undefined where it lacks something that only the running host has, such as a variable. */
async function usable(path: string): Promise<LoadedConfig | undefined> {
  try {
    return await loadConfig(path);
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    process.stderr.write(`mcp-host: the config has problems, which \`${typedCommand()} validate\` lists: ${path}\n`);
    return undefined;
  }
}

/**
 * Whether a plugin of the config wants to know who a client is. False where there is no config to look into.
 * @throws UsageError where no plugin of it opens the endpoint
 */
async function lookInto(loaded: LoadedConfig | undefined, endpoint: string | undefined): Promise<boolean> {
  if (!loaded) return false;
  const { config, folder, path } = loaded;
  const host = createHost(config, { folder, log: createLogger({ level: "silent" }), insecureNoAuth: true });
  try {
    await located(path, () => host.prepare());
    if (endpoint !== undefined) checkEndpoint(host, endpoint);
    return host.pipeline().taps.some(({ hook }) => hook === "authenticate");
  } finally {
    await host.close();
  }
}

/** The address of an endpoint, whatever stands behind the path. */
function at(url: string, endpoint: string): string {
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/$/, "")}/p/${encodeURIComponent(endpoint)}`;
  return address.href;
}
