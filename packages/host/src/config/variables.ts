import { statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { isObject } from "../wire/message.ts";
import type { EnvFile, Environment } from "./env-files.ts";
import type { Input } from "./inputs.ts";
import { writableByAll, writableByOthers } from "./permissions.ts";
import { readText, tildeHint } from "./text-file.ts";

/** What `${...}` can refer to. */
export type Reference =
  | { kind: "variable"; name: string }
  | { kind: "input"; name: string }
  | { kind: "file"; name: string }
  | { kind: "brought"; word: string; name: string };

/** What a plugin said of a value: what it is, that there is none, or why it cannot be told. */
export type Brought = { readonly value: string } | { readonly unset: string } | { readonly failed: string };

/** A value, where it was found, and whether its source says that it is a secret. */
export interface Found {
  readonly value: string;
  readonly secret: boolean;
  /** In words, as `credentials check` tells it. */
  readonly source: string;
}

/** Beyond the environment: what a command line and a config bring. */
export interface Sources {
  /** In the order of the command line; the last wins. */
  readonly envFiles?: readonly EnvFile[];
  readonly inputs?: readonly Input[];
}

/** No secret that is read from a file is longer. */
const FILE_BYTES = 64 * 1024;

/** Where values come from: `--set` over the credentials file over the environment over files of variables. */
export class Variables {
  readonly #set: ReadonlyMap<string, string>;
  readonly #env: Environment;
  readonly #folder: string;
  readonly #envFiles: readonly EnvFile[];
  readonly #inputs: ReadonlyMap<string, Input>;
  readonly #answers = new Map<string, string>();
  readonly #brought = new Map<string, Brought>();
  #credentials: Readonly<Record<string, string>> | undefined;

  /** @param folder what relative `${file:...}` paths begin at */
  constructor(set: ReadonlyMap<string, string>, env: Environment, folder: string, { envFiles = [], inputs = [] }: Sources = {}) {
    this.#set = set;
    this.#env = env;
    this.#folder = folder;
    this.#envFiles = envFiles;
    this.#inputs = new Map(inputs.map((input) => [input.id, input]));
  }

  /** The value of a reference, or undefined where nobody set it. @throws Error that says what is wrong with its source */
  find(reference: Exclude<Reference, { kind: "brought" }>): Found | undefined {
    if (reference.kind === "file") return { value: this.#file(reference.name), secret: true, source: "file" };
    if (reference.kind === "input") return this.#input(reference.name);
    const fixed = this.#predefined(reference.name);
    return fixed === undefined ? this.#variable(reference.name) : { value: fixed, secret: false, source: "the host" };
  }

  /** The credentials file, whether it is there or not. */
  get credentialsPath(): string {
    return credentialsPath(this.#env);
  }

  /** The names that the credentials file has; none where it cannot be used. */
  credentialNames(): string[] {
    try {
      return Object.keys(this.#readCredentials());
    } catch {
      return [];
    }
  }

  /** What a person answered to an input. */
  answer(id: string, value: string): void {
    this.#answers.set(id, value);
  }

  /** What a plugin says of `${word:name}`. */
  bring(word: string, name: string, said: Brought): void {
    this.#brought.set(`${word}:${name}`, said);
  }

  /** The same; undefined where no plugin was asked, or none brings the word. */
  brought(word: string, name: string): Brought | undefined {
    return this.#brought.get(`${word}:${name}`);
  }

  #variable(name: string): Found | undefined {
    const set = this.#set.get(name);
    if (set !== undefined) return { value: set, secret: false, source: "--set" };
    const credential = own(this.#readCredentials(), name);
    if (credential !== undefined) return { value: credential, secret: true, source: "credentials file" };
    const value = own(this.#env, name);
    if (value !== undefined) return { value, secret: false, source: "environment" };
    const file = this.#envFiles.findLast(({ values }) => own(values, name) !== undefined);
    return file && { value: own(file.values, name) ?? "", secret: false, source: `--env-file ${file.path}` };
  }

  /** An input that the config does not describe is taken for a secret, for nothing says that it is none. */
  #input(id: string): Found | undefined {
    const input = this.#inputs.get(id);
    const secret = input?.password ?? input === undefined;
    const found = this.#variable(inputVariable(id));
    if (found) return { ...found, secret: found.secret || secret };
    const answer = this.#answers.get(id);
    if (answer !== undefined) return { value: answer, secret, source: "answer" };
    return input?.default === undefined ? undefined : { value: input.default, secret, source: "default" };
  }

  /** The variables of VS Code that have a meaning here. */
  #predefined(name: string): string | undefined {
    if (name === "userHome") return this.#env.HOME || homedir();
    // VS Code keeps its file in a folder of its own below the one that is meant.
    if (name === "workspaceFolder") return basename(this.#folder) === ".vscode" ? dirname(this.#folder) : this.#folder;
    return undefined;
  }

  #file(name: string): string {
    const path = isAbsolute(name) ? name : resolve(this.#folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new Error(`there is no file ${path}${tildeHint(name)}`);
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    const open = writableByOthers(path);
    if (open !== undefined) throw new Error(`${open} can be written by others; run \`chmod go-w ${open}\``);
    if (stat.size > FILE_BYTES) throw new Error(`${path} is larger than ${FILE_BYTES} bytes`);
    return readText(path).replace(/\r?\n$/, "");
  }

  #readCredentials(): Readonly<Record<string, string>> {
    this.#credentials ??= readCredentials(this.credentialsPath);
    return this.#credentials;
  }
}

/** What every object has by birth (`constructor`, `toString`) is no variable. */
function own(values: Environment, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/** The variable that answers `${input:id}` where there is nobody to ask. */
export function inputVariable(id: string): string {
  return `MCP_HOST_INPUT_${id.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** The credentials file, `$XDG_CONFIG_HOME/mcp-host/credentials.json`, else `~/.config/mcp-host/credentials.json`, whether it is there or not. */
export function credentialsPath(env: Environment = process.env): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "mcp-host", "credentials.json");
}

/** What is wrong with the credentials file, if anything. */
export function credentialsProblem(path: string): string | undefined {
  try {
    readCredentials(path);
    return undefined;
  } catch (error) {
    return (error as Error).message; // it throws Errors with words for the operator
  }
}

/** A flat file NAME → value that only its owner may read; nothing where there is no such file. */
function readCredentials(path: string): Readonly<Record<string, string>> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return {};
  if (process.platform !== "win32" && (stat.mode & 0o077) !== 0)
    throw new Error(`the credentials file ${path} can be read by others; run \`chmod 600 ${path}\``);
  const open = writableByAll(path);
  if (open !== undefined) throw new Error(`others can put another credentials file into ${open}; run \`chmod go-w ${open}\``);
  const text = readText(path);
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    // The parser's own words quote the text, which is secret.
    throw new Error(`the credentials file ${path} is not valid JSON`);
  }
  if (!isObject(values) || Object.values(values).some((value) => typeof value !== "string"))
    throw new Error(`the credentials file ${path} must hold one object of names and strings`);
  return values as Record<string, string>; // just checked
}
