import { builtinModules } from "node:module";
import { COMMAND_NAMES } from "../../plugin/command-names.ts";

/** The longest name that npm takes. */
const LONGEST = 214;
const NEVER: ReadonlySet<string> = new Set(["node_modules", "favicon.ico"]);

/** Why npm takes no new package of this name, in words that follow "it"; undefined where it does. */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.length > LONGEST) return `has ${name.length} characters, and npm allows ${LONGEST}`;
  if (name.startsWith("@") && !/^@[^/]+\/[^/]+$/.test(name)) return "has a scope and no name; write @scope/name";
  const parts = name.startsWith("@") ? name.slice(1).split("/") : [name];
  for (const part of parts) {
    if (/^[._-]/.test(part)) return `begins with "${part[0]}"`;
    if (/[A-Z]/.test(part)) return "has capital letters";
    const [odd] = /[^a-z0-9._-]/u.exec(part) ?? [];
    if (odd !== undefined) return odd === " " ? "has a blank" : `has the character ${JSON.stringify(odd)}`;
  }
  const own = parts.at(-1) as string; // there is one
  if (NEVER.has(own)) return "is a name that npm keeps for itself";
  return parts.length === 1 && builtinModules.includes(own) ? "is that of a module of Node.js" : undefined;
}

/** What a package without a scope begins with that configs find by the plugin's name. */
const PREFIX = "mcp-host-plugin-";

/** Whether a config finds a plugin by the name of its package. */
export function isFoundByName(name: string): boolean {
  return name.startsWith("@") || name.startsWith(PREFIX);
}

/** The package's name for a folder: one that configs find. */
export function packageNameOf(folder: string): string {
  return isFoundByName(folder) ? folder : `${PREFIX}${folder}`;
}

/** A name like this one that npm takes and configs find, if one can be made of it. */
export function nearName(name: string): string | undefined {
  const [, scope, own = name] = /^@([^/]*)\/(.*)$/s.exec(name) ?? [];
  const parts = [...(scope === undefined ? [] : [scope]), own].map(slug);
  if (parts.includes("")) return undefined;
  const near = parts.length === 2 ? `@${parts[0]}/${parts[1]}` : packageNameOf(parts[0] as string); // there is one
  return nameProblem(near) === undefined ? near : undefined;
}

function slug(text: string): string {
  const letters = text
    .slice(0, LONGEST)
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9._]/gu, "-");
  return letters
    .split("-")
    .filter(Boolean)
    .join("-")
    .replace(/^[._]+/, "");
}

/** What the plugin of a package is called in configs and on the command line: the package's name without scope and prefix. */
export function pluginName(packageName: string): string {
  const own = packageName.slice(packageName.lastIndexOf("/") + 1);
  const short = own.replace(/^(mcp-host-plugin-|mcp-host-|mcp-plugin-|plugin-)(?=.)/, "");
  // A plugin's name is the first word of its commands.
  return [short, own].find((name) => !COMMAND_NAMES.has(name)) ?? `${own}-plugin`;
}

/** Names that the files of a new plugin import. */
const IMPORTED: ReadonlySet<string> = new Set(["definePlugin", "testPlugin"]);

/** What the plugin is called in code: `quotaPlugin`, which is no word of the language. */
export function identifier(plugin: string): string {
  const words = plugin.split(/[^a-z0-9]+/).filter(Boolean);
  const all = words.at(-1) === "plugin" && words.length > 1 ? words : [...words, "plugin"];
  const name = all.map((word, index) => (index === 0 ? word : capital(word))).join("");
  return IMPORTED.has(name) || /^[0-9]/.test(name) ? `the${capital(name)}` : name;
}

/** With its first letter as a capital. */
export function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}
