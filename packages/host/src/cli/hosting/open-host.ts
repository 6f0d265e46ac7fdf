import { ConfigFileError, type LoadedConfig, loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { ConfigError } from "../../errors.ts";
import { createHost, type Host } from "../../host/host.ts";
import type { ReloadReport } from "../../host/reload.ts";
import type { Logger } from "../../log.ts";
import { loadOptions } from "../command-line/options.ts";

export interface Opened {
  readonly host: Host;
  readonly loaded: LoadedConfig;
  /** The files that the config was made of when it was read last. */
  readonly files: readonly string[];
  /** Reads the config again, with the same flags, and has the host run on it. @throws ConfigFileError; then nothing has changed */
  reload(): Promise<ReloadReport>;
}

/** Loads the config that the flags name and makes its host, not yet started. @throws ConfigFileError with every problem */
export async function openHost(options: {
  config: string | undefined;
  raw: readonly string[];
  log: Logger;
  /** Last changes to the config, such as dropping `listen`. */
  change?: (config: Config) => Config;
  insecureNoAuth?: boolean;
  /** Standard input is the protocol's, so nobody is asked for inputs. */
  stdio?: boolean;
}): Promise<Opened> {
  const { log, change = (config: Config) => config } = options;
  const load = async (mayAsk: boolean): Promise<LoadedConfig> => {
    const loaded = await loadConfig(options.config, await loadOptions(options.raw, mayAsk));
    for (const warning of loaded.warnings) log.warn(warning, { config: loaded.path });
    return loaded;
  };
  const loaded = await load(options.stdio !== true);
  let { files } = loaded;
  try {
    const host = createHost(change(loaded.config), {
      folder: loaded.folder,
      log,
      ...(options.insecureNoAuth && { insecureNoAuth: true }),
    });
    const reload = async (): Promise<ReloadReport> => {
      const again = await load(false); // whoever asks for a reload is not at this terminal
      files = again.files;
      return host.reload(change(again.config)).catch((error: unknown) => {
        throw located(error, loaded.path);
      });
    };
    return {
      host,
      loaded,
      get files() {
        return files;
      },
      reload,
    };
  } catch (error) {
    throw located(error, loaded.path);
  }
}

/** Starts a host; what is wrong with its plugins or its address is told like the rest of the config. */
export async function startHost({ host, loaded }: Opened): Promise<void> {
  try {
    await host.start();
  } catch (error) {
    await host.close();
    throw located(error, loaded.path);
  }
}

/** Loads and applies the plugins without starting anything. */
export async function prepare({ host, loaded }: Opened): Promise<void> {
  try {
    await host.prepare();
  } catch (error) {
    throw located(error, loaded.path);
  }
}

function located(error: unknown, path: string): unknown {
  return error instanceof ConfigError ? new ConfigFileError(error.problems, path) : error;
}
