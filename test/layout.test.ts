import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./harness/hosts.ts";

const SRC = join(ROOT, "packages/host/src");

/**
 * The floors of the host, from the ground up. Each may import what stands before it here and never what stands behind it;
 * types count like code, and so do imports that wait until they are needed.
 */
const FLOORS = [
  "wire",
  "exchange",
  "config",
  "upstream",
  "plugin",
  "pipeline",
  "session",
  "front",
  "host",
  "operator",
  "cli",
  "testing",
] as const;

/** The files at the root: `index.ts` is the roof, which only re-exports; the others are the ground, on which everything may stand. */
const GROUND = ["errors.ts", "log.ts", "redact.ts", "version.ts"];
const ROOF = "index.ts";

/** Source files below a folder, as absolute paths. */
function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !/(^|\/)(node_modules|dist)\//.test(name))
    .map((name) => join(ROOT, folder, name));
}

const packages = (): string[] => readdirSync(join(ROOT, "packages"));
const allSources = (): string[] => packages().flatMap((name) => sources(`packages/${name}/src`));

interface Import {
  /** Paths below src. */
  readonly from: string;
  readonly to: string;
}

/** Every import of one file of the host by another: of code, of types, and of what is loaded later. */
function imports(): Import[] {
  return sources("packages/host/src").flatMap((file) => {
    const text = readFileSync(file, "utf8").replace(/^\s*(\/\/|\/?\*).*$/gm, "");
    const targets = text.matchAll(/\bfrom "(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"\s*\)|^import "(\.[^"]+)"/gm);
    return Array.from(targets, ([, ...found]) => ({
      from: relative(SRC, file),
      to: relative(SRC, resolve(dirname(file), found.find(Boolean) ?? "")),
    }));
  });
}

/** How high a file stands. */
function floorOf(file: string): number {
  if (file === ROOF) return FLOORS.length;
  return GROUND.includes(file) ? -1 : FLOORS.indexOf(file.split("/")[0] as (typeof FLOORS)[number]);
}

test("the host has these floors, and at its root only the roof and the ground", () => {
  const there = readdirSync(SRC, { withFileTypes: true });
  const names = (isFolder: boolean): string[] => there.filter((entry) => entry.isDirectory() === isFolder).map(({ name }) => name);
  expect(names(true).sort()).toEqual([...FLOORS].sort());
  expect(names(false).sort()).toEqual([...GROUND, ROOF].sort());
});

test("imports lead down from floor to floor, types and late imports included", () => {
  const all = imports();
  expect(all.length).toBeGreaterThan(500);
  expect(all.filter(({ from, to }) => floorOf(to) > floorOf(from) || to === ROOF).map(({ from, to }) => `${from} imports ${to}`)).toEqual(
    [],
  );
});

test("no file imports itself by way of others", () => {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports()) next.set(from, [...(next.get(from) ?? []), to]);
  const seen = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(" → "));
    if (seen.has(file)) return;
    seen.add(file);
    for (const to of next.get(file) ?? []) walk(to, [...way, file]);
  };
  for (const file of next.keys()) walk(file, []);
  expect(circles).toEqual([]);
});

test("docs/architecture.md draws these floors in this order", () => {
  const page = readFileSync(join(ROOT, "docs/architecture.md"), "utf8");
  const drawn = [...page.matchAll(/^\| `([a-z]+)\/` \|/gm)].map(([, name]) => name);
  expect(drawn).toEqual([...FLOORS].reverse());
});

test("nothing that runs in production imports what plugins are tested with", () => {
  const wrong = allSources().filter(
    (file) => !file.startsWith(join(SRC, "testing/")) && /from "[^"]*\/testing[/"]/.test(readFileSync(file, "utf8")),
  );
  expect(wrong).toEqual([]);
});

// @host/cel is no plugin: two plugins have conditions, and they are to mean and to cost the same.
test("plugins import mcp-host and nothing from inside it, and no other plugin", () => {
  const wrong = packages()
    .filter((name) => name !== "host")
    .flatMap((name) => sources(`packages/${name}/src`))
    .filter((file) => /from "(mcp-host\/|@host\/(?!cel")|\.\.\/\.\.\/)/.test(readFileSync(file, "utf8")));
  expect(wrong).toEqual([]);
});

// They stand for what others write: what they cannot do with the published names, nobody can.
test("the plugins of test/contract import of ours what is published, by name", () => {
  const ours = sources("test/contract").flatMap((file) =>
    Array.from(readFileSync(file, "utf8").matchAll(/(?:from|import\() ?"([^"]+)"/g), ([, name = ""]) => ({
      file: relative(ROOT, file),
      name,
    })),
  );
  const published = /^(mcp-host(\/testing)?|\.\/[^/]+|node:.*|vitest|zod|@opentelemetry\/.*|@modelcontextprotocol\/sdk\/.*)$/;
  expect(ours.length).toBeGreaterThan(50);
  expect(ours.filter(({ name }) => !published.test(name))).toEqual([]);
});

test("no source file is longer than about 300 lines", () => {
  const long = allSources().filter((file) => readFileSync(file, "utf8").split("\n").length > 350);
  expect(long.map((file) => relative(ROOT, file))).toEqual([]);
});

test("no file has a name that says nothing", () => {
  expect(
    ["packages", "test", "scripts", "examples"]
      .flatMap(sources)
      .filter((file) => /(^|\/)(utils?|helpers?|common|misc|manager|shared)(\/|\.)/.test(file)),
  ).toEqual([]);
});

// watchdog.ts starts the shell that ends the servers of a host that was killed, daemon.ts the host itself once more, in the background: neither
// takes a command from a config. fresh-process.ts starts what plugins are tested in. command-values.ts of the vault runs what its options allow. processes.ts asks ps where there is no /proc. open-browser.ts opens the page where a person
// signs in. runtime.ts asks node, python and uv for their versions.
test("only log.ts knows consola, and only child.ts starts servers", () => {
  const using = (name: string): string[] =>
    allSources()
      .filter((file) => new RegExp(`from "(node:)?${name}(/[^"]*)?"`).test(readFileSync(file, "utf8").replace(/^import type .*$/gm, "")))
      .map((file) => relative(SRC, file))
      .sort();
  expect(using("consola")).toEqual(["log.ts"]);
  expect(using("(child_process|cross-spawn)")).toEqual([
    "../../plugin-vault/src/command-values.ts",
    "cli/bundles/runtime.ts",
    "cli/daemon/daemon.ts",
    "cli/support/machine.ts",
    "operator/open-browser.ts",
    "operator/processes.ts",
    "testing/fresh-process.ts",
    "testing/test-process.ts",
    "upstream/child.ts",
    "upstream/watchdog.ts",
  ]);
});

test("coverage counts every source file, loaded by a test or not, except for those that are types only", () => {
  const { all, src, exclude } = JSON.parse(readFileSync(join(ROOT, ".c8rc.json"), "utf8")) as Record<string, unknown>;
  expect(all).toBe(true);
  expect(src).toEqual(packages().map((name) => `packages/${name}/src`));
  const typesOnly = allSources().filter((file) => {
    const compiled = readFileSync(file.replace("/src/", "/dist/").replace(/\.ts$/, ".js"), "utf8");
    return compiled.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").trim() === "export {};";
  });
  expect(exclude).toEqual(typesOnly.map((file) => relative(ROOT, file)));
});
