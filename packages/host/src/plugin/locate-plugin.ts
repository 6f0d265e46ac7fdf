import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
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
  const found = packaged(use, folder);
  if (found) return found;
  throw new ConfigError([`${place}: plugin "${use}" is not installed${advice(use, folder)}`]);
}

/**
 * The path, relative to the config, of a package that is no plugin by its name, `acme-guard`: before version 2 of configs it was
 * taken for one. Undefined where the name stands for another, or there is none.
 */
export function strangerOf(use: string, folder: string): string | undefined {
  if (use.startsWith(".") || isAbsolute(use) || !isShort(use) || packaged(use, folder)) return undefined;
  const file = resolved(use, folder);
  if (file === undefined) return undefined;
  const path = relative(folder, file).split(sep).join("/");
  return path.startsWith("..") ? path : `./${path}`;
}

function packaged(use: string, folder: string): string | undefined {
  const names = isShort(use) ? PREFIXES.map((prefix) => `${prefix}${use}`) : [use];
  // Whoever is first by its name is meant, wherever it is.
  for (const name of names) {
    const found = resolved(name, folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A module of Node's own is nobody's package. */
function resolved(name: string, folder: string): string | undefined {
  for (const base of basesOf(folder)) {
    const found = resolveFrom(base, name);
    if (found !== undefined && isAbsolute(found)) return found;
  }
  return undefined;
}

function basesOf(folder: string): string[] {
  return [join(folder, "_"), join(process.cwd(), "_"), import.meta.filename];
}

function isShort(use: string): boolean {
  return !use.startsWith("@") && !PREFIXES.some((prefix) => use.startsWith(prefix));
}

/** What may be meant, and what else to do. */
function advice(use: string, folder: string): string {
  const installed = new Map(installedPlugins(basesOf(folder).map(dirname)).map((name) => [shortOf(name), name]));
  const near = nearestWord(shortOf(use), [...installed.keys()]);
  const meant = near === undefined ? "" : ` (did you mean "${isShort(use) ? near : installed.get(near)}"?)`;
  if (!isShort(use)) return `${meant}; ${near === undefined ? "" : "if not, "}${installRemedy(use, folder)}`;
  const stranger = strangerOf(use, folder);
  const path =
    stranger === undefined
      ? ""
      : `; the package "${use}" is not taken for one: if it is meant, write ${stranger}, or run \`mcp-host config migrate\``;
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
