import { isOff } from "../../config/foreign.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { refusal } from "../clients/references.ts";
import { isHost, validName } from "../init/importing.ts";
import type { Place, Report } from "./report.ts";

/** Why a plugin's options have nothing of a server. */
const OFF = "no plugin may name a server that is switched off";

/** What a group, a profile or a tag chooses of one server; what is missing is all of that kind. */
export interface Choice {
  readonly server: string;
  readonly tools?: readonly string[] | undefined;
  readonly prompts?: readonly string[] | undefined;
  readonly resources?: readonly string[] | undefined;
}

/** A selection of servers that clients reach at an address of its own. */
export interface Group {
  readonly at: Place;
  readonly name: string;
  readonly description?: string | undefined;
  readonly choices: readonly Choice[];
}

/** A description that stands in for a server's own. */
export interface Described {
  readonly at: Place;
  readonly server: string;
  readonly kind: "tool" | "prompt" | "resource";
  readonly native: string;
  readonly description: string;
}

/** What another gateway's file comes to, before it is known which plugins there are. */
export class Draft {
  readonly report: Report;
  /** Where relative paths of the new config begin. */
  readonly folder: string;
  readonly servers: Record<string, Json> = {};
  /** Servers as apps that are registered there, as options of the plugin that signs in. */
  readonly apps: Record<string, Json> = {};
  readonly listen: Json = {};
  readonly limits: Json = {};
  readonly groups: Group[] = [];
  readonly described: Described[] = [];
  /** What stands between a server's name and that of a tool. */
  separator = "__";
  /** The gateway asks its clients who they are. */
  guarded = false;
  /** Programs whose output is a value. */
  readonly commands = new Set<string>();
  /** Names of secrets that were in a keyring. */
  readonly secrets = new Set<string>();
  /** Servers by their names there. */
  readonly #names = new Map<string, string>();

  constructor(report: Report, folder: string) {
    this.report = report;
    this.folder = folder;
  }

  /** A name for a server that is valid here and nobody has. */
  nameFor(name: string): string {
    const valid = name === "__proto__" ? "proto" : validName(name); // nothing can have that name
    let free = valid;
    for (let count = 2; Object.hasOwn(this.servers, free); count++) free = `${valid.slice(0, 60)}-${count}`;
    return free;
  }

  /** Takes a server on, unless the config could not have it. @param original its name there */
  add(at: Place, original: string, name: string, server: Json, app?: Json): void {
    const reason = isHost(server, () => false)
      ? "is mcp-host itself, which is never put behind itself"
      : refusal(name, withoutBrought(server), this.folder);
    if (reason !== undefined) {
      this.leave(at, `was left out: ${reason}`, "Correct it there and migrate again, or `mcp-host add` it.");
      return;
    }
    if (name !== original) this.report.changed(at, `is called ${name} here: a server's name is 1 to 64 of A-Z a-z 0-9 _ . -`);
    this.servers[name] = server;
    if (app !== undefined && Object.keys(app).length > 0) {
      if (isOff(server))
        this.report.left([...at, "oauth"], OFF, `After \`mcp-host enable ${name}\`, write it into the options of @host/plugin-oauth.`);
      else this.apps[name] = app;
    }
    this.#names.set(original, name);
  }

  /** Leaves a whole server out. */
  leave(at: Place, told: string, instead?: string): void {
    this.report.withdraw(at);
    this.report.left(at, told, instead);
  }

  /** A server's name here. */
  serverCalled(original: string): string | undefined {
    return this.#names.get(original);
  }

  /** All servers that were taken on, by their names there. */
  originals(): string[] {
    return [...this.#names.keys()];
  }

  /** Takes on a selection; what it names and is not there is told of. */
  group(at: Place, name: string, choices: readonly Choice[], description?: string): void {
    const known = choices.flatMap((choice): Choice[] => {
      const server = this.serverCalled(choice.server);
      if (server !== undefined && !isOff(this.servers[server])) return [{ ...choice, server }];
      if (server !== undefined) {
        this.report.left(
          at,
          `names ${server}, which is switched off: ${OFF}`,
          `After \`mcp-host enable ${server}\`, write it into the profile.`,
        );
        return [];
      }
      this.report.left(at, `names the server "${choice.server}", which is not in the new config`);
      return [];
    });
    if (known.length === 0) {
      this.report.left(at, `"${name}" has no server that is in the new config`);
      return;
    }
    this.groups.push({ at, name, choices: known, ...(description !== undefined && { description }) });
  }

  /** Gives variables to servers that are processes, below what these say themselves. */
  give(values: Readonly<Record<string, string>>, fits: (server: Json) => boolean = () => true): string[] {
    const given = Object.entries(this.servers).filter(([, server]) => server.command !== undefined && fits(server));
    for (const [name, server] of given) this.servers[name] = { ...server, env: { ...values, ...(isObject(server.env) ? server.env : {}) } };
    return given.map(([name]) => name);
  }
}

/** An entry without what a plugin brings: which plugins there are is known later. */
function withoutBrought(server: Json): Json {
  const text = JSON.stringify(server).replace(/\$\{(?:secret|cmd):[^}$]*\}/g, "x");
  return JSON.parse(text) as Json; // of an object
}
