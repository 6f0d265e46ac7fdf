import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

/** Files that are followed from one module, itself included, and bytes of one beyond which it is not looked into. */
const MOST = 200;
const FILE_BYTES = 1024 * 1024;

/** What a module names with a path of its own: `from "./a"`, `import "./a"`, `import("./a")`, `require("./a")`. */
const IMPORT = /\b(?:from|import|require)\s*(?:\(\s*)?(?:"(\.\.?\/[^"\n]*)"|'(\.\.?\/[^'\n]*)')/g;
const EXTENSIONS = ["", ".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json"];
/** TypeScript is imported by the name that it has when it is compiled. */
const COMPILED: readonly (readonly [RegExp, string])[] = [
  [/\.js$/, ".ts"],
  [/\.mjs$/, ".mts"],
  [/\.cjs$/, ".cts"],
];

/**
 * A module and the files that it imports by their paths, those that these import too; the module itself comes first. Of a package in
 * `node_modules` none are followed: it changes as a whole.
 */
export function withLocalImports(file: string): string[] {
  const found = new Set([file]);
  if (isInstalled(file)) return [file];
  for (const each of found) // a set gives what is added meanwhile, too
    for (const imported of importsOf(each)) {
      if (found.size === MOST) return [...found];
      found.add(imported);
    }
  return [...found];
}

/** Whether a file belongs to an installed package. */
export function isInstalled(file: string): boolean {
  return file.includes(`${sep}node_modules${sep}`);
}

function importsOf(file: string): string[] {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size > FILE_BYTES || file.endsWith(".json")) return [];
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].flatMap(([, double, single]) => {
    const path = resolve(dirname(file), (double ?? single ?? "").replace(/[?#].*$/s, ""));
    return candidates(path).find(isFile) ?? [];
  });
}

function candidates(path: string): string[] {
  const compiled = COMPILED.flatMap(([ending, source]) => (ending.test(path) ? [path.replace(ending, source)] : []));
  return [
    ...EXTENSIONS.map((extension) => path + extension),
    ...compiled,
    ...EXTENSIONS.slice(1).map((each) => join(path, `index${each}`)),
  ];
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile() && !isInstalled(path);
  } catch {
    return false; // nothing is there, or a file where a folder would have to be
  }
}
