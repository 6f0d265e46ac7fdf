import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { resolve } from "../dist/plugin/import-hooks.js";
import { withLocalImports } from "../dist/plugin/local-imports.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The files that the first of these leads to. */
function followed(files: Record<string, string>): string[] {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return withLocalImports(join(folder, Object.keys(files)[0] as string)).map((file) => relative(folder, file));
}

test("a module leads to what it imports by a path, in every form, and to what that imports; circles end", () => {
  const files = {
    "a.mjs": `import b from "./b.mjs"; import "./c.cjs"; export { d } from './d'; await import("./e/index.js"); import x from "mcp-host";`,
    "b.mjs": `import "./a.mjs"`,
    "c.cjs": `require("./data.json"); require('../outside.js')`,
    "d.ts": `import { f } from "./f.js";`,
    "e/index.js": `import g from "../g"; import "./missing.js"`,
    "f.ts": "",
    "g/index.ts": "",
    "data.json": `{ "from": "./b.mjs" }`,
    "node_modules/p/index.js": "",
    "h.mjs": `import "./i.mjs"`,
  };
  expect(followed(files).sort()).toEqual(["a.mjs", "b.mjs", "c.cjs", "d.ts", "data.json", "e/index.js", "f.ts", "g/index.ts"]);
});

test("an installed package is one file, and its files are not followed from others", () => {
  expect(followed({ "node_modules/p/index.js": `import "./other.js"`, "node_modules/p/other.js": "" })).toEqual([
    "node_modules/p/index.js",
  ]);
  expect(followed({ "a.mjs": `import "./node_modules/p/index.js"` })).toEqual(["a.mjs"]);
});

test("however many there are, two hundred are followed", () => {
  const many = Array.from({ length: 300 }, (_, n) => `./${n}.mjs`);
  const files = Object.fromEntries(many.map((name) => [name, ""]));
  expect(followed({ "all.mjs": many.map((name) => `import "${name}";`).join("\n"), ...files })).toHaveLength(200);
});

test("a file that is not there leads nowhere", () => {
  expect(withLocalImports(join(folder, "none.mjs"))).toEqual([join(folder, "none.mjs")]);
});

test("what is imported by a path belongs to its importer's content, and nothing else does", async () => {
  const mark = `?content=${"a".repeat(32)}`;
  const at = async (specifier: string, parentURL: string | undefined, url: string): Promise<string> => {
    const context = { conditions: [], importAttributes: {}, importAssertions: {}, parentURL };
    return (await resolve(specifier, context, async () => ({ url, format: "module" }))).url;
  };
  expect(await at("./b.mjs", `file:///a.mjs${mark}`, "file:///b.mjs")).toBe(`file:///b.mjs${mark}`);
  expect(await at("../b.mjs", `file:///x/a.mjs${mark}`, "file:///b.mjs")).toBe(`file:///b.mjs${mark}`);
  expect(await at("./b.mjs?own", `file:///a.mjs${mark}`, "file:///b.mjs?own")).toBe("file:///b.mjs?own");
  expect(await at("./b.mjs", "file:///a.mjs?other", "file:///b.mjs")).toBe("file:///b.mjs");
  expect(await at("./b.mjs", undefined, "file:///b.mjs")).toBe("file:///b.mjs");
  expect(await at("mcp-host", `file:///a.mjs${mark}`, "file:///node_modules/mcp-host/index.js")).toBe(
    "file:///node_modules/mcp-host/index.js",
  );
  expect(await at("node:fs", `file:///a.mjs${mark}`, "node:fs")).toBe("node:fs");
});
