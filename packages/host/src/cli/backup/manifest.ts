import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { z } from "zod";

/** The file of a backup that says what is in it. */
export const MANIFEST = "manifest.json";

const NAME = /^[\w.-]{1,200}$/;

const file = z.strictObject({
  what: z.string().min(1),
  /** Its name in the backup. */
  name: z.string().regex(NAME),
  /** Where it belongs: beside the config, in the home of whoever runs the host, or at an absolute path. */
  in: z.enum(["config", "home", "root"]),
  /** Below that, with slashes. */
  path: z.string().min(1),
  bytes: z.int().min(0),
  /** Of its bytes, hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What other programs put beside it, as ends of its name: it must be gone where the file is replaced. */
  beside: z.array(z.string().regex(NAME)),
});

const manifest = z.strictObject({
  form: z.literal(1),
  made: z.iso.datetime(),
  /** The version of mcp-host that made it. */
  host: z.string(),
  files: z.array(file).min(1),
  elsewhere: z.array(z.string()),
});

export type Manifest = z.output<typeof manifest>;
export type ManifestFile = z.output<typeof file>;

/** The manifest of a backup. @throws Error for what is none */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(
      `${folder} is no backup; name a folder that \`mcp-host backup\` has made. Its manifest cannot be read: ${(error as Error).message}`,
    ); // fs and JSON throw these
  }
  const read = manifest.safeParse(value);
  if (!read.success) throw new Error(`${path} is no manifest of this version: ${z.prettifyError(read.error)}`);
  return read.data;
}

/** Where a file belongs, as a backup says it for any machine. */
export function placeOf(path: string, folder: string): Pick<ManifestFile, "in" | "path"> {
  for (const [place, base] of [
    ["config", folder],
    ["home", homedir()],
  ] as const)
    if (isBelow(path, base)) return { in: place, path: relative(base, path).split(sep).join("/") };
  return { in: "root", path: path.split(sep).join("/") };
}

/** Where it belongs on this machine. @param folder of the config @throws Error for a place outside of what it is in */
export function targetOf({ in: place, path, what }: ManifestFile, folder: string): string {
  if (place === "root") {
    if (isAbsolute(path)) return path;
    throw new Error(`the ${what} of the backup belongs at ${path}, which is no absolute path`);
  }
  const base = place === "config" ? folder : homedir();
  const target = resolve(base, path);
  if (isBelow(target, base)) return target;
  throw new Error(`the ${what} of the backup belongs at ${path}, which is outside of ${base}`);
}

function isBelow(path: string, base: string): boolean {
  const way = relative(base, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
