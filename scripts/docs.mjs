// `npm run docs`: writes the generated parts of docs/ anew. test/docs/generated.test.ts fails when a page and its code differ.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pages, root } from "./pages.mjs";

for (const { file, current, wanted } of await pages()) {
  if (current === wanted) continue;
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), wanted);
  process.stdout.write(`${file}\n`);
}
