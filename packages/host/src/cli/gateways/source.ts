import { existsSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { checkNesting } from "../../config/nesting.ts";
import { parseText } from "../../config/read.ts";
import { readText } from "../../config/text-file.ts";
import { ConfigError } from "../../errors.ts";
import { isObject, type Json } from "../../wire/message.ts";

const BYTES = 16 * 1024 * 1024;

/** What another gateway's file holds: JSON, with comments or as JSON5. @throws ConfigError for what is none */
export async function readSource(path: string): Promise<Json> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new ConfigError([`there is no file ${path}; name the config of the other gateway`]);
  if (stat.size > BYTES) throw new ConfigError([`the file is larger than ${BYTES} bytes; is it a config?`]);
  const value = await parsed(textOf(path), extname(path).toLowerCase());
  if (!isObject(value)) throw new ConfigError(["the file holds no object at its top"]);
  return value;
}

/** A further file, where it is there and can be read. @param tell of one that cannot */
export async function readBeside(path: string, name: string, tell: (problem: string) => void): Promise<Json | undefined> {
  const file = join(dirname(path), name);
  if (!existsSync(file)) return undefined;
  try {
    return await readSource(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    tell(error.problems.join("; "));
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readText(path);
  } catch (error) {
    throw new ConfigError([`the file cannot be read: ${(error as Error).message}`]); // nothing else is thrown
  }
}

async function parsed(text: string, extension: string): Promise<unknown> {
  if ([".toml", ".yaml", ".yml"].includes(extension)) return parseText(text, extension);
  checkNesting(text); // JSON5 has no bound
  try {
    return await parseText(text, ".jsonc");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { default: json5 } = await import("json5");
    try {
      const value: unknown = json5.parse(text);
      // JSON5 takes the last of two equal keys and forgets the first without a word.
      if (!error.problems.some((problem) => problem.includes("is there twice"))) return value;
    } catch {
      // What is wrong with it as JSON says more to most people.
    }
    throw error;
  }
}
