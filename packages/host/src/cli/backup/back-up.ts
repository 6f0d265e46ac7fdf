import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { unwritable } from "../../config/unwritable.ts";
import { VERSION } from "../../version.ts";
import type { Inventory } from "./inventory.ts";
import { MANIFEST, type Manifest, type ManifestFile, placeOf } from "./manifest.ts";

/**
 * Copies what a host keeps into a new folder, which only its owner may read: it may hold secrets. The manifest comes last, so that a folder with
 * one is whole.
 * @throws Error where the folder is there already, or a file cannot be copied; then there is no folder
 */
export async function backUpTo(folder: string, { folder: beside, kept, elsewhere }: Inventory, now: Date): Promise<Manifest> {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    throw unwritable(folder, error);
  }
  try {
    const files: ManifestFile[] = [];
    for (const { what, path, copy, beside: others = [] } of kept) {
      if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue; // nothing was kept yet
      const name = `${files.length + 1}-${basename(path)
        .replace(/[^\w.-]/g, "_")
        .slice(-100)}`;
      const to = join(folder, name);
      if (copy) await copy(to);
      else copyFileSync(path, to);
      chmodSync(to, 0o600);
      flush(to);
      files.push({ what, name, ...placeOf(path, beside), bytes: statSync(to).size, sha256: await digestOf(to), beside: [...others] });
    }
    const manifest: Manifest = { form: 1, made: now.toISOString(), host: VERSION, files, elsewhere: [...elsewhere] };
    writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600, flush: true });
    return manifest;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

export async function digestOf(path: string): Promise<string> {
  const digest = createHash("sha256");
  for await (const chunk of createReadStream(path)) digest.update(chunk);
  return digest.digest("hex");
}

function flush(path: string): void {
  const opened = openSync(path, "r+");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
