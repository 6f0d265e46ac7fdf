import { isDeepStrictEqual } from "node:util";
import { type Input, parseInputs } from "../../config/inputs.ts";
import { ConfigError } from "../../errors.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { type ClientFile, readClientFile } from "../clients/client-file.ts";
import { CLIENT_NAMES, type ClientName, clientOf, type Scope } from "../clients/clients.ts";
import type { Machine } from "../clients/machine.ts";
import { refusal } from "../clients/references.ts";
import { type Rules, rulesOf } from "./rules.ts";
import { translate } from "./translate.ts";

/** One server of a client's file. */
export interface Entry {
  readonly name: string;
  readonly value: unknown;
  /** Where it is in the file. */
  readonly at: readonly string[];
}

/** A client's file that has servers. */
export interface Source {
  readonly id: ClientName;
  readonly path: string;
  readonly entries: readonly Entry[];
  /** What VS Code asks people for. */
  readonly inputs: readonly Input[];
  readonly scope: Scope;
  /** What the client's settings say of its servers. */
  readonly rules: Rules;
}

/** What was found on the machine. */
export interface FoundServers {
  readonly sources: readonly Source[];
  /** Files that are there and cannot be read. */
  readonly problems: readonly string[];
}

/** What came of an import. */
export interface Imported {
  /** The config's `mcpServers`. */
  readonly servers: Readonly<Record<string, Json>>;
  /** The config's `inputs`: what these servers ask people for. */
  readonly inputs: readonly Input[];
  /** What clients say of servers as apps that are registered with these, as options of the plugin that signs in. */
  readonly apps: Readonly<Record<string, Json>>;
  /** Which client each is of. */
  readonly from: Readonly<Record<string, ClientName>>;
  /** What was changed or left out. */
  readonly told: readonly Note[];
}

/** A line for people. */
export interface Note {
  readonly line: string;
  /** The server of the config that it is about. */
  readonly about?: string;
}

/** Looks for the config files of all clients: the user's, and those of the project in this folder. */
export async function findServers(machine: Machine): Promise<FoundServers> {
  const found = await Promise.all(CLIENT_NAMES.map((id) => serversOf(id, machine)));
  return { sources: found.flatMap(({ sources }) => sources), problems: found.flatMap(({ problems }) => problems) };
}

/** What one client has. Its files are read together, since one may say which servers of another it uses. */
export async function serversOf(id: ClientName, machine: Machine): Promise<FoundServers> {
  const client = clientOf(id);
  const files = client.files(machine);
  const problems: string[] = [];
  const read = async (path: string | undefined): Promise<ClientFile | undefined> => {
    if (path === undefined) return undefined;
    try {
      return await readClientFile(client, path);
    } catch (error) {
      problems.push((error as Error).message); // Errors with words for people
      return undefined;
    }
  };
  const user = await read(files.user);
  const project = files.project === files.user ? undefined : await read(files.project);
  const further = await Promise.all((client.settings?.(machine) ?? []).map(read));
  const contents = [user, project, ...further].flatMap((file) => (file ? [file.value] : []));
  const rules = rulesOf(id, contents, machine);
  const source = (file: ClientFile | undefined, scope: Scope): Source[] => {
    const entries = file ? entriesOf(id, file, machine) : [];
    const inputs = file && inputsOf(file, problems);
    return file && inputs && entries.length > 0 ? [{ id, path: file.path, scope, entries, inputs, rules }] : [];
  };
  return { sources: [...source(user, "user"), ...source(project, "project")], problems };
}

/** The questions of a file, or undefined where they are wrong. */
function inputsOf({ path, value }: ClientFile, problems: string[]): readonly Input[] | undefined {
  try {
    return value.inputs === undefined ? [] : parseInputs(value.inputs);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(`${path}: ${error.problems.join("; ")}`);
    return undefined;
  }
}

/** The servers of a file. Claude Code keeps some for one project of one user, which count for more than others of their name. */
function entriesOf(id: ClientName, { servers, value }: ClientFile, { folder }: Machine): Entry[] {
  const { key } = clientOf(id);
  const project = id === "claude-code" && isObject(value.projects) ? value.projects[folder] : undefined;
  const own = isObject(project) && isObject(project[key]) ? project[key] : {};
  const at = (map: Json, path: readonly string[]): Entry[] =>
    Object.entries(map).map(([name, value]) => ({ name, value, at: [...path, key, name] }));
  return [...at(servers, []).filter(({ name }) => !Object.hasOwn(own, name)), ...at(own, ["projects", folder])];
}

