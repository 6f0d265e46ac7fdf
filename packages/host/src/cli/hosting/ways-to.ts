import { lstatSync, readlinkSync } from "node:fs";
import { dirname, join, parse, resolve, sep } from "node:path";

/** Links on the way to one file; more are a circle. */
const LINKS = 40;

/** A file's own path, and every link on the way to what it stands for: whichever is replaced, the path stands for another file. */
export function waysTo(file: string): string[] {
  const ways = new Set([file]);
  let path = resolve(file);
  for (let links = 0; links < LINKS; links++) {
    const link = firstLink(path);
    if (link === undefined) break;
    ways.add(link.path);
    path = resolve(dirname(link.path), link.target, link.rest);
  }
  ways.add(path);
  return [...ways];
}

/** The first part of a path that is a link, where it leads, and what of the path comes behind it. */
function firstLink(path: string): { path: string; target: string; rest: string } | undefined {
  const { root } = parse(path);
  const parts = path.slice(root.length).split(sep);
  let at = root;
  for (const [index, part] of parts.entries()) {
    at = join(at, part);
    try {
      if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
      return { path: at, target: readlinkSync(at), rest: parts.slice(index + 1).join(sep) };
    } catch {
      return undefined; // it went meanwhile, or nobody may look
    }
  }
  return undefined;
}
