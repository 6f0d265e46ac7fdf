import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./harness/hosts.ts";

const SRC = join(ROOT, "packages/host/src");

/** What each folder of the host may import at run time, itself besides. Types may come from anywhere: they leave no trace. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  wire: [],
  upstream: ["wire", "pipeline"],
  pipeline: ["wire", "upstream"],
  session: ["wire", "pipeline"],
  front: ["wire", "session"],
  config: ["wire", "pipeline"],
  cli: ["wire", "config", "front", "pipeline", "session", "upstream"],
  testing: ["wire", "config", "pipeline"],
};

/** Folders that stand above the files at the top of src. */
const ABOVE: readonly string[] = ["cli", "testing"];

/** Files at the top of src that every folder may use: they know no folder but wire. */
const EVERYWHERE = ["errors", "log", "redact", "matcher", "plugin", "store"];

/** Source files below a folder, as absolute paths. */
function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !/(^|\/)(node_modules|dist)\//.test(name))
    .map((name) => join(ROOT, folder, name));
}

const packages = (): string[] => readdirSync(join(ROOT, "packages"));
const allSources = (): string[] => packages().flatMap((name) => sources(`packages/${name}/src`));

test("imports run downwards: cli → host → front, session, pipeline, upstream → wire", () => {
  const wrong: string[] = [];
  for (const file of sources("packages/host/src")) {
    const from = relative(SRC, file).split("/");
    if (from.length === 1) continue;
    const text = readFileSync(file, "utf8");
    for (const [, target] of text.matchAll(/^(?:import|export) (?!type )[^;]*? from "(\.[^"]+)";/gms)) {
      const to = relative(SRC, resolve(dirname(file), target ?? "")).split("/");
      const top = to.length === 1 ? (to[0] ?? "").replace(".ts", "") : undefined;
      const allowed =
        top === undefined
          ? to[0] === from[0] || MAY_IMPORT[from[0] ?? ""]?.includes(to[0] ?? "")
          : EVERYWHERE.includes(top) || ABOVE.includes(from[0] ?? "");
      if (!allowed) wrong.push(`${relative(ROOT, file)} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("nothing that runs in production imports what plugins are tested with", () => {
  const wrong = allSources().filter(
    (file) => !file.startsWith(join(SRC, "testing/")) && /from "[^"]*\/testing[/"]/.test(readFileSync(file, "utf8")),
  );
  expect(wrong).toEqual([]);
});

test("plugins import mcp-host and nothing from inside it", () => {
  const wrong = packages()
    .filter((name) => name.startsWith("plugin-"))
    .flatMap((name) => sources(`packages/${name}/src`))
    .filter((file) => /from "(mcp-host\/|\.\.\/\.\.\/)/.test(readFileSync(file, "utf8")));
  expect(wrong).toEqual([]);
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

// guard.ts starts the shell that ends the servers of a host that was killed, daemon.ts the host itself once more, in the background: neither
// takes a command from a config. fresh-process.ts starts what plugins are tested in.
test("only log.ts knows consola, and only child.ts starts servers", () => {
  const using = (name: string): string[] =>
    allSources()
      .filter((file) => new RegExp(`from "(node:)?${name}(/[^"]*)?"`).test(readFileSync(file, "utf8").replace(/^import type .*$/gm, "")))
      .map((file) => relative(SRC, file));
  expect(using("consola")).toEqual(["log.ts"]);
  expect(using("(child_process|cross-spawn)")).toEqual([
    "cli/daemon/daemon.ts",
    "testing/fresh-process.ts",
    "upstream/child.ts",
    "upstream/guard.ts",
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
