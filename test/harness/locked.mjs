// Folders of the tests with dependencies of their own, which need not be those of the project, nor run on its oldest Node.
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";

/** Installs what the lockfile of a folder says, unless that is what is there. */
export function installLocked(folder) {
  const installed = statSync(join(folder, "node_modules/.package-lock.json"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (installed >= statSync(join(folder, "package-lock.json")).mtimeMs) return;
  // The project's engine-strict reaches us through `npm run`; the engine that counts here is another, or less than a package says.
  const flags = ["--ignore-scripts", "--engine-strict=false", "--loglevel=error", "--no-audit", "--no-fund"];
  execFileSync("npm", ["ci", ...flags], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
}
