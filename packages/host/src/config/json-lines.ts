import { createScanner, findNodeAtLocation, type Node, parseTree } from "jsonc-parser";

// jsonc-parser's own edits write neighbours anew and lose or move the comments on their lines. Where a key has lines to itself, only
// these are touched.

type Path = readonly (string | number)[];

/**
 * Adds a key to an object that is written over several lines, behind its last key and the comment of that.
 * @returns undefined where there is no such object, or it has the key
 */
export function withNewKey(text: string, path: Path, value: unknown, { indent, eol }: { indent: string; eol: string }): string | undefined {
  const object = objectAt(text, path);
  const key = path.at(-1);
  const last = object?.children?.at(-1);
  if (!object || !last || typeof key !== "string" || propertyOf(object, key)) return undefined;
  const own = indentOf(text, last);
  if (own === undefined) return undefined;
  const end = last.offset + last.length;
  const rest = text.slice(end, object.offset + object.length - 1);
  const hasComma = commaIn(rest) !== undefined;
  const written = JSON.stringify(value, undefined, indent).replaceAll("\n", `${eol}${own}`);
  const at = end + rest.trimEnd().length;
  return [
    text.slice(0, end),
    hasComma ? "" : ",",
    text.slice(end, at),
    `${eol}${own}${JSON.stringify(key)}: ${written}${hasComma ? "," : ""}`,
    text.slice(at),
  ].join("");
}

/** Takes a key with its lines out of an object. @returns undefined where it is not there, or shares its lines */
export function withoutKey(text: string, path: Path): string | undefined {
  const object = objectAt(text, path);
  const property = object && propertyOf(object, path.at(-1));
  if (!object?.children || !property || indentOf(text, property) === undefined) return undefined;
  const end = property.offset + property.length;
  const line = restOfLine(text.slice(end, object.offset + object.length - 1));
  if (line === undefined) return undefined;
  const start = lineStart(text, property.offset);
  const before = object.children[object.children.indexOf(property) - 1];
  const isLast = object.children.at(-1) === property;
  // The comma that it needed no more than this one had.
  const from = before && before.offset + before.length;
  const comma = isLast && !line.hasComma && from !== undefined ? commaIn(text.slice(from, start)) : undefined;
  const kept =
    from === undefined || comma === undefined ? text.slice(0, start) : text.slice(0, from + comma) + text.slice(from + comma + 1, start);
  return kept + text.slice(end + line.length);
}

function objectAt(text: string, path: Path): Node | undefined {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const node = root && findNodeAtLocation(root, path.slice(0, -1));
  return node?.type === "object" ? node : undefined;
}

function propertyOf({ children = [] }: Node, key: unknown): Node | undefined {
  return children.find((property) => property.children?.[0]?.value === key);
}

/** The blanks before a key; undefined where others are on its line. */
function indentOf(text: string, { offset }: Node): string | undefined {
  const before = text.slice(lineStart(text, offset), offset);
  return before.trim() === "" ? before : undefined;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** Where the first comma is, if nothing but comments are before it. */
function commaIn(text: string): number | undefined {
  const scanner = createScanner(text, true);
  scanner.scan();
  const at = scanner.getTokenOffset();
  return text[at] === "," ? at : undefined;
}

/** The rest of a line behind a value, with its end, if it is a comma and comments and nothing else. */
function restOfLine(text: string): { length: number; hasComma: boolean } | undefined {
  const scanner = createScanner(text);
  let hasComma = false;
  for (;;) {
    scanner.scan();
    const at = scanner.getTokenOffset();
    const length = at + scanner.getTokenLength();
    const token = text.slice(at, length);
    if (token === "\n" || token === "\r\n") return { length, hasComma };
    if (token === ",") hasComma = true;
    else if (token === "" || !/^(?:\s|\/[/*])/.test(token)) return undefined;
  }
}
