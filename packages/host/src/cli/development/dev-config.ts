import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type LoadedConfig, type LoadOptions, loadConfig } from "../../config/load.ts";
import type { Config, PluginConfig } from "../../config/schema.ts";
import { importPlugin, nameOf, normalized } from "../../plugin/load.ts";
import { withLocalImports } from "../../plugin/local-imports.ts";
import { locatePlugin } from "../../plugin/locate-plugin.ts";
import type { Json } from "../../wire/message.ts";

/** A plugin under development. */
export interface DevPlugin {
  /** Absolute. */
  readonly file: string;
  /** As the command line gives them. */
  readonly options?: Readonly<Json>;
}

/** What the built-in server is called. */
export const SAMPLE = "sample";

/** What the config says of a plugin's entry besides which plugin it is. */
type Settings = Readonly<Record<string, unknown>>;

/** Where an entry stands, and how it is told of. */
interface Place {
  readonly plugin: DevPlugin;
  /** Whether the config's own entry says the options. */
  readonly isConfigs: boolean;
}

/** The config of a host with plugins under development: that of a file, or a server that comes with the host, and the plugins. */
export class DevConfig {
  /** Whether the plugins are in it. Those that could not be used from the beginning are left out until they are mended. */
  isWhole = true;
  /** Whether the host runs with them: those that never could be used wait for a save. */
  isIn = true;
  readonly #plugins: readonly DevPlugin[];
  readonly #config: string | undefined;
  /** What each file's plugin was called when it could be loaded last. */
  readonly #names = new Map<string, string>();
  /** By index in `plugins`. */
  #places: ReadonlyMap<number, Place> = new Map();

  /** @param config its file, if there is one */
  constructor(plugins: readonly DevPlugin[], config: string | undefined) {
    this.#plugins = plugins;
    this.#config = config;
  }

  /** Reads it anew. @throws ConfigFileError for a file that cannot be used */
  async read(options: LoadOptions): Promise<LoadedConfig> {
    const loaded = this.#config === undefined ? this.#builtIn() : await loadConfig(this.#config, options);
    const files = [...loaded.files, ...this.#plugins.flatMap(({ file }) => withLocalImports(file))];
    const written = (loaded.config.plugins ?? []) as readonly PluginConfig[]; // what an entry says besides which plugin it is passes as it is
    return { ...loaded, files, config: { ...loaded.config, plugins: await this.#placed(written, loaded.folder) } };
  }

  #builtIn(): LoadedConfig {
    const path = this.#plugins[0]?.file ?? ""; // the command wants one
    const args = [fileURLToPath(new URL("./sample-server.js", import.meta.url))];
    // A process for each client: what it asks of one could not be told from what it asks of another.
    const server = { command: process.execPath, args, isolation: "session" as const };
    // Nobody waits here for calls of a host that ends.
    const config = { drain: 0, mcpServers: { [SAMPLE]: server } };
    return { config, path, folder: dirname(path), files: [], warnings: [], unset: [] };
  }

  /** The entries of a config with each plugin in the place of its own, or behind them. */
  async #placed(written: readonly PluginConfig[], folder: string): Promise<Config["plugins"]> {
    const entries = [...written] as NonNullable<Config["plugins"]>; // as above
    const places = new Map<number, Place>();
    for (const plugin of this.#plugins) {
      const index = await this.#indexOf(plugin, written, folder);
      const own = index === -1 ? undefined : settingsOf(written[index] as PluginConfig); // there is one at the index
      if (!this.isWhole) {
        // Its entry names what cannot be used, or an older version of it.
        if (index !== -1) entries[index] = { use: plugin.file, enabled: false };
        continue;
      }
      places.set(index === -1 ? entries.length : index, { plugin, isConfigs: own !== undefined && plugin.options === undefined });
      const entry = { ...own, use: plugin.file, ...(plugin.options && { options: plugin.options }) };
      if (index === -1) entries.push(entry);
      else entries[index] = entry;
    }
    this.#places = places;
    return entries;
  }

  /** Which entry of a config is the plugin's: that of its file, else of its name. */
  async #indexOf({ file }: DevPlugin, written: readonly PluginConfig[], folder: string): Promise<number> {
    const index = written.findIndex((entry) => fileOf(entry, folder) === realPath(file));
    if (index !== -1) return index;
    const name = await this.#nameOf(file);
    if (name === undefined) return -1;
    for (const [at, entry] of written.entries()) if ((await idOf(entry, folder)) === name) return at;
    return -1;
  }

  async #nameOf(file: string): Promise<string | undefined> {
    const name = await definedName(file, dirname(file));
    if (name !== undefined) this.#names.set(file, name);
    return this.#names.get(file);
  }

  /** A problem as whoever gave the files reads it: with the flag that is wrong, or the line of the file. */
  problem(text: string): string {
    // linear: digits end at the bracket
    const [, index, rest = ""] = /^plugins\[(\d+)\](.*)$/s.exec(text) ?? [];
    const place = index === undefined ? undefined : this.#places.get(Number(index));
    if (!place) return text;
    const { plugin, isConfigs } = place;
    if (rest.startsWith(".options") && !isConfigs) return `--options${rest.slice(".options".length)}`;
    const { file } = plugin;
    const loading = `: plugin "${file}" could not be loaded from ${file}: `;
    if (rest.startsWith(loading)) return withFile(file, rest.slice(loading.length));
    return rest.startsWith(": ") ? rest.slice(2) : text;
  }
}

/** What is wrong with a module, with the file before line and column. */
function withFile(file: string, problem: string): string {
  if (problem.startsWith("in ")) return problem.slice("in ".length);
  return `${file}${/^\d+:\d+: /.test(problem) ? ":" : ": "}${problem}`;
}

/** What an entry says, whichever form it has, but for the plugin and whether it is switched off. */
function settingsOf(entry: PluginConfig): Settings {
  const { use: _, plugin: __, enabled: ___, ...settings } = normalized(entry) as ReturnType<typeof normalized> & { enabled?: unknown };
  return settings;
}

/** What an entry's plugin is called in the host; undefined where it cannot be loaded, which is told when the host does. */
async function idOf(entry: PluginConfig, folder: string): Promise<string | undefined> {
  const { id, plugin } = normalized(entry);
  return id ?? plugin?.definition.name ?? (await definedName(nameOf(entry), folder));
}

async function definedName(use: string, folder: string): Promise<string | undefined> {
  try {
    const { definition } = await importPlugin(use, folder, use);
    return typeof definition.name === "string" ? definition.name : undefined;
  } catch {
    return undefined; // whoever loads it for the host tells why
  }
}

/** The file of an entry; undefined where it is not there, or made in code. */
function fileOf(entry: PluginConfig, folder: string): string | undefined {
  if (normalized(entry).plugin) return undefined;
  try {
    return realPath(locatePlugin(nameOf(entry), folder, ""));
  } catch {
    return undefined; // whoever loads it tells why
  }
}

/** A file that is being replaced may not be there for a moment. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
