import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { API_VERSION } from "../../version.ts";
import { PACKAGE } from "../command-line/installed.ts";
import type { Kind } from "./kinds.ts";
import { manifest } from "./manifest.ts";
import { capital, identifier, pluginName } from "./names.ts";

/** Names of files that npm would not pack, or would heed, as they are called among the templates. */
const RENAMED: ReadonlyMap<string, string> = new Map([["_gitignore", ".gitignore"]]);
const README = "README.md";

/** The files of a new plugin, by their paths from its folder. */
export function filesOf(name: string, kind: Kind): ReadonlyMap<string, string> {
  const fill = filler(name);
  const files = new Map([["package.json", manifest(name, kind)]]);
  // What each kind has of its own, and then what all have; of README.md that is the end.
  for (const folder of [kind, "every"])
    for (const [path, text] of templates(folder)) {
      const own = RENAMED.get(path) ?? path;
      files.set(own, own === README && files.has(own) ? `${files.get(own)}\n${fill(text)}` : fill(text));
    }
  return files;
}

function templates(folder: string): [path: string, text: string][] {
  const root = join(PACKAGE, "templates/plugin", folder);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(root.length + 1).replaceAll(sep, "/"), readFileSync(path, "utf8")]);
}

/** Puts the plugin's names in the place of those that the templates have. */
function filler(name: string): (text: string) => string {
  const plugin = pluginName(name);
  const inCode = identifier(plugin);
  const names: Readonly<Record<string, string>> = {
    "template-package": name,
    "template-plugin": plugin,
    templatePlugin: inCode,
    TemplatePlugin: capital(inCode),
    'host: "^1.0.0"': `host: "^${API_VERSION}"`,
  };
  return (text) =>
    text.replace(/template-package|template-plugin|templatePlugin|TemplatePlugin|host: "\^1\.0\.0"/g, (found) => names[found] ?? found);
}
