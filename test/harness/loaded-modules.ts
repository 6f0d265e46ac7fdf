import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Notes every ES module that is loaded, and at the end the modules of Node and those that were required. */
const NOTE = `
  import { createRequire, register } from "node:module";
  import { appendFileSync } from "node:fs";
  const note = (lines) => appendFileSync(process.env.LOADED, lines.map((line) => line + "\\n").join(""));
  register("data:text/javascript," + encodeURIComponent(\`
    import { appendFileSync } from "node:fs";
    export async function load(url, context, next) {
      appendFileSync(process.env.LOADED, url + "\\\\n");
      return next(url, context);
    }\`));
  const { cache } = createRequire("/");
  process.on("exit", () => note([...process.moduleLoadList.filter((name) => name.startsWith("NativeModule ")), ...Object.keys(cache)]));
`;

/** What a process of Node loads. */
export interface Notes {
  /** Arguments of Node, before the program. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** URLs of ES modules, paths of others, and `NativeModule <name>`, once the process has ended. */
  loaded(): string[];
}

/** Has a process note what it loads. @param folder of the test's own */
export function noting(folder: string): Notes {
  const note = join(folder, "note.mjs");
  const file = join(folder, "loaded");
  writeFileSync(note, NOTE);
  return {
    args: ["--import", pathToFileURL(note).href],
    env: { LOADED: file },
    loaded: () => (existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []),
  };
}
