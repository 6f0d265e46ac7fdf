import { isDeepStrictEqual } from "node:util";
import { type Input, parseInputs } from "../../config/inputs.ts";
import { ConfigError } from "../../errors.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { readClientFile } from "../clients/client-file.ts";
import { CLIENT_NAMES, type ClientName, clientOf, type Scope } from "../clients/clients.ts";
import type { Machine } from "../clients/machine.ts";
import { refusal } from "../clients/references.ts";
import { translate } from "./translate.ts";

/** A client's file that has servers. */
export interface Source {
  readonly id: ClientName;
  readonly path: string;
  readonly servers: Json;
  /** What VS Code asks people for. */
  readonly inputs: readonly Input[];
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
  /** What was changed or left out, a line each. */
  readonly told: readonly string[];
}

/** Looks for the config files of all clients: the user's, and those of the project in this folder. */
export async function findServers(machine: Machine): Promise<FoundServers> {
  const sources: Source[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const id of CLIENT_NAMES) {
    const files = clientOf(id).files(machine);
    for (const scope of ["user", "project"] as const satisfies readonly Scope[]) {
      const path = files[scope];
      if (path === undefined || seen.has(path)) continue;
      seen.add(path);
      try {
        const { servers, value } = await readClientFile(clientOf(id), path);
        const all = { ...servers, ...(id === "claude-code" && serversOfProject(value, machine)) };
        const inputs = value.inputs === undefined ? [] : parseInputs(value.inputs);
        if (Object.keys(all).length > 0) sources.push({ id, path, servers: all, inputs });
      } catch (error) {
        problems.push(error instanceof ConfigError ? `${path}: ${error.problems.join("; ")}` : (error as Error).message); // Errors with words for people
      }
    }
  }
  return { sources, problems };
}

/** What Claude Code keeps for one project of one user. */
function serversOfProject({ projects }: Json, { folder }: Machine): Json {
  const project = isObject(projects) ? projects[folder] : undefined;
  return isObject(project) && isObject(project.mcpServers) ? project.mcpServers : {};
}

/**
 * Brings servers of clients into one map, with names that are valid and unique.
 * @param own says which addresses are the host's own: it is never put behind itself
 */
export function importServers(sources: readonly Source[], machine: Machine, own: (url: string) => boolean): Imported {
  const servers: Record<string, Json> = {};
  const told: string[] = [];
  const asked = new Map<string, Input>();
  for (const { id, servers: entries, inputs } of sources) {
    const client = clientOf(id);
    for (const [name, entry] of Object.entries(entries)) {
      const whose = `${name} of ${client.title}`;
      const translated = translate(entry, { client, machine });
      if ("refused" in translated) {
        told.push(`left out ${whose}: ${translated.refused}`);
        continue;
      }
      const { server, dropped } = translated;
      if (isHost(server, own)) {
        told.push(`left out ${whose}: it is mcp-host itself`);
        continue;
      }
      const valid = validName(name);
      const reason = refusal(valid, server, machine.folder);
      if (reason !== undefined) {
        told.push(`left out ${whose}: ${reason}`);
        continue;
      }
      const same = Object.entries(servers).find(([, other]) => isDeepStrictEqual(other, server));
      if (same) {
        told.push(`${whose} is the same as ${same[0]}`);
        continue;
      }
      const free = freeName(valid, id, servers);
      servers[free] = server;
      const text = JSON.stringify(server);
      for (const input of inputs) if (text.includes(`\${input:${input.id}}`) && !asked.has(input.id)) asked.set(input.id, input);
      if (free !== name) told.push(`${whose} is called ${free} here`);
      if (dropped.length > 0)
        told.push(`${free}: what ${client.title} says with ${dropped.map((key) => `"${key}"`).join(", ")} has no meaning here`);
    }
  }
  return { servers, inputs: [...asked.values()], told };
}

/** Whether an entry starts or reaches a host like this one. */
function isHost({ command, args, url }: Json, own: (url: string) => boolean): boolean {
  if (typeof url === "string") return own(url);
  const words = [command, ...(Array.isArray(args) ? args : [])].flatMap((word) => String(word).split(/\s+/));
  return words.some((word) => /(^|[\\/])mcp-host(@[\w.^~-]+)?(\.[cm]?js|\.cmd|\.exe)?$/.test(word)) && words.includes("start");
}

function validName(name: string): string {
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
