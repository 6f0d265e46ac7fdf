import { createWriteStream } from "node:fs";
import { copyFile, mkdir, open, stat, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { sha256Of } from "./bundle-folder.ts";
import { LIMITS } from "./bundle-limits.ts";

/** What `mcpb sign` puts behind the zip: its beginning, and its end. */
const SIGNATURE_BEGIN = "MCPB_SIG_V1";
const SIGNATURE_END = "MCPB_SIG_END";
/** A signature with its certificates is no longer. */
const LONGEST_SIGNATURE = 1024 * 1024;
/** What a file may have unpacked whatever its packed size: small texts pack well. */
const FREE_BYTES = 1024 * 1024;

/** The type of a file among the bits of its mode, and two that it may be; without any it is what its name says. */
const TYPE = 0o170000;
const FOLDER = 0o040000;
const REGULAR = 0o100000;

/** Copies a bundle, so that it cannot change while it is read, without its signature. @returns the SHA-256 of the whole @throws Error in words */
export async function copyBundle(from: string, to: string): Promise<string> {
  const found = await stat(from).catch(() => undefined);
  if (!found) throw new Error(`there is no file ${from}`);
  if (!found.isFile()) throw new Error(`${from} is no file; a bundle is a .mcpb file`);
  if (found.size > LIMITS.bundleBytes) throw new Error(`${from} has ${found.size} bytes, and a bundle may have ${LIMITS.bundleBytes}`);
  await copyFile(from, to);
  const sha256 = await sha256Of(to);
  const size = await sizeWithoutSignature(to);
  if (size !== undefined) await truncate(to, size);
  return sha256;
}

async function sizeWithoutSignature(path: string): Promise<number | undefined> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  const length = Math.min(size, LONGEST_SIGNATURE);
  const end = Buffer.alloc(length);
  await file.read(end, 0, length, size - length);
  if (!end.subarray(-SIGNATURE_END.length).equals(Buffer.from(SIGNATURE_END))) return undefined;
  const begin = end.lastIndexOf(SIGNATURE_BEGIN);
  return begin === -1 ? undefined : size - length + begin;
}

/**
 * Unpacks a bundle into a folder that is there and empty. Files are their owner's alone.
 * @throws Error that says what a bundle may not hold: too much, links, names that lead out of the folder, one name twice
 */
export async function unpack(path: string, folder: string): Promise<void> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path, { autoClose: false, lazyEntries: true, strictFileNames: true, validateEntrySizes: true });
  } catch (error) {
    throw new Error(`it is no zip file: ${(error as Error).message}`); // yauzl throws Errors
  }
  try {
    if (zip.entryCount > LIMITS.entries) throw new Error(`it has ${zip.entryCount} entries, and a bundle may have ${LIMITS.entries}`);
    let total = 0;
    // Names that lead out of the folder are refused by yauzl: absolute ones, "..", and backslashes.
    for await (const entry of zip.eachEntry()) {
      checkEntry(entry);
      total += entry.uncompressedSize;
      if (total > LIMITS.totalBytes) throw new Error(`it unpacks to more than ${LIMITS.totalBytes} bytes`);
      await unpackEntry(zip, entry, join(folder, entry.fileName));
    }
  } finally {
    zip.close();
  }
}

function checkEntry(entry: Entry): void {
  const { fileName, compressedSize, uncompressedSize, externalFileAttributes } = entry;
  const told = JSON.stringify(fileName.slice(0, 200));
  const type = (externalFileAttributes >>> 16) & TYPE;
  // A colon is a drive or a stream on Windows, and a control character nobody's.
  if (/[\p{Cc}:]/u.test(fileName) || fileName.length > 1_000) throw new Error(`its entry ${told} has a name that no file may have`);
  if (type !== 0 && type !== FOLDER && type !== REGULAR)
    throw new Error(`its entry ${told} is a link or a device, and a bundle may hold files and folders alone`);
  if (entry.isEncrypted()) throw new Error(`its entry ${told} is encrypted`);
  if (uncompressedSize > LIMITS.fileBytes)
    throw new Error(`its entry ${told} unpacks to ${uncompressedSize} bytes, and a file may have ${LIMITS.fileBytes}`);
  if (uncompressedSize > FREE_BYTES && uncompressedSize > compressedSize * LIMITS.ratio)
    throw new Error(`its entry ${told} unpacks to more than ${LIMITS.ratio} times its size`);
}

async function unpackEntry(zip: ZipFile, entry: Entry, path: string): Promise<void> {
  const told = JSON.stringify(entry.fileName.slice(0, 200));
  try {
    if (entry.fileName.endsWith("/")) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      return;
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const isProgram = ((entry.externalFileAttributes >>> 16) & 0o111) !== 0;
    // A stream that has more than the entry says fails: what was counted before is what is written.
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path, { flags: "wx", mode: isProgram ? 0o700 : 0o600 }));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException; // fs and yauzl throw Errors
    const why = code === "EEXIST" || code === "ENOTDIR" || code === "EISDIR" ? "there is another of its name" : message;
    throw new Error(`its entry ${told} cannot be unpacked: ${why}`);
  }
}
