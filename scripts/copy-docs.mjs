// Part of the host's build: docs/ goes into its package, where what it prints refers to. Only what has changed is written, so that one
// `npm pack` does not read what another writes.
import { cpSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const isSame = (from, to) => existsSync(to) && readFileSync(from).equals(readFileSync(to));
cpSync(join(root, "docs"), join(root, "packages/host/dist/docs"), {
  recursive: true,
  filter: (from, to) => statSync(from).isDirectory() || !isSame(from, to),
});
