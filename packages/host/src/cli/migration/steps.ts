import { placeOf } from "../../config/parse.ts";
import { isPlainObject } from "../../config/plain.ts";
import { strangerOf } from "../../plugin/locate-plugin.ts";
import type { Change, Step } from "./migrate.ts";

/** The steps from version 1 to the one of today, in their order; docs/migrating.md has a section for each. */
export const STEPS: readonly Step[] = [{ to: 2, changes: packagesByPath }];

/** A package whose name does not say that it is a plugin is named by the path of its file. */
function packagesByPath(config: unknown, folder: string): Change[] {
  const plugins = isPlainObject(config) && Array.isArray(config.plugins) ? config.plugins : [];
  return plugins.flatMap((entry, index) => {
    const [name, path] = nameIn(entry, ["plugins", index]);
    const file = typeof name === "string" ? strangerOf(name, folder) : undefined;
    return file === undefined ? [] : [{ path, value: file, told: `${placeOf(path)}: the package "${name}" is now "${file}"` }];
  });
}

/** What an entry names, and where. */
function nameIn(entry: unknown, path: readonly (string | number)[]): [name: unknown, path: readonly (string | number)[]] {
  if (Array.isArray(entry)) return [entry[0], [...path, 0]];
  return isPlainObject(entry) ? [entry.use, [...path, "use"]] : [entry, path];
}
