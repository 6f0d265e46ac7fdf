import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** What packages of plugins are called: the stock ones and those of others. */
const NAMES = /^(?:@host\/plugin-|(?:@[^/]+\/)?mcp-host-plugin-)[\w.-]+$/;

/** The names of all plugins that can be resolved from a folder, sorted. */
export function installedPlugins(folders: readonly string[]): string[] {
  const names = new Set<string>();
  const seen = new Set<string>();
  for (const folder of folders)
    for (let at = folder; !seen.has(at); at = dirname(at)) {
      seen.add(at);
      for (const name of packagesIn(join(at, "node_modules"))) if (NAMES.test(name)) names.add(name);
    }
  return [...names].sort();
}

function packagesIn(folder: string): string[] {
  return list(folder).flatMap((name) => (name.startsWith("@") ? list(join(folder, name)).map((inner) => `${name}/${inner}`) : name));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // there is none
  }
}
