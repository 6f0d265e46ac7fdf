import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "oxc-parser";
import { root } from "../pages.mjs";

/** A report of each package's public interface: a change of it shows in the difference of a commit. */
export const pages = readdirSync(join(root, "packages")).map((name) => ({
  file: `packages/${name}/api.txt`,
  render: () => report(join(root, "packages", name)),
}));

/** Everything that a package exports, as the types declare it, without comments. */
function report(folder) {
  const { name: named, exports: paths } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const parts = Object.entries(paths).flatMap(([path, { types }]) =>
    types ? [`### ${join(named, path)}\n\n${exportsOf(join(folder, types)).join("\n\n")}\n`] : [],
  );
  return [`What ${named} exports, made by \`npm run docs\`. CONTRIBUTING.md says what a change of it asks for.\n`, ...parts].join("\n");
}

function exportsOf(path) {
  const { body } = module(path).program;
  const names = body.flatMap(({ type, specifiers = [], declaration }) =>
    type === "ExportNamedDeclaration" ? [...specifiers.map(({ exported }) => exported.name), ...namesIn(declaration)] : [],
  );
  const texts = names.sort().map((name) => {
    const found = declared(path, name);
    return found.name === name ? found.text : `${name} is\n${found.text}`;
  });
  const given = body.find(({ type }) => type === "ExportDefaultDeclaration");
  return given ? [...texts, `export default ${given.declaration.name};`] : texts;
}

/** What a declaration gives names to. */
const namesIn = (declaration) => declaration?.declarations?.map(({ id }) => id.name) ?? (declaration ? [declaration.id.name] : []);

const modules = new Map();

function module(path) {
  let known = modules.get(path);
  if (!known) {
    const text = readFileSync(path, "utf8");
    modules.set(path, (known = { text, ...parseSync(path, text) }));
  }
  return known;
}

/** Where the types are that a module has from another. */
const pathOf = (path, { source }) => join(dirname(path), source.value.replace(/\.(?:ts|js)$/, ".d.ts"));

/** The declaration of what a module exports by a name, wherever it stands. */
function declared(path, name) {
  const file = module(path);
  for (const node of file.program.body) {
    const brought = node.type === "ImportDeclaration" && node.specifiers.find(({ local }) => local.name === name);
    if (brought) return declared(pathOf(path, node), brought.imported.name);
    if (node.type !== "ExportNamedDeclaration") continue;
    const from = node.specifiers.find(({ exported }) => exported.name === name);
    if (from && node.source) return declared(pathOf(path, node), from.local.name);
    const { declaration } = node;
    if (namesIn(declaration).includes(name)) return { name, text: without(file, node) };
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
