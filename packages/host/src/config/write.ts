import { existsSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { applyEdits, modify } from "jsonc-parser";
import { ConfigError } from "../errors.ts";
import { backUp } from "./backup.ts";
import { withNewKey, withoutKey } from "./json-lines.ts";
import { parseText } from "./read.ts";
import { replaceFile } from "./replace.ts";

/** One change to a config: the value at a place, or nothing there where the value is undefined. */
export interface Edit {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** What was written. */
export interface Written {
  /** What the file held before, or undefined where there was none. */
  readonly before: string | undefined;
  readonly after: string;
  /** Where the text before is kept. */
  readonly backup: string | undefined;
}

/**
 * Changes places of a config file and leaves the rest of it, comments included, as it is. The file is backed up before; one
 * that does not exist is made, with mode 0600.
 * @throws ConfigError for a file that cannot be read or is of a form that cannot be written back (TOML, code)
 */
export async function editConfig(path: string, edits: readonly Edit[]): Promise<Written> {
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const after = await editText(before ?? "", extname(path).toLowerCase(), edits);
  if (after === before) return { before, after, backup: undefined };
  const backup = await backUp(path);
  replaceFile(path, after);
  return { before, after, backup };
}

/** Why no file of this form is changed; undefined where it can be. @param extension with its dot */
export function whyNotWritten(extension: string): string | undefined {
  if ([".json", ".jsonc", ".yaml", ".yml"].includes(extension.toLowerCase())) return undefined;
  return extension.toLowerCase() === ".toml"
    ? "a TOML file cannot be written back with its comments"
    : "a config in code is for you alone to change";
}

/** What the text of a config becomes by some edits. @param extension with its dot, as `.json` */
export async function editText(text: string, extension: string, edits: readonly Edit[]): Promise<string> {
  switch (extension) {
    case ".json":
    case ".jsonc":
      return editJson(text, extension, edits);
    case ".yaml":
    case ".yml":
      return editYaml(text, extension, edits);
    default:
      throw new ConfigError([`${whyNotWritten(extension)}; change it by hand, or use JSON or YAML`]);
  }
}

async function editJson(text: string, extension: string, edits: readonly Edit[]): Promise<string> {
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  let body = text.slice(mark.length);
  if (body.trim() === "") body = "{}\n";
  else await parseText(body, extension); // its errors have line and column
  const [, indent = "  "] = /^([ \t]+)\S/m.exec(body) ?? [];
  const formattingOptions = {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 1 : indent.length,
    eol: body.includes("\r\n") ? "\r\n" : "\n",
  };
  const form = { indent, eol: formattingOptions.eol };
  for (const { path, value } of edits)
    body = attempt(
      path,
      () =>
        (value === undefined ? withoutKey(body, path) : withNewKey(body, path, value, form)) ??
        applyEdits(body, modify(body, [...path], value, { formattingOptions })),
    );
  return mark + body;
}

async function editYaml(text: string, extension: string, edits: readonly Edit[]): Promise<string> {
  await parseText(text, extension);
  const { isScalar, parseDocument } = await import("yaml");
  const document = parseDocument(text);
  for (const { path, value } of edits)
    attempt(path, () => {
      const there = document.getIn(path, true);
      if (value === undefined) document.deleteIn(path);
      else if (isScalar(there) && typeof value !== "object")
        there.value = value; // with its comment
      else document.setIn(path, document.createNode(value));
    });
  // What was taken out may have had an anchor that others refer to.
  return attempt(edits[0]?.path ?? [], () => document.toString({ lineWidth: 0 }));
}

/** Both libraries throw where a single value stands in the way of a place. */
function attempt<T>(path: Edit["path"], change: () => T): T {
  try {
    return change();
  } catch (error) {
    throw new ConfigError([`${path.join(".")}: cannot be written into the file: ${(error as Error).message}`]); // they throw Errors
  }
}
