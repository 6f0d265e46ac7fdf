import { statSync } from "node:fs";
import { extname } from "node:path";
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { ConfigError } from "../errors.ts";
import { readCode } from "./code.ts";
import type { Environment } from "./env-files.ts";
import { EXTENSIONS } from "./locate.ts";
import { checkNesting } from "./nesting.ts";
import { isGroupWritable, writableByAll } from "./permissions.ts";
import { readText } from "./text-file.ts";
import { isCode } from "./trust.ts";

const CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * What a config file holds, and what is suspicious about the file.
 * @param env what a config in code is told of the environment
 * @throws ConfigError for a file that cannot be read
 */
export async function readConfigFile(path: string, env: Environment): Promise<{ value: unknown; warnings: string[] }> {
  const warnings = checkConfigFile(path);
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    throw new ConfigError([`the file cannot be read: ${(error as Error).message}`]); // nothing else is thrown
  }
  return { value: isCode(path) ? await readCode(path, env) : await parseText(text, extname(path).toLowerCase()), warnings };
}

/** Looks at the file before it is read; gives what is suspicious about it. @throws ConfigError where it is no file that a config may be */
export function checkConfigFile(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new ConfigError([`there is no file ${path}; run \`mcp-host init\`, or name another with --config`]);
  if (!stat.isFile()) throw new ConfigError([`${path} is not a file; name a config file with --config`]);
  const open = writableByAll(path);
  if (open !== undefined)
    throw new ConfigError([
      `everybody on this machine can write ${open}, and so decide which commands the host runs; run \`chmod go-w ${open}\``,
    ]);
  if (stat.size > CONFIG_BYTES) throw new ConfigError([`the file is larger than ${CONFIG_BYTES} bytes; is it a config?`]);
  return isGroupWritable(stat.mode)
    ? [`the config can be written by its group, which decides which commands the host runs; run \`chmod g-w ${path}\``]
    : [];
}

/** Reads a text of a form that holds values only. @param extension with its dot */
export async function parseText(text: string, extension: string): Promise<unknown> {
  if (extension === ".json" || extension === ".jsonc") return parseJsonc(text);
  if (extension === ".yaml" || extension === ".yml") return parseYaml(text);
  if (extension === ".toml") return parseToml(text);
  throw new ConfigError([`a config file is one of ${EXTENSIONS.map((known) => `.${known}`).join(", ")}, not "${extension}"; rename it`]);
}

function parseJsonc(text: string): unknown {
  checkNesting(text);
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const problems = errors.map(({ error, offset }) => `${lineAndColumn(text, offset)}: ${words(printParseErrorCode(error))}`);
  if (!tree && problems.length === 0) problems.push("1:1: the file is empty");
  if (tree) problems.push(...repeatedKeys(tree, text));
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]); // one for each bracket that is open
  return tree && plain(tree);
}

/** JSON.parse would take the last of two equal keys and forget the first without a word. */
function repeatedKeys(node: Node, text: string): string[] {
  const problems: string[] = [];
  const seen = new Set<unknown>();
  for (const child of node.children ?? []) {
    if (node.type === "object") {
      const name = child.children?.[0];
      if (seen.has(name?.value))
        problems.push(`${lineAndColumn(text, child.offset)}: the key "${name?.value}" is there twice; remove one of the two`);
      seen.add(name?.value);
    }
    problems.push(...repeatedKeys(child, text));
  }
  return problems;
}

function plain(node: Node): unknown {
  if (node.type === "array") return (node.children ?? []).map(plain);
  if (node.type !== "object") return node.value;
  return Object.fromEntries((node.children ?? []).map(({ children }) => [children?.[0]?.value as string, plain(children?.[1] as Node)])); // a property without errors has a name and a value
}

function words(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

async function parseYaml(text: string): Promise<unknown> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true, merge: true });
  const problems = [...document.errors, ...document.warnings].map(({ message, linePos }) => {
    const [line] = message.split("\n");
    return `${linePos ? `${linePos[0].line}:${linePos[0].col}: ` : ""}${line?.replace(/ at line \d+, column \d+:?$/, "")}`;
  });
  if (problems.length > 0) throw new ConfigError(problems);
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError([`the YAML cannot be read: ${(error as Error).message}`]); // e.g. too many aliases; yaml throws Errors
  }
}

async function parseToml(text: string): Promise<unknown> {
  const { parse, TomlError } = await import("smol-toml");
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ""] = error.message.split("\n"); // what follows shows the line itself, which may be secret
    throw new ConfigError([`${error.line}:${error.column}: ${first.replace(/^Invalid TOML document: /, "")}`]);
  }
}
