import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { stateFolder } from "../../config/backup.ts";
import { replaceFile } from "../../config/replace.ts";
import type { Json } from "../../wire/message.ts";
import type { EntryChange } from "../clients/client-file.ts";

/** What `install --replace` took out of a client's file, so that `uninstall` can put it back. */
export interface TakenOut {
  /** The client's file. */
  readonly path: string;
  /** What the host is called there. */
  readonly name: string;
  readonly entries: readonly EntryChange[];
  /** Questions of VS Code that only these servers asked. */
  readonly inputs: readonly Json[];
  /** The file before; undefined where somebody else has changed it since. */
  readonly before?: string | undefined;
  /** A digest of the file as it was written last. */
  readonly after: string;
}

/** Whether the file still is what was written last, and so can become what it was before, to the letter. */
export function isUntouched(taken: TakenOut, text: string | undefined): taken is TakenOut & { before: string } {
  return taken.before !== undefined && text !== undefined && digest(text) === taken.after;
}

export function takenOutOf(path: string, name: string): TakenOut | undefined {
  const file = recordFile(path, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as TakenOut) : undefined; // `keep` wrote it
}

/** Remembers what was taken out. The record holds what the client's file held, so only its owner may read it. */
export function keep(taken: Omit<TakenOut, "after">, text: string): void {
  mkdirSync(recordFolder(), { recursive: true, mode: 0o700 });
  replaceFile(recordFile(taken.path, taken.name), `${JSON.stringify({ ...taken, after: digest(text) })}\n`);
}

export function forget({ path, name }: TakenOut): void {
  rmSync(recordFile(path, name), { force: true });
}

function recordFolder(): string {
  return join(stateFolder(), "replaced");
}

/** One file for each client's file and each name that the host has in it. */
function recordFile(path: string, name: string): string {
  const real = existsSync(path) ? realpathSync(path) : resolve(path);
  return join(recordFolder(), `${digest(`${name}\n${real}`).slice(0, 16)}.json`);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