/**
 * Brings servers of clients into one map, with names that are valid and unique.
 * @param own says which addresses are the host's own: it is never put behind itself
 */
export function importServers(sources: readonly Source[], machine: Machine, own: (url: string) => boolean): Imported {
  const servers: Record<string, Json> = {};
  const apps: Record<string, Json> = {};
  const from: Record<string, ClientName> = {};
  const told: Note[] = [];
  const leave = (whose: string, reason: string): void => void told.push({ line: `left out ${whose}: ${reason}` });
  for (const { id, path, scope, entries, rules } of sources) {
    const client = clientOf(id);
    for (const { name, value } of entries) {
      const whose = `${name} of ${client.title}`;
      const translated = translate(value, { client, machine, path, rule: rules(name, scope === "project") });
      if ("refused" in translated) {
        leave(whose, translated.refused);
        continue;
      }
      const { server, app, dropped } = translated;
      if (isHost(server, own)) {
        leave(whose, "it is mcp-host itself");
        continue;
      }
      const valid = validName(name);
      const reason = refusal(valid, server, machine.folder);
      if (reason !== undefined) {
        leave(whose, reason);
        continue;
      }
      const same = Object.entries(servers).find(([, other]) => isDeepStrictEqual(untimed(other), untimed(server)));
      if (same) {
        told.push({ about: same[0], line: `${whose} is the same as ${same[0]}` });
        continue;
      }
      const free = freeName(valid, id, servers);
      servers[free] = server;
      from[free] = id;
      if (app) apps[free] = app;
      if (free !== name) told.push({ about: free, line: `${whose} is called ${free} here` });
      const keys = dropped.map((key) => `"${key}"`).join(", ");
      if (keys !== "") told.push({ about: free, line: `${free}: what ${client.title} says with ${keys} has no meaning here` });
    }
  }
  return { servers, apps, from, told, inputs: askedBy(servers, sources) };
}

/** The same with some of the servers only, and what concerns these. */
export function onlyOf({ servers, told, inputs, ...rest }: Imported, names: readonly string[]): Imported {
  const left = Object.fromEntries(Object.entries(servers).filter(([name]) => names.includes(name)));
  return {
    ...rest,
    servers: left,
    told: told.filter(({ about }) => about === undefined || names.includes(about)),
    inputs: askedBy(left, [{ inputs }]),
  };
}

/** The questions that servers ask, each once. */
function askedBy(servers: Imported["servers"], sources: readonly Pick<Source, "inputs">[]): Input[] {
  const text = JSON.stringify(servers);
  const asked = sources.flatMap(({ inputs }) => inputs).filter(({ id }) => text.includes(`\${input:${id}}`));
  return asked.filter(({ id }, index) => asked.findIndex((input) => input.id === id) === index);
}

/** What a server is, and which tools of it are used: a client's patience makes no other one of it. */
function untimed({ startTimeout, timeout, maxTimeout, ...rest }: Json): Json {
  return rest;
}

/** Whether an entry starts or reaches a host like this one. */
export function isHost({ command, args, url }: Json, own: (url: string) => boolean): boolean {
  if (typeof url === "string") return own(url);
  const words = [command, ...(Array.isArray(args) ? args : [])].flatMap((word) => String(word).split(/\s+/));
  return words.some((word) => /(^|[\\/])mcp-host(@[\w.^~-]+)?(\.[cm]?js|\.cmd|\.exe)?$/.test(word)) && words.includes("start");
}

/** The nearest name that a server may have. */
export function validName(name: string): string {
  const valid = name
    .replace(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 64);
  // linear: it is short by now
  return valid.replace(/-+$/, "") || "server";
}

function freeName(name: string, client: ClientName, taken: Readonly<Record<string, Json>>): string {
  if (!Object.hasOwn(taken, name)) return name;
  const base = `${name.slice(0, 40)}-${client}`;
  let free = base;
  for (let count = 2; Object.hasOwn(taken, free); count++) free = `${base}-${count}`;
  return free;
}
