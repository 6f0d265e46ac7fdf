import { statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { writableByOthers } from "./permissions.ts";
import { readText, tildeHint } from "./text-file.ts";

/** The environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A file of variables, `NAME=value` a line. */
export interface EnvFile {
  readonly path: string;
  readonly values: Environment;
}

/** No file of variables is larger. */
const BYTES = 1024 * 1024;

/** Reads a file of variables as `node --env-file` does. @throws Error that says what is wrong with it, and never what it holds */
export function readEnvFile(name: string, folder: string): EnvFile {
  const path = resolve(folder, name);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new Error(`there is no file ${path}${tildeHint(name)}`);
  if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
  const open = writableByOthers(path);
  if (open !== undefined) throw new Error(`${open} can be written by others; run \`chmod go-w ${open}\``);
  if (stat.size > BYTES) throw new Error(`${path} is larger than ${BYTES} bytes`);
  return { path, values: parseEnv(readText(path)) as Environment }; // only its values may be undefined
}

/** One environment of several: the process's own over the files, and of the files the last. */
export function withEnvFiles(env: Environment, files: readonly EnvFile[]): Environment {
  return files.length === 0 ? env : { ...Object.assign({}, ...files.map(({ values }) => values)), ...env };
}
