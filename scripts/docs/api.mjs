import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "oxc-parser";
import { root } from "../pages.mjs";

/** A report of the public interface: a change of it shows in the difference of a commit. */
export const file = "packages/host/api.txt";

const DIST = join(root, "packages/host/dist");
const ENTRIES = { "mcp-host": "index.d.ts", "mcp-host/testing": "testing/index.d.ts" };

/** Everything that is exported, as the types declare it, without comments. */
export function render() {
  const parts = Object.entries(ENTRIES).map(([name, entry]) => `### ${name}\n\n${exportsOf(join(DIST, entry)).join("\n\n")}\n`);
  return ["What mcp-host exports, made by `npm run docs`. CONTRIBUTING.md says what a change of it asks for.\n", ...parts].join("\n");
}

function exportsOf(path) {
  const names = module(path).program.body.flatMap(({ type, specifiers = [] }) =>
    type === "ExportNamedDeclaration" ? specifiers.map(({ exported }) => exported.name) : [],
  );
  return names.sort().map((name) => {
    const found = declared(path, name);
    return found.name === name ? found.text : `${name} is\n${found.text}`;
  });
}

const modules = new Map();

function module(path) {
  let known = modules.get(path);
  if (!known) {
    const text = readFileSync(path, "utf8");
    modules.set(path, (known = { text, ...parseSync(path, text) }));
  }
  return known;
}

/** The declaration of what a module exports by a name, wherever it stands. */
function declared(path, name) {
  const file = module(path);
  for (const node of file.program.body) {
    if (node.type !== "ExportNamedDeclaration") continue;
    const from = node.specifiers.find(({ exported }) => exported.name === name);
    if (from && node.source) return declared(join(dirname(path), node.source.value.replace(/\.(?:ts|js)$/, ".d.ts")), from.local.name);
    const { declaration } = node;
    const names = declaration?.declarations?.map(({ id }) => id.name) ?? (declaration ? [declaration.id.name] : []);
    if (names.includes(name)) return { name, text: without(file, node) };
  }
  throw new Error(`${path} does not declare ${name}`);
}

/** The text of a node without its comments, whose words change more often than what it is. */
function without({ text, comments }, { start, end }) {
  let shown = "";
  let from = start;
  for (const comment of comments) {
    if (comment.start < start || comment.end > end) continue;
    shown += text.slice(from, comment.start);
    from = comment.end;
  }
  shown += text.slice(from, end);
  return shown.replace(/[ \t]+$/gm, "").replace(/\n{2,}/g, "\n");
}
