// What the host's sources say of types, for pages that tell what a value has: read from the interfaces and the comments of their fields.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { root } from "./pages.mjs";

const SRC = join(root, "packages/host/src");

/** A source file with what it declares. */
function parsed(path) {
  const text = readFileSync(join(SRC, path), "utf8");
  const { program, comments } = parseSync(path, text);
  const interfaces = new Map();
  const aliases = new Map();
  new Visitor({
    TSInterfaceDeclaration: (node) => void interfaces.set(node.id.name, node),
    TSTypeAliasDeclaration: (node) => void aliases.set(node.id.name, node.typeAnnotation),
  }).visit(program);
  return { text, program, comments, interfaces, aliases, slice: ({ start, end }) => text.slice(start, end).replace(/\s+/g, " ") };
}

/** The comment that stands right before a node, as one line. */
function commentBefore({ text, comments }, { start }) {
  const comment = comments.findLast(({ end }) => end <= start && text.slice(end, start).trim() === "");
  if (comment?.type !== "Block") return "";
  return comment.value
    .split("\n")
    .map((line) => line.replace(/^\s*\*\s?/, ""))
    .join(" ")
    .replace(/@throws.*/s, "")
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .replace(/\s+/g, " ")
    .trim();
}

/** The fields of an interface in one of these files, those that it inherits first: name, type, meaning. Undefined where none has it. */
export function fieldsOf(name, files) {
  for (const file of files.map(parsed)) {
    const found = file.interfaces.get(name);
    if (!found) continue;
    const own = found.body.body.map((member) => ({
      name: `${file.slice(member.key)}${member.optional ? "?" : ""}`,
      type: member.type === "TSMethodSignature" ? file.slice(member).replace(/;$/, "") : file.slice(member.typeAnnotation.typeAnnotation),
      meaning: commentBefore(file, member),
    }));
    return [...found.extends.flatMap(({ expression }) => fieldsOf(expression.name, files) ?? []), ...own];
  }
  return undefined;
}

/** What a tap of each hook is: its arguments with their types, and the type of what it gives. Of a hook by method, that of every method. */
export function tapTypes() {
  const file = parsed("plugin/hooks.ts");
  const types = new Map();
  new Visitor({
    Property: ({ key, value }) => {
      if (value.type !== "CallExpression" || !["hook", "hookByMethod"].includes(value.callee.name)) return;
      const [given] = value.typeArguments.params;
      const fn = given.type === "TSFunctionType" ? given : lastFunction(file, given.typeName.name);
      const args = fn.params.map((param) => ({ name: param.name, type: file.slice(param.typeAnnotation.typeAnnotation) }));
      types.set(key.name, { text: file.slice(fn), args, gives: file.slice(fn.returnType.typeAnnotation) });
    },
  }).visit(file.program);
  return types;
}

/** The last function type in an alias: the one of `"*"`, or the only one. */
function lastFunction({ aliases }, name) {
  let found;
  const walk = (node) => {
    if (node?.type === "TSFunctionType") found = node;
    else if (typeof node === "object" && node !== null) for (const child of Object.values(node)) walk(child);
  };
  walk(aliases.get(name));
  if (!found) throw new Error(`${name} of packages/host/src/plugin/hooks.ts has no function; scripts/type-fields.mjs wants one`);
  return found;
}
