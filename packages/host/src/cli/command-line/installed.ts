import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";

/** How this copy of the host came here. */
export interface Installation {
  readonly how: "global" | "project" | "npx" | "linked" | "source";
  /** The package's folder, without symbolic links. */
  readonly folder: string;
  /** Whether it runs in a container. */
  readonly container: boolean;
}

/** In words, for people. */
export const INSTALLED: Readonly<Record<Installation["how"], string>> = {
  global: "as a global npm package",
  project: "as a package of a project",
  npx: "by npx, for this run",
  linked: "as a link to its source",
  source: "from source",
};

/** The folder of the package that runs, without symbolic links. */
export const PACKAGE = realpathSync(resolve(import.meta.dirname, "../../.."));
/** Its program, as a file that Node can be given: a path that stays when the host is built or installed anew. */
export const BIN = join(PACKAGE, "bin", "mcp-host.js");

const MODULES = `${sep}node_modules${sep}`;

/** How the running copy was installed, as far as its place tells. @param invoked the file that was run, symbolic links and all */
export function installation(invoked = process.argv[1] ?? ""): Installation {
  return { how: howOf(PACKAGE, resolve(invoked)), folder: PACKAGE, container: isContainer() };
}

function howOf(folder: string, invoked: string): Installation["how"] {
  const at = folder.indexOf(MODULES);
  // npm links a folder: it is run through node_modules, or through a link in a folder of programs, and lies elsewhere.
  if (at === -1) return invoked.startsWith(`${folder}${sep}`) ? "source" : "linked";
  const root = folder.slice(0, at);
  if (basename(dirname(root)) === "_npx") return "npx";
  // A global folder belongs to no project: npm's is <prefix>/lib, or on Windows <prefix> itself.
  return existsSync(join(root, "package.json")) ? "project" : "global";
}

function isContainer(): boolean {
  const { container, KUBERNETES_SERVICE_HOST } = process.env;
  return Boolean(container ?? KUBERNETES_SERVICE_HOST) || ["/.dockerenv", "/run/.containerenv"].some((file) => existsSync(file));
}
