import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "./hosts.ts";

/** What a clone does not have. */
const MADE = new Set(["node_modules", "dist", "coverage", ".turbo", ".git"]);

/**
 * Copies the repository, as a clone has it, into the folder `to`, which must not be there yet. Its packages are found in it, as
 * after `npm install`; what they depend on is this repository's installation, so that nothing is downloaded.
 */
export function copyRepository(to: string): void {
  cpSync(ROOT, to, { recursive: true, filter: (from) => !MADE.has(basename(from)) });
  const nested = readdirSync(join(ROOT, "packages")).map((name) => join("packages", name, "node_modules"));
  for (const modules of ["node_modules", ...nested]) if (existsSync(join(ROOT, modules))) link(join(ROOT, modules), join(to, modules));
}

function link(modules: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(modules)) {
    const from = join(modules, name);
    if (lstatSync(from).isSymbolicLink())
      symlinkSync(readlinkSync(from), join(to, name)); // relative: a package of the copy
    else if (name.startsWith("@")) link(from, join(to, name));
    // A server that is run has its own folder, so that what it writes beside itself stays in the copy.
    else if (name.startsWith("server-")) cpSync(from, join(to, name), { recursive: true });
    else symlinkSync(from, join(to, name));
  }
}
