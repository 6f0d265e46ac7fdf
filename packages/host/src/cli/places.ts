import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { findConfig } from "../config/load.ts";

/** The flags that say where a daemon keeps its files. */
export interface PlaceFlags {
  config?: string | undefined;
  "pid-file"?: string | undefined;
  "log-file"?: string | undefined;
}

/** Where a daemon's files are, all absolute. */
export interface Places {
  readonly config: string;
  readonly pidFile: string;
  readonly logFile: string;
}

/** The folder of what outlives a daemon: `$XDG_STATE_HOME/mcp-host`, without that variable `~/.local/state/mcp-host`. */
export function stateFolder(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), ".local/state"), "mcp-host");
}

/** The files of the daemon with this config. By default they are named after the config, so that daemons can run side by side. @throws ConfigFileError when there is none */
export function placesOf(flags: PlaceFlags): Places {
  const config = findConfig(flags.config, process.cwd());
  const name = `${basename(dirname(config))}-${createHash("sha256").update(config).digest("hex").slice(0, 8)}`;
  const own = (given: string | undefined, ending: string): string => resolve(given ?? join(stateFolder(), `${name}.${ending}`));
  return { config, pidFile: own(flags["pid-file"], "pid"), logFile: own(flags["log-file"], "log") };
}
