import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { BIN, PACKAGE } from "./installed.ts";
import { shellPath } from "./shell-path.ts";
import { shellWord } from "./shell-word.ts";

/**
 * What people type in this folder to run this very program. That is `npx mcp-host` only where npx finds it installed: elsewhere it would
 * fetch whatever has that name on npm.
 */
export function typedCommand(): string {
  if (isOnPath()) return "mcp-host";
  if (isInstalledAt(process.cwd())) return "npx mcp-host";
  const near = relative(process.cwd(), BIN);
  return `node ${shellWord(near.startsWith("..") ? BIN : near)}`;
}

/** A message that names commands of the host, with the words that people type. */
export function asTyped(message: string): string {
  return message.includes("`mcp-host ") ? message.replaceAll("`mcp-host ", `\`${typedCommand()} `) : message;
}

/** Whether the first `mcp-host` on the shell's PATH is this one. What npm puts before it is gone when the command is typed. */
function isOnPath(): boolean {
  const name = process.platform === "win32" ? "mcp-host.cmd" : "mcp-host";
  const folder = shellPath().find((each) => basename(each) !== ".bin" && existsSync(join(each, name)));
  if (folder === undefined) return false;
  // On Windows a script is there that starts the package beside it.
  return process.platform === "win32" ? isPackage(join(folder, "node_modules", "mcp-host")) : realpathSync(join(folder, name)) === BIN;
}

/** Whether what npx runs in this folder is this one: the nearest that is installed here or above. */
function isInstalledAt(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, "node_modules");
    if (existsSync(join(modules, ".bin", "mcp-host"))) return isPackage(join(modules, "mcp-host"));
    if (dirname(at) === at) return false;
  }
}

function isPackage(folder: string): boolean {
  return existsSync(folder) && realpathSync(folder) === PACKAGE;
}
