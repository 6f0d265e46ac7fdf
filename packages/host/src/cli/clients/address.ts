import { type LoadedConfig, type LoadOptions, loadConfig } from "../../config/load.ts";
import { configsIn, located } from "../../config/locate.ts";
import { createLogger } from "../../log.ts";
import { findHosts, NoHostError } from "../../operator/control-client.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { createHost } from "../../operator/create-host.ts";
import { UsageError } from "../../operator/usage-error.ts";
import type { HostStatus } from "../../plugin/host-status.ts";
import { checkEndpoint } from "../hosting/open-host.ts";

/** Where a client reaches the host over HTTP. */
export interface Address {
  readonly url: string;
  /** The host asks for a key. */
  readonly key: boolean;
  /** The host's config, where it is known. */
  readonly config?: string | undefined;
  /** Nobody answers there; without a config nothing is known of keys then. */
  readonly silent?: boolean;
}

/** What is known of a host that runs or would run. */
type Known = Pick<HostStatus, "authenticates" | "endpoints">;

type Listening = ControlStatus & { url: string };

/** How long a host may take to say whether it wants a key. */
const PATIENCE = 3_000;

/** The address that the flags name. Who has another machine's host there, or none, is asked over HTTP. @throws UsageError, ConfigFileError */
export async function namedAddress(
  url: string,
  { endpoint, config }: { endpoint: string | undefined; config: string | undefined },
  options: LoadOptions,
): Promise<Address> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new UsageError(`--url: "${url}" is no http:// or https:// URL`);
  const whole = endpoint === undefined ? url : at(url, endpoint);
  if (config !== undefined) return { url: whole, key: keyed(await lookInto(await loadConfig(config, options)), endpoint), config };
  const running = (await listening(undefined)).find((host) => reachable(host.url) === url);
  if (running) return { url: whole, key: keyed(running, endpoint), config: running.config };
  const refuses = await refusesStrangers(whole);
  return { url: whole, key: refuses === true, silent: refuses === undefined };
}

/**
 * The address of the host that runs, which is asked; else that of the config.
 * @param find gives the config's path
 * @throws NoHostError, ConfigFileError for a config that cannot be used: whether it wants a key is not known then
 */
export async function ownAddress(
  { endpoint, config, find }: { endpoint: string | undefined; config: string | undefined; find: () => Promise<string> },
  options: LoadOptions,
): Promise<Address> {
  const all = await listening(config);
  // Here a config of one's own counts for more than a host with another that happens to run.
  const here = config === undefined ? configsIn(process.cwd()) : [];
  const running = here.length > 0 ? all.filter((host) => here.includes(host.config)) : all;
  if (running.length > 1) {
    const choices = running.map((status) => `  --config ${status.config}  or  --url ${status.url}`);
    throw new NoHostError(`several hosts are running; choose one\n${choices.join("\n")}`);
  }
  const [host] = running;
  if (host) return { url: at(reachable(host.url), endpoint), key: keyed(host, endpoint), config: host.config };
  const loaded = await loadConfig(await find(), options);
  const { port = 3000, path = "/mcp", host: address = "127.0.0.1", tls } = loaded.config.listen ?? {};
  if (Number(port) === 0)
    throw new NoHostError("the config takes any free port, and no host is running; start one with `mcp-host start`, or give --url");
  const url = `${tls ? "https" : "http"}://${address.includes(":") ? `[${address}]` : address}:${port}${path}`;
  return { url: at(reachable(url), endpoint), key: keyed(await lookInto(loaded), endpoint), config: loaded.path, silent: true };
}

async function listening(config: string | undefined): Promise<Listening[]> {
  return (await findHosts({ config })).filter((status): status is Listening => status.url !== undefined);
}

/** Whether a client has to show a key there. @throws UsageError where no plugin opens the endpoint */
function keyed(host: Known, endpoint: string | undefined): boolean {
  if (endpoint !== undefined) checkEndpoint(host, endpoint);
  return host.authenticates;
}

/** What a host of this config would say of itself. @throws ConfigFileError for plugins that are wrong */
export async function lookInto({ config, folder, path }: LoadedConfig): Promise<Known> {
  const host = createHost(config, { folder, log: createLogger({ level: "silent" }), insecureNoAuth: true });
  try {
    await located(path, () => host.prepare());
    return host.status();
  } finally {
    await host.close();
  }
}

/** Whether who comes without a key is turned away; undefined where nobody answers. */
async function refusesStrangers(url: string): Promise<boolean | undefined> {
  try {
    const answer = await fetch(url, {
      headers: { accept: "text/event-stream" },
      redirect: "manual",
      signal: AbortSignal.timeout(PATIENCE),
    });
    await answer.body?.cancel();
    return answer.status === 401;
  } catch {
    return undefined;
  }
}

/** The address that stands for all addresses of a machine is no place to go to. */
function reachable(url: string): string {
  return url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:");
}

/** The address of an endpoint, whatever stands behind the path. */
function at(url: string, endpoint: string | undefined): string {
  if (endpoint === undefined) return url;
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/$/, "")}/p/${encodeURIComponent(endpoint)}`;
  return address.href;
}
