import { parse, stringify } from "smol-toml";
import { isObject, type Json } from "../../wire/message.ts";

/**
 * TOML with one table written anew and everything else as it was, to the letter. A table that is there is replaced with its
 * subtables, where it stands; else it is added at the end.
 * @param path the names of the table, outermost first
 * @param table undefined takes it out
 */
export function withTable(text: string, path: readonly string[], table: Json | undefined): string {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r?\n/);
  const own = ownLines(lines, path);
  const block = table === undefined ? [] : rendered(path, table);
  const first = own.indexOf(true);
  if (first === -1) return table === undefined ? text : appended(lines, block).join(end);
  const kept = lines.flatMap((line, index) => (index === first ? [...block, ...(own[index] ? [] : [line])] : own[index] ? [] : [line]));
  const tidy = table === undefined ? withoutGap(kept, first) : kept;
  return tidy.join(end);
}

/** Which lines belong to the table: from each of its headers to the next one of another, without what stands above that. */
function ownLines(lines: readonly string[], path: readonly string[]): boolean[] {
  const own = lines.map(() => false);
  let inside = false;
  for (const [index, line] of lines.entries()) {
    const header = headerOf(line);
    if (header) inside = path.every((name, depth) => header[depth] === name);
    own[index] = inside;
  }
  // Comments and empty lines above the next header are about that one.
  for (let index = lines.length - 1; index >= 0; index--)
    if (own[index] && !own[index + 1] && /^\s*(#.*)?$/.test(lines[index] ?? "")) own[index] = false;
  return own;
}

/** The names in a header such as `[a."b c"]`, or undefined for any other line. */
function headerOf(line: string): string[] | undefined {
  if (!/^\s*\[/.test(line)) return undefined;
  let at: unknown;
  try {
    at = parse(line);
  } catch {
    return undefined; // an item of a list that goes over several lines
  }
  const names: string[] = [];
  while (isObject(at) || Array.isArray(at)) {
    if (Array.isArray(at)) at = at[0];
    else {
      const [entry] = Object.entries(at);
      if (!entry) break;
      names.push(entry[0]);
      at = entry[1];
    }
  }
  return names;
}

function rendered(path: readonly string[], table: Json): string[] {
  const nested = path.reduceRight<Json>((inner, name) => ({ [name]: inner }), table);
  return stringify(nested).trimEnd().split("\n");
}

function appended(lines: readonly string[], block: readonly string[]): string[] {
  const before = [...lines];
  while (before.at(-1)?.trim() === "") before.pop();
  return [...before, ...(before.length > 0 ? [""] : []), ...block, ""];
}

/** Where a table was taken out, one empty line is enough, and none at either end of the file. */
function withoutGap(lines: readonly string[], at: number): string[] {
  const before = lines.slice(0, at);
  const after = lines.slice(at);
  const isEmpty = (line: string | undefined): boolean => line !== undefined && line.trim() === "";
  while (isEmpty(before.at(-1)) && isEmpty(after[0])) before.pop();
  while (before.length === 0 && after.length > 1 && isEmpty(after[0])) after.shift();
  return [...before, ...after];
}
