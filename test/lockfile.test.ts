import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./harness/hosts.ts";

interface Entry {
  resolved?: string;
  link?: boolean;
  libc?: unknown;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const LOCKFILES = ["package-lock.json", "test/conformance/package-lock.json", "test/nodes/package-lock.json", "test/zoo/package-lock.json"];
const entries = (file: string): Record<string, Entry> =>
  (JSON.parse(readFileSync(join(ROOT, file), "utf8")) as { packages: Record<string, Entry> }).packages;

/** The folders in which Node looks for what `folder` imports. */
function places(folder: string): string[] {
  const parts = folder.split("/");
  return [...parts.map((_, index) => parts.slice(0, parts.length - index).join("/")), ""];
}

// npm writes what is missing when it installs, and a fresh clone has a change that nobody made. What is for another platform goes
// missing where npm made the file from a node_modules that is there.
test.each(LOCKFILES)("%s has everything that its packages depend on, those for other platforms too", (file) => {
  const all = entries(file);
  const missing = Object.entries(all).flatMap(([folder, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !places(folder).some((place) => join(place, "node_modules", name) in all))
      .map((name) => `${folder} depends on ${name}`),
  );
  expect(missing, "remove node_modules and run `npm install`").toEqual([]);
});

test.each(LOCKFILES)("%s says what the manifests say", (file) => {
  const fields = ["version", "dependencies", "devDependencies", "peerDependencies"];
  const all = Object.entries(entries(file)).filter(([folder]) => !folder.includes("node_modules"));
  for (const [folder, entry] of all) {
    const manifest = JSON.parse(readFileSync(join(ROOT, dirname(file), folder, "package.json"), "utf8"));
    const of = (from: object): unknown => Object.fromEntries(Object.entries(from).filter(([field]) => fields.includes(field)));
    expect(of(entry), `${folder}: run \`npm install\``).toEqual(of(manifest));
  }
});

test.each(LOCKFILES)("%s is what any npm leaves it as, from any registry", (file) => {
  const all = Object.values(entries(file));
  expect(all.filter(({ resolved, link }) => resolved !== undefined && !link)).toEqual([]);
  // npm 10, which comes with Node 20 and 22, takes it out; npm 11 does not put it back.
  expect(all.filter(({ libc }) => libc !== undefined).length, "run `npx -y npm@10 install --package-lock-only`").toBe(0);
});
