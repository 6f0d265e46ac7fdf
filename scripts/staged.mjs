// The hook before a commit: checks what is staged, as it is staged, whatever the work tree has besides. Biome looks at the staged files, and
// the compiler at the whole tree where they can matter to it. It needs what `npm install` brings and nothing that is built.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
const staged = (filter) => git("diff", "--cached", "--name-only", "-z", `--diff-filter=${filter}`).split("\0").filter(Boolean);

/** Links what is installed, so that the packages of the tree find each other in it, and everything else here. */
function link(modules, to) {
  mkdirSync(to);
  for (const name of readdirSync(modules)) {
    const from = join(modules, name);
    if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), join(to, name));
    else if (name.startsWith("@")) link(from, join(to, name));
    else symlinkSync(from, join(to, name));
  }
}

/** Runs a program of what is installed. Gives whether all is well; what is not, it has said. */
function passes(tree, what, script, ...args) {
  const { status, error } = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], { cwd: tree, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.stderr.write(`\n${what}: what is staged does not pass, so nothing was committed.\n`);
  return status === 0;
}

function check() {
  const files = staged("ACMR");
  const isTyped = staged("ACMRD").some((name) => /\.[cm]?ts$|(^|\/)(package|tsconfig[^/]*)\.json$/.test(name));
  if (files.length === 0 && !isTyped) return true;
  const tree = mkdtempSync(join(tmpdir(), "mcp-host-staged-"));
  try {
    git("checkout-index", "--all", `--prefix=${tree}/`);
    const folders = ["", ...readdirSync(join(tree, "packages")).map((name) => join("packages", name))];
    for (const folder of folders) {
      const modules = join(root, folder, "node_modules");
      if (existsSync(modules)) link(modules, join(tree, folder, "node_modules"));
    }
    const biome = ["@biomejs/biome/bin/biome", "check", "--no-errors-on-unmatched", "--files-ignore-unknown=true", "--colors=off"];
    if (files.length > 0 && !passes(tree, "biome (`npm run format` mends most of it)", ...biome, ...files)) return false;
    if (!isTyped) return true;
    return passes(tree, "types", "typescript/bin/tsc", "-b") && passes(tree, "types of tests", "typescript/bin/tsc", "-p", "test");
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

if (!check()) process.exitCode = 1;
