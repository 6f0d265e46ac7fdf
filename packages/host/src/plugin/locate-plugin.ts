import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { installRemedy } from "../config/documentation.ts";
import { installedPlugins } from "../config/installed-plugins.ts";
import { nearestWord } from "../config/nearest.ts";
import { ConfigError } from "../errors.ts";
import { isObject } from "../wire/message.ts";

/** How the packages of plugins begin that a short name stands for: ours first. */
const PREFIXES = ["@host/plugin-", "mcp-host-plugin-"] as const;

/**
 * The file of a plugin. A path is relative to the config; a name is looked for from the config's folder, the working directory, and
 * beside the host. One without a scope is short, as `cache`: no package of anybody else is taken for a plugin because it has that name.
 * @param place where the config names it
 * @throws ConfigError where it is not there, with the installed one that may be meant
 */
export function locatePlugin(use: string, folder: string, place: string): string {
  if (use.startsWith(".") || isAbsolute(use)) {
    const file = resolve(folder, use);
    if (!existsSync(file)) throw new ConfigError([`${place}: there is no file ${file}`]);
    return file;
  }
  const bases = [join(folder, "_"), join(process.cwd(), "_"), import.meta.filename];
  const names = isShort(use) ? PREFIXES.map((prefix) => `${prefix}${use}`) : [use];
  // Whoever is first by its name is meant, wherever it is.
  for (const name of names)
    for (const base of bases) {
      const found = resolveFrom(base, name);
      if (found) return found;
    }
  throw new ConfigError([`${place}: plugin "${use}" is not installed${advice(use, folder, bases)}`]);
}

function isShort(use: string): boolean {
  return !use.startsWith("@") && !PREFIXES.some((prefix) => use.startsWith(prefix));
}

/** What may be meant, and what else to do. */
function advice(use: string, folder: string, bases: readonly string[]): string {
  const installed = new Map(installedPlugins(bases.map(dirname)).map((name) => [shortOf(name), name]));
  const near = nearestWord(shortOf(use), [...installed.keys()]);
  const meant = near === undefined ? "" : ` (did you mean "${isShort(use) ? near : installed.get(near)}"?)`;
  if (!isShort(use)) return `${meant}; ${near === undefined ? "" : "if not, "}${installRemedy(use, folder)}`;
  const [base = ""] = bases;
  const stranger = resolveFrom(base, use);
  const path =
    stranger === undefined ? "" : `; the package "${use}" is not taken for one: if it is yours, write ./${relative(folder, stranger)}`;
  return `${meant}; a name without a scope stands for ${PREFIXES.map((prefix) => prefix + use).join(" or ")}${path}`;
}

/** What tells plugins apart: the name without what all of them begin with. */
function shortOf(name: string): string {
  return name.replace(/^(?:@[^/]*\/)?(?:mcp-host-)?(?:plugin-)?/, "");
}

/** The file of an ESM package: `require.resolve` finds the folder, and `import` conditions choose the file. */
function resolveFrom(base: string, name: string): string | undefined {
  const require = createRequire(base);
  try {
    return require.resolve(name);
  } catch (error) {
    // A package that exports only to `import` is found by its package.json.
    const exported = (error as NodeJS.ErrnoException).code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
    if (!exported) return undefined;
  }
  try {
    const manifest = require.resolve(`${name}/package.json`);
    const { exports, main } = require(manifest) as { exports?: unknown; main?: string };
    const entry = importEntry(exports) ?? main ?? "index.js";
    return resolve(manifest, "..", entry);
  } catch {
    return undefined;
  }
}

function importEntry(exports: unknown): string | undefined {
  if (typeof exports === "string") return exports;
  return isObject(exports) ? importEntry(exports["."] ?? exports.import ?? exports.default) : undefined;
}
