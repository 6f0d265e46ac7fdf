import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { stateFolder } from "../../config/backup.ts";
import { locateConfig } from "../../config/locate.ts";

/** The flags that say where a daemon keeps its files. */
export interface DaemonFileFlags {
  config?: string | undefined;
  "pid-file"?: string | undefined;
  "log-file"?: string | undefined;
}

/** Where a daemon's files are, all absolute. */
export interface DaemonFiles {
  readonly config: string;
  readonly pidFile: string;
  readonly logFile: string;
}

/** The files of the daemon with this config. By default they are named after the config, so that daemons can run side by side. @throws ConfigFileError when there is none */
export async function daemonFiles(flags: DaemonFileFlags): Promise<DaemonFiles> {
  const config = await locateConfig(flags.config);
  const name = `${basename(dirname(config))}-${createHash("sha256").update(config).digest("hex").slice(0, 8)}`;
  const own = (given: string | undefined, ending: string): string => resolve(given ?? join(stateFolder(), `${name}.${ending}`));
  return { config, pidFile: own(flags["pid-file"], "pid"), logFile: own(flags["log-file"], "log") };
}
