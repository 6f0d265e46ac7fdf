import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { stateFolder } from "../../config/backup.ts";
import { replaceFile } from "../../config/replace.ts";
import type { Json } from "../../wire/message.ts";
import type { EntryChange } from "../clients/client-file.ts";

/** What `install` did to a client's file, so that `uninstall` can undo it. */
export interface Installation {
  /** The client's file. */
  readonly path: string;
  /** What the host is called there. */
  readonly name: string;
  /** The servers that were taken out. */
  readonly entries: readonly EntryChange[];
  /** Questions of VS Code that only these servers asked. */
  readonly inputs: readonly Json[];
  /** The copy of the file as it was before; undefined where there was none, or where somebody else has changed it since. */
  readonly before?: string | undefined;
  /** A digest of the file as it was written last. */
  readonly after: string;
}

/** The copy that the file can become again to the letter: it still is what was written last. */
export function copyBefore({ before, after }: Installation, text: string | undefined): string | undefined {
  return before !== undefined && existsSync(before) && text !== undefined && digest(text) === after ? before : undefined;
}

export function installationIn(path: string, name: string): Installation | undefined {
  const file = recordFile(path, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Installation) : undefined; // `keep` wrote it
}

/** Remembers an installation. What was taken out may hold secrets, so only its owner may read it. @param text what was written */
export function keep(installation: Omit<Installation, "after">, text: string): void {
  mkdirSync(recordFolder(), { recursive: true, mode: 0o700 });
  replaceFile(recordFile(installation.path, installation.name), `${JSON.stringify({ ...installation, after: digest(text) })}\n`);
}

export function forget({ path, name }: Installation): void {
  rmSync(recordFile(path, name), { force: true });
}

function recordFolder(): string {
  return join(stateFolder(), "installed");
}

/** One file for each client's file and each name that the host has in it. */
function recordFile(path: string, name: string): string {
  const real = existsSync(path) ? realpathSync(path) : resolve(path);
  return join(recordFolder(), `${digest(`${name}\n${real}`).slice(0, 16)}.json`);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
