import { existsSync, readFileSync, statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { parse, type TomlError } from "smol-toml";
import { parseText } from "../../config/read.ts";
import { decode } from "../../config/text-file.ts";
import { type Edit, editText } from "../../config/write.ts";
import { ConfigError } from "../../errors.ts";
import { isObject, type Json } from "../../wire/message.ts";
import type { Client } from "./clients.ts";
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

/** One change to a client's file: an entry at a place, or none there. */
export interface EntryChange {
  readonly at: readonly string[];
  readonly entry: Json | undefined;
}

/**
 * The text of a client's file with entries put in, in the client's own form, and taken out, with the questions that only these asked.
 * Comments and everything else stay.
 * @param asked questions that entries need
 * @throws Error where the file's form does not allow that
 */
export async function withChanges(
  client: Client,
  file: ClientFile,
  changes: readonly EntryChange[],
  asked: readonly Json[] = [],
): Promise<string> {
  // What is written anew gets another form, though it says the same.
  const due = changes.filter(({ at, entry }) => !isDeepStrictEqual(valueAt(file.value, at), entry));
  const entries = due.reduce<Json>((value, { at, entry }) => withValue(value, at, entry), file.value);
  const left = inputsOf(file).filter((input) => !droppedInputs(file, entries).includes(input));
  const inputs = [...left, ...asked.filter(({ id }) => !left.some((input) => input.id === id))];
  const changed = !isDeepStrictEqual(inputs, inputsOf(file));
  const wanted = { ...entries, ...(changed && { inputs }) };
  const edits: Edit[] = [
    ...due.map(({ at, entry }) => ({ path: at, value: entry })),
    ...(changed ? [{ path: ["inputs"], value: inputs }] : []),
  ];
  return edited(client, file, edits, wanted);
}

/** Questions of VS Code that no entry asks any more. */
export function droppedInputs(file: ClientFile, after: Json): Json[] {
  const asks = ({ inputs, ...entries }: Json, { id }: Json): boolean => JSON.stringify(entries).includes(`\${input:${String(id)}}`);
  return inputsOf(file).filter((input) => asks(file.value, input) && !asks(after, input));
}

/** The value with another one at a place in it; undefined takes it out. */
export function withValue(value: Json, [key = "", ...path]: readonly string[], entry: Json | undefined): Json {
  const inner = value[key];
  if (path.length > 0) return { ...value, [key]: withValue(isObject(inner) ? inner : {}, path, entry) };
  const { [key]: _, ...rest } = value;
  if (entry === undefined) return rest;
  return { ...value, [key]: entry };
}

/** What stands at a place of a file, or undefined where nothing does. */
export function valueAt(value: Json, path: readonly string[]): Json | undefined {
  return path.reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), value) as Json | undefined; // an entry
}

function inputsOf({ value }: ClientFile): Json[] {
  return Array.isArray(value.inputs) ? value.inputs.filter(isObject) : [];
}

/** Edits the text and reads it again: what would be written must say what is wanted, and nothing else may have changed. */
async function edited(client: Client, file: ClientFile, edits: readonly Edit[], wanted: Json): Promise<string> {
  const { text = "", path } = file;
  const after =
    client.format === "toml"
      ? edits.reduce((rest, { path, value }) => withTable(rest, path.map(String), value as Json | undefined), text) // entries alone: no TOML has inputs
      : await editText(text, ".jsonc", edits);
  // A file without its last entry may lack their table, and TOML's dates are compared as they are written in JSON.
  const plain = (value: Json): unknown => JSON.parse(JSON.stringify({ ...value, [client.key]: value[client.key] ?? {} }));
  const result = await contentOf(after.replace(/^\uFEFF/, ""), client.format, path).catch(() => undefined);
  if (!result || !isDeepStrictEqual(plain(result), plain(wanted))) {
    const names = edits.flatMap((edit) => (edit.path[0] === "inputs" ? [] : `"${edit.path.at(-1)}"`)).join(", ");
    throw new Error(`${path}: ${names} cannot be written there without touching the rest, so it is left alone; change it by hand`);
  }
  return after;
}
