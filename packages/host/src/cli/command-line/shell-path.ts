import { existsSync } from "node:fs";
import { delimiter } from "node:path";

/**
 * The folders of the shell's PATH, each once, without what npm puts before them and is not there: `node_modules/.bin` of each folder
 * upwards, and tools of its own.
 */
export function shellPath(): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const kept = folders.filter(
    (folder) => !/[/\\]node-gyp-bin$/.test(folder) && (!/node_modules[/\\]\.bin$/.test(folder) || existsSync(folder)),
  );
  return [...new Set(kept)];
}
