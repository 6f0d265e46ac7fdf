import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { ConfigError } from "../errors.ts";
import { stateFolder } from "./backup.ts";
import { CODE_EXTENSIONS, locateConfig, located } from "./locate.ts";
import { writableByOthers } from "./permissions.ts";
import { replaceFile } from "./replace.ts";

/** Whether a config runs when it is read. */
export function isCode(path: string): boolean {
  return CODE_EXTENSIONS.some((extension) => extname(path).toLowerCase() === `.${extension}`);
}

/**
 * The config file that is meant, for whoever reads it. One that was named is meant to be read; one that was only found in the working
 * directory may be anybody's, as where a repository was just cloned, and is not run before somebody said that it may.
 * @throws ConfigFileError
 */
export async function locateReadable(path: string | undefined, cwd?: string): Promise<string> {
  const file = await locateConfig(path, cwd);
  if (path === undefined) await located(file, () => checkTrust(file));
  return file;
}

/** @throws ConfigError for a config in code that nobody has said may run, or not with what it holds now */
export function checkTrust(path: string): void {
  if (!isCode(path)) return;
  const known = trustedMark(path);
  if (known !== undefined && known === markOf(path)) return;
  const what = known === undefined ? "nobody has said that it may" : "it holds something else than when it was trusted";
  throw new ConfigError([
    `the config is code that runs when it is read, and ${what}: read it, and run \`mcp-host trust\`, or name it with --config ${basename(path)}`,
  ]);
}

/** Lets a config in code run wherever it is found, as long as it holds what it holds now. @throws Error of `fs` */
export function trust(path: string): void {
  const record = recordOf(path);
  mkdirSync(dirname(record), { recursive: true, mode: 0o700 });
  replaceFile(record, `${JSON.stringify({ path: realpathSync(path), sha256: markOf(path) })}\n`);
}

/** Takes that back. */
export function distrust(path: string): void {
  rmSync(recordOf(path), { force: true });
}

/** What the file held when it was trusted. A record that others could have written says nothing. */
function trustedMark(path: string): string | undefined {
  try {
    const record = recordOf(path);
    if (writableByOthers(record) !== undefined) return undefined;
    const { sha256 } = JSON.parse(readFileSync(record, "utf8")) as { sha256?: unknown }; // whatever else it is has none
    return typeof sha256 === "string" ? sha256 : undefined;
  } catch {
    return undefined; // there is none, or it was cut short
  }
}

function markOf(path: string): string {
  return sha256(readFileSync(path));
}

/** One for each file: what it held before is not trusted any more. */
function recordOf(path: string): string {
  return join(stateFolder(), "trusted", `${sha256(realpathSync(path)).slice(0, 32)}.json`);
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
