import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf } from "./back-up.ts";
import { type Manifest, type ManifestFile, targetOf } from "./manifest.ts";

/** What becomes of one file. */
export interface PutBack {
  readonly what: string;
  readonly path: string;
  /** `same`: it is there as the backup has it. */
  readonly state: "new" | "same" | "replaced";
  /** Where what was there is now. */
  readonly aside?: string;
}

/** What would be done, in the manifest's order. @throws Error for a file that is not what the manifest says */
export async function planOf(backup: string, { files }: Manifest, folder: string): Promise<readonly PutBack[]> {
  const plan: PutBack[] = [];
  for (const file of files) {
    const from = join(backup, file.name);
    if (!existsSync(from) || (await digestOf(from)) !== file.sha256)
      throw new Error(`the ${file.what} of the backup (${from}) is not as it was made; nothing was put back`);
    const path = targetOf(file, folder);
    const isThere = existsSync(path);
    const isSame = isThere && (await digestOf(path)) === file.sha256;
    plan.push({ what: file.what, path, state: isSame ? "same" : isThere ? "replaced" : "new" });
  }
  return plan;
}

/** Puts the files of a backup where they belong; what is there goes aside, with what other programs put beside it. */
export function putBack(backup: string, { files }: Manifest, plan: readonly PutBack[], now: Date): readonly PutBack[] {
  return plan.map((step, index) => {
    const file = files[index] as ManifestFile; // the plan has one step for each
    if (step.state === "same") return step;
    const { path } = step;
    const aside = `${path}.before-${now.toISOString().replaceAll(":", "-")}`;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.restored-${process.pid}`;
    try {
      copyFileSync(join(backup, file.name), temporary);
      chmodSync(temporary, 0o600);
      if (step.state === "replaced")
        for (const end of ["", ...file.beside]) if (existsSync(path + end)) renameSync(path + end, aside + end);
      renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
    return step.state === "replaced" ? { ...step, aside } : step;
  });
}
