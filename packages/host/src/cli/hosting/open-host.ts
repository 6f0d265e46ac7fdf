import { join } from "node:path";
import { stateFolder } from "../../config/backup.ts";
import { type LoadedConfig, type LoadOptions, loadConfig } from "../../config/load.ts";
import { located } from "../../config/locate.ts";
import { parseConfig } from "../../config/parse.ts";
import type { Config, ResolvedConfig } from "../../config/schema.ts";
import { retireLiterals } from "../../config/secrets.ts";
import { unconfigured } from "../../config/unconfigured.ts";
import { ConfigError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { checkReloadable, type ReloadReport } from "../../host/reload.ts";
import type { Logger } from "../../log.ts";
import { createHost, deskOf } from "../../operator/create-host.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { checkEndpoint as checkOpen } from "../../plugin/edge.ts";
import type { HostStatus } from "../../plugin/host-status.ts";
import { loadOptions } from "../command-line/load-options.ts";

export interface Opened {
  readonly host: Host;
  readonly loaded: LoadedConfig;
  /** The files that the config was made of when it was read last. */
  readonly files: readonly string[];
  /** Reads the config again, with the same flags, and has the host run on it: the work of an operation, which is told. @throws ConfigFileError; then nothing has changed */
  reload(): Promise<ReloadReport>;
  /** Whether the host could run on what a file holds, read as the config is. @param file beside the config @throws ConfigFileError */
  check(file: string): Promise<void>;
}

/** Loads the config that the flags name and makes its host, not yet started. @throws ConfigFileError with every problem */
export async function openHost(options: {
  config: string | undefined;
  raw: readonly string[];
  log: Logger;
  /** The host's own, where what is told of the config is told otherwise. */
  hostLog?: Logger | undefined;
  /** Last changes to the config, such as dropping `listen`. */
  change?: (config: Config) => Config;
  insecureNoAuth?: boolean;
  /** It goes on serving: what its servers list is kept for the next host, and the log tells of servers that lack something. */
  serves?: boolean;
  /** Where the config comes from, if not from its file alone. */
  read?: (path: string | undefined, options: LoadOptions) => Promise<LoadedConfig>;
  /** For whoever writes a plugin: what taps are given is frozen, and nothing is kept for the next host. */
  isDevelopment?: boolean;
  /** Standard input is the protocol's, so nobody is asked for inputs. */
  stdio?: boolean;
}): Promise<Opened> {
  const { log, change = (config: Config) => config, read = loadConfig, isDevelopment = false } = options;
  const load = async (path: string | undefined, mayAsk: boolean, isTrial = false): Promise<LoadedConfig> => {
    const loaded = await read(path, await loadOptions(options.raw, mayAsk));
    if (isTrial) return loaded;
    for (const warning of loaded.warnings) log.warn(warning, { config: loaded.path });
    if (options.serves) for (const problem of loaded.unset) log.warn(withoutServer(problem), { config: loaded.path });
    return loaded;
  };
  const loaded = await load(options.config, options.stdio !== true);
  let { files } = loaded;
  return located(loaded.path, () => {
    const host = createHost(change(loaded.config), {
      folder: loaded.folder,
      log: options.hostLog ?? log,
      ...(options.insecureNoAuth && { insecureNoAuth: true }),
      ...((isDevelopment || options.raw.includes("--debug")) && { freezeMessages: true }),
      ...(!options.serves && { brief: true }),
      ...(options.serves && !isDevelopment && { catalogFolder: join(stateFolder(), "catalog") }),
    });
    return {
      host,
      loaded,
      get files() {
        return files;
      },
      async reload() {
        // Whoever asks for a reload is not at this terminal, and means the file that the host was started with, however it was found.
        const again = await load(loaded.path, false);
        files = again.files;
        return located(loaded.path, () => {
          checkConfigured(host.config.mcpServers, again);
          return deskOf(host).host.reload(change(again.config));
        });
      },
      async check(file) {
        const again = await load(file, false, true);
        await located(file, () => {
          checkConfigured(host.config.mcpServers, again);
          const resolved = parseConfig(change(again.config));
          retireLiterals(resolved); // nothing runs on it
          checkReloadable(host.config, resolved);
        });
      },
    };
  });
}

/** What is told of a value that a server lacks where the others run. */
export function withoutServer(problem: string): string {
  return `${problem}; until then the server is unconfigured, and the others run`;
}

/** @throws ConfigError where a server that can be used now lacks something in the new config: it is better off with the old one */
function checkConfigured(now: ResolvedConfig["mcpServers"], again: LoadedConfig): void {
  const lost = Object.entries(again.config.mcpServers ?? {}).flatMap(([name, server]) =>
    Object.hasOwn(now, name) && !unconfigured(now[name]) ? (unconfigured(server)?.problems ?? []) : [],
  );
  if (lost.length > 0) throw new ConfigError(lost);
}

/** Starts a host; what is wrong with its plugins or its address is told like the rest of the config. */
export async function startHost({ host, loaded }: Opened): Promise<void> {
  try {
    await located(loaded.path, () => host.start());
  } catch (error) {
    await host.close();
    throw error;
  }
}

/** The same for a client that comes by an endpoint. @throws UsageError, before anything is started, where no plugin opens it */
export async function startAt(opened: Opened, endpoint: string | undefined): Promise<void> {
  if (endpoint !== undefined) {
    await prepare(opened);
    try {
      checkEndpoint(opened.host.status(), endpoint);
    } catch (error) {
      await opened.host.close();
      throw error;
    }
  }
  await startHost(opened);
}

/** @throws UsageError where no plugin of a host that is prepared, or runs, opens the endpoint */
export function checkEndpoint({ endpoints }: Pick<HostStatus, "endpoints">, endpoint: string): void {
  try {
    checkOpen(
      endpoint,
      endpoints.map(({ name }) => name),
    );
  } catch (error) {
    throw new UsageError(`--endpoint: ${(error as Error).message}`); // only ConfigErrors are thrown there
  }
}

/** Loads and applies the plugins without starting anything. */
export function prepare({ host, loaded }: Opened): Promise<void> {
  return located(loaded.path, () => host.prepare());
}
