import { ConfigFileError, type LoadedConfig, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { createHost, type Host } from "../host.ts";
import type { Logger } from "../log.ts";
import { loadOptions } from "./options.ts";

export interface Opened {
  readonly host: Host;
  readonly loaded: LoadedConfig;
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
  const loaded = await loadConfig(options.config, await loadOptions(options.raw, options.stdio !== true));
  for (const warning of loaded.warnings) options.log.warn(warning, { config: loaded.path });
  const config = options.change?.(loaded.config) ?? loaded.config;
  try {
    const host = createHost(config, {
      folder: loaded.folder,
      log: options.log,
      ...(options.insecureNoAuth && { insecureNoAuth: true }),
    });
    return { host, loaded };
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
