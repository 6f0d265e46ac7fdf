import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { stateFolder } from "../../config/backup.ts";
import { isObject } from "../../wire/message.ts";
import type { Manifest } from "./manifest.ts";

/** What a folder is called while a bundle is unpacked into it. */
const NEW = ".new-";
/** What a command that was killed has left is removed when it is so old. */
const STALE = 24 * 3_600_000;

/** Where bundles are unpacked to. */
export function bundlesFolder(): string {
  return join(stateFolder(), "bundles");
}

/** A folder for one bundle that is being added, gone at the end with all that is in it. */
export async function stagingFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const root = bundlesFolder();
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const name of await readdir(root)) {
    const path = join(root, name);
    const found = name.startsWith(NEW) ? await stat(path).catch(() => undefined) : undefined;
    if (found && Date.now() - found.mtimeMs > STALE) await rm(path, { recursive: true, force: true });
  }
  const path = await mkdtemp(join(root, NEW));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Where a bundle stays: by its name, its version, and what it is. Another file of the same version does not replace what a server runs from. */
export function folderOf({ name, version }: Manifest, sha256: string): string {
  return join(bundlesFolder(), `${slug(name)}-${version}-${sha256.slice(0, 12)}`);
}

/** The folder of the bundle that a server runs from, if it does. */
function bundleOf(server: unknown): string | undefined {
  const cwd = isObject(server) ? server.cwd : undefined;
  return typeof cwd === "string" && dirname(cwd) === bundlesFolder() ? cwd : undefined;
}

/** The folders of all bundles that a config's servers run from. */
export function bundlesIn(config: unknown): string[] {
  const servers = isObject(config) && isObject(config.mcpServers) ? Object.values(config.mcpServers) : [];
  return [...new Set(servers.flatMap((server) => bundleOf(server) ?? []))];
}

/** What is left of a server that was taken out of a config: a backup of the config may be put back, and another config may use it. */
export function bundleLeft(server: unknown): string[] {
  const folder = bundleOf(server);
  return folder === undefined
    ? []
    : [`its bundle stays in ${folder}, for backups of the config and other configs; remove that folder if none uses it`];
}

/** A name that a file, and a server of a config, may have. */
export function slug(name: string): string {
  const words = name
    .normalize("NFKD")
    .split(/[^A-Za-z0-9_]+/)
    .filter((word) => word !== "");
  return words.join("-").slice(0, 60) || "bundle";
}

/**
 * Puts an unpacked bundle where it stays; one that is there already is replaced as a whole.
 * @param staging where what was there waits until it is known that it is not needed any more
 * @returns what puts back how it was
 */
export async function putInPlace(unpacked: string, folder: string, staging: string): Promise<() => Promise<void>> {
  const before = join(staging, "before");
  const was = existsSync(folder);
  if (was) await rename(folder, before);
  try {
    await rename(unpacked, folder);
  } catch (error) {
    if (was) await rename(before, folder);
    throw error;
  }
  return async () => {
    await rename(folder, join(staging, "undone"));
    if (was) await rename(before, folder);
  };
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
