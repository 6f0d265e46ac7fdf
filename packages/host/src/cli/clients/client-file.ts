import { existsSync, readFileSync, statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { parse, type TomlError } from "smol-toml";
import { parseText } from "../../config/read.ts";
import { decode } from "../../config/text-file.ts";
import { type Edit, editText } from "../../config/write.ts";
import { ConfigError } from "../../errors.ts";
import { isObject, type Json } from "../../wire/message.ts";
import type { Client, ServerEntry } from "./clients.ts";
import { withTable } from "./toml-table.ts";

/** A client's config file as it is now. */
export interface ClientFile {
  readonly path: string;
  /** Undefined where there is no such file yet. */
  readonly text: string | undefined;
  /** What it holds. */
  readonly value: Json;
  /** The servers of it, by name. */
  readonly servers: Json;
}

/** Claude Code keeps its whole memory beside its servers. */
const BYTES = 64 * 1024 * 1024;

/** Reads a client's file. @throws Error that names the file and what is wrong with it */
export async function readClientFile({ format, key, title }: Client, path: string): Promise<ClientFile> {
  if (!existsSync(path)) return { path, text: undefined, value: {}, servers: {} };
  const stat = statSync(path);
  if (!stat.isFile() || stat.size > BYTES) throw new Error(`${path} is no file that ${title} can have written`);
  const text = decode(readFileSync(path), path);
  const value = await contentOf(text.replace(/^\uFEFF/, ""), format, path);
  const servers = value[key] ?? {};
  if (!isObject(servers)) throw new Error(`${path}: "${key}" must be an object of servers; correct it first`);
  return { path, text, value, servers };
}

async function contentOf(text: string, format: Client["format"], path: string): Promise<Json> {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = format === "toml" ? parse(text) : await parseText(text, ".jsonc");
  } catch (error) {
    throw new Error(`${path} cannot be read, so it is left alone; correct it first: ${reasonOf(error)}`);
  }
  if (!isObject(value)) throw new Error(`${path} holds no object at its top, so it is left alone; correct it first`);
  return value;
}

function reasonOf(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join("; ");
  const { line, column, message } = error as TomlError; // the parser throws nothing else
  return `${line}:${column}: ${message.split("\n")[0]}`;
}

/**
 * The text of a client's file with one server put in, in the client's own form. Comments and everything else stay.
 * @throws Error where the file's form does not allow that
 */
export async function withServer(client: Client, file: ClientFile, name: string, entry: ServerEntry): Promise<string> {
  const rendered = client.render(entry);
  const inputs = (client.beside?.(entry).inputs ?? []) as Json[]; // what `beside` makes
  const missing = inputs.filter(({ id }) => !inputsOf(file).some((input) => input.id === id));
  const wanted = {
    ...file.value,
    [client.key]: { ...file.servers, [name]: rendered },
    ...(missing.length > 0 && { inputs: [...inputsOf(file), ...missing] }),
  };
  return edited(client, file, name, rendered, wanted);
}

/** The text of a client's file without one server, and without the questions that only it asked. */
export async function withoutServer(client: Client, file: ClientFile, name: string): Promise<string> {
  const { [name]: gone, ...rest } = file.servers;
  const asked = (entry: unknown, id: unknown): boolean => JSON.stringify(entry ?? {}).includes(`\${input:${String(id)}}`);
  const inputs = inputsOf(file).filter(({ id }) => !asked(gone, id) || asked(rest, id));
  const wanted = {
    ...file.value,
    [client.key]: rest,
    ...(inputs.length < inputsOf(file).length && { inputs }),
  };
  return edited(client, file, name, undefined, wanted);
}

function inputsOf({ value }: ClientFile): Json[] {
  return Array.isArray(value.inputs) ? value.inputs.filter(isObject) : [];
}

/** Edits the text and reads it again: what would be written must say what is wanted, and nothing else may have changed. */
async function edited(client: Client, file: ClientFile, name: string, entry: Json | undefined, wanted: Json): Promise<string> {
  const { text = "", path } = file;
  const after =
    client.format === "toml"
      ? withTable(text, [client.key, name], entry)
      : await editText(text, ".jsonc", editsOf(client, file, name, entry, wanted));
  // A file without its last entry may lack their table, and TOML's dates are compared as they are written in JSON.
  const plain = (value: Json): unknown => JSON.parse(JSON.stringify({ ...value, [client.key]: value[client.key] ?? {} }));
  const result = await contentOf(after.replace(/^\uFEFF/, ""), client.format, path).catch(() => undefined);
  if (!result || !isDeepStrictEqual(plain(result), plain(wanted)))
    throw new Error(`${path}: "${name}" cannot be written there without touching the rest, so it is left alone; change it by hand`);
  return after;
}

function editsOf({ key }: Client, file: ClientFile, name: string, entry: Json | undefined, wanted: Json): Edit[] {
  return [
    { path: [key, name], value: entry },
    ...(isDeepStrictEqual(wanted.inputs, file.value.inputs) ? [] : [{ path: ["inputs"], value: wanted.inputs }]),
  ];
}
