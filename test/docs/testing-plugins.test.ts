import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ROOT } from "../harness/hosts.ts";

/** The code blocks of a page. */
function blocks(page: string): string[] {
  return Array.from(readFileSync(join(ROOT, "docs", page), "utf8").matchAll(/^```ts\n(.*?)^```$/gms), ([, text]) => text ?? "");
}

// Below the repository, where what is installed can be imported; git ignores it.
const FOLDER = join(ROOT, "test", ".tmp", `docs-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const examples = blocks("testing-plugins.md");
writeFileSync(join(FOLDER, "quota.ts"), blocks("plugins.md").find((block) => block.includes('name: "quota"')) ?? "");
// What the page leaves to its reader: a store of their own.
writeFileSync(join(FOLDER, "notes.ts"), examples.find((text) => text.includes('name: "notes"')) ?? "");
writeFileSync(
  join(FOLDER, "my-store.ts"),
  `import { MemoryStore } from ${JSON.stringify(join(ROOT, "packages/host/dist/plugin/memory-store.js"))};
export const openStore = (_name: string) => ({ store: new MemoryStore(), close: async () => {} });`,
);

// A page's tests become tests of this file.
for (const [index, text] of examples.entries()) {
  const file = join(FOLDER, `example-${index}.ts`);
  writeFileSync(file, text);
  await import(file);
}

test("every example of docs/testing-plugins.md is run here", () => {
  expect(examples.map((text) => text.match(/^(test|testPlugin|testStore)[.(]/gm)?.length)).toEqual([3, 3, 2, 1, 1, undefined, 1, 1, 1]);
});
