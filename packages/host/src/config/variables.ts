import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { isWritableByOthers } from "./permissions.ts";

/** The environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What `${...}` can refer to. */
export type Reference = { kind: "variable"; name: string } | { kind: "input"; name: string } | { kind: "file"; name: string };

/** A value and whether its source says that it is a secret. */
export interface Found {
  readonly value: string;
  readonly secret: boolean;
}

/** No secret that is read from a file is longer. */
const FILE_BYTES = 64 * 1024;

/** Where values come from: `--set` over the credentials file over the environment (DESIGN section 5). */
export class Variables {
  readonly #set: ReadonlyMap<string, string>;
  readonly #env: Environment;
  readonly #folder: string;
  #credentials: Readonly<Record<string, string>> | undefined;

  /** @param folder what relative `${file:...}` paths begin at */
  constructor(set: ReadonlyMap<string, string>, env: Environment, folder: string) {
    this.#set = set;
    this.#env = env;
    this.#folder = folder;
  }

  /** The value of a reference, or undefined where nobody set it. @throws Error that says what is wrong with its source */
  find(reference: Reference): Found | undefined {
    if (reference.kind === "file") return { value: this.#file(reference.name), secret: true };
    const name = reference.kind === "input" ? inputVariable(reference.name) : reference.name;
    const set = this.#set.get(name);
    if (set !== undefined) return { value: set, secret: reference.kind === "input" };
    const credential = own(this.#readCredentials(), name);
    if (credential !== undefined) return { value: credential, secret: true };
    const value = own(this.#env, name);
    return value === undefined ? undefined : { value, secret: reference.kind === "input" };
  }

  #file(name: string): string {
    const path = isAbsolute(name) ? name : resolve(this.#folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new Error(`there is no file ${path}`);
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    if (isWritableByOthers(stat.mode)) throw new Error(`${path} can be written by others; run \`chmod go-w ${path}\``);
    if (stat.size > FILE_BYTES) throw new Error(`${path} is larger than ${FILE_BYTES} bytes`);
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  }

  #readCredentials(): Readonly<Record<string, string>> {
    this.#credentials ??= readCredentials(credentialsPath(this.#env));
    return this.#credentials;
  }
}

/** What every object has by birth (`constructor`, `toString`) is no variable. */
function own(values: Environment, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/** The variable that answers `${input:id}`, since a gateway has nobody to ask. */
export function inputVariable(id: string): string {
  return `MCP_HOST_INPUT_${id.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

export function credentialsPath(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "mcp-host", "credentials.json");
}

/** A flat file NAME → value that only its owner may read; nothing where there is no such file. */
function readCredentials(path: string): Readonly<Record<string, string>> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return {};
  if (process.platform !== "win32" && (stat.mode & 0o077) !== 0)
    throw new Error(`the credentials file ${path} can be read by others; run \`chmod 600 ${path}\``);
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // The parser's own words quote the text, which is secret.
    throw new Error(`the credentials file ${path} is not valid JSON`);
  }
  if (
    typeof values !== "object" ||
    values === null ||
    Array.isArray(values) ||
    Object.values(values).some((value) => typeof value !== "string")
  )
    throw new Error(`the credentials file ${path} must hold one object of names and strings`);
  return values as Record<string, string>; // just checked
}
