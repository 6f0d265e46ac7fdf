import { checkCredentials } from "../../config/credentials.ts";
import { loadConfig } from "../../config/load.ts";
import { located } from "../../config/locate.ts";
import { parseConfig } from "../../config/parse.ts";
import { loadPlugins } from "../../plugin/load.ts";
import type { KeptFile } from "../../plugin/plugin.ts";
import { bundlesIn } from "../bundles/bundle-folder.ts";
import { loadOptions } from "../command-line/load-options.ts";

/** What a host cannot do without on another machine. */
export interface Inventory {
  /** The config's file, absolute. */
  readonly config: string;
  /** Where relative paths of the config begin. */
  readonly folder: string;
  /** The config, the credentials file, and what plugins keep; a file may not be there yet. */
  readonly kept: readonly KeptFile[];
  /** What the config reads besides, which nobody but its owner may carry elsewhere: files, variables and bundles, in words. */
  readonly elsewhere: readonly string[];
}

/** Finds what the host of a config keeps, whether it runs or not. @throws ConfigFileError where the config or a plugin cannot be used */
export async function inventoryOf(config: string | undefined, rawArgs: readonly string[]): Promise<Inventory> {
  const options = await loadOptions(rawArgs, false);
  const loaded = await loadConfig(config, options);
  const { path, folder } = loaded;
  return located(path, async () => {
    const plugins = await loadPlugins(parseConfig(loaded.config).plugins, folder);
    const { credentialsFile, credentials } = await checkCredentials(path, options);
    const isKept = ({ source }: (typeof credentials)[number]): boolean => source?.includes(credentialsFile.path) === true;
    return {
      config: path,
      folder,
      kept: [
        { what: "config", path },
        ...(credentials.some(isKept) ? [{ what: "credentials", path: credentialsFile.path }] : []),
        ...plugins.flatMap(({ definition, options: given }) => definition.keeps?.(given, { folder }) ?? []),
      ],
      elsewhere: [
        ...credentials.flatMap((each) => (isKept(each) || each.source === null ? [] : [`${each.name} (${each.source})`])),
        ...bundlesIn(loaded.config).map((bundle) => `the bundle in ${bundle}`),
      ],
    };
  });
}
