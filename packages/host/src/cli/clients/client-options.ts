import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { ArgsDef } from "citty";
import { jsonArgs } from "../../operator/host-choice.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { configArgs } from "../command-line/options.ts";
import { CLIENT_NAMES, type Client, type ClientName, clientOf, type Scope } from "./clients.ts";
import { type Machine, thisMachine } from "./machine.ts";

const fileArgs = {
  scope: {
    type: "enum",
    options: ["user", "project"],
    description: "The client's file for every project, or the one of the project in this folder. Default: user",
  },
  name: { type: "string", valueHint: "name", description: "What the client calls the host. Default: mcp-host" },
} as const satisfies ArgsDef;

/** Which client, and which of its files. */
export const clientArgs = {
  client: { type: "positional", required: true, valueHint: CLIENT_NAMES.join("|"), description: "The client" },
  ...fileArgs,
} as const satisfies ArgsDef;

/** The same, or every client that there is. */
export const clientsArgs = {
  client: {
    type: "positional",
    required: false,
    valueHint: CLIENT_NAMES.join("|"),
    description: "The client, unless --all says every one",
  },
  all: { type: "boolean", description: "Every client that is found on this machine" },
  ...fileArgs,
} as const satisfies ArgsDef;

/** What its entry for the host says. */
export const entryArgs = {
  stdio: { type: "boolean", description: "The client starts a host of its own. The default" },
  http: { type: "boolean", description: "The client connects to the host that runs, or to where the config listens" },
  url: { type: "string", valueHint: "url", description: "The client connects to this address" },
  endpoint: { type: "string", valueHint: "name", description: "The client comes in by an endpoint that a plugin opens, /mcp/p/<name>" },
  profile: { type: "string", valueHint: "name", description: "The same as --endpoint" },
  ...configArgs,
} as const satisfies ArgsDef;

/** How a change of somebody's file is agreed on. */
export const changeArgs = {
  yes: { type: "boolean", description: "Write without asking" },
  "dry-run": { type: "boolean", description: "Show what would be written, and write nothing" },
  ...jsonArgs,
} as const satisfies ArgsDef;

export interface ClientFlags {
  client?: string | undefined;
  all?: boolean | undefined;
  scope?: string | undefined;
  name?: string | undefined;
}

export interface EntryFlags extends ClientFlags {
  stdio?: boolean | undefined;
  http?: boolean | undefined;
  url?: string | undefined;
  endpoint?: string | undefined;
  profile?: string | undefined;
  config?: string | undefined;
}

/** The endpoint that the client comes in by; undefined for the unnamed one. @throws UsageError where two are named */
export function endpointOf({ endpoint, profile }: EntryFlags): string | undefined {
  if (endpoint !== undefined && profile !== undefined && endpoint !== profile)
    throw new UsageError("--endpoint and --profile mean the same and name two endpoints; give one of them");
  return endpoint ?? profile;
}

export interface ChangeFlags {
  yes?: boolean | undefined;
  "dry-run"?: boolean | undefined;
  json?: boolean | undefined;
}

/** A client and the file of it that is meant. */
export interface Target {
  readonly id: ClientName;
  readonly client: Client;
  readonly scope: Scope;
  readonly path: string;
  /** What the host is called there. */
  readonly name: string;
}

/** @throws UsageError where the client has no such file */
export function targetOf(flags: ClientFlags, machine: Machine = thisMachine()): Target {
  const id = flags.client as ClientName; // one of the positional's values, or the command would not run
  const client = clientOf(id);
  const scope = scopeOf(flags);
  const path = client.files(machine)[scope];
  if (path === undefined) throw new UsageError(`--scope: ${client.title} has no file for a project; leave --scope out`);
  const name = flags.name ?? "mcp-host";
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) throw new UsageError(`--name: "${name}" must be 1 to 64 of A-Z a-z 0-9 _ -`);
  return { id, client, scope, path, name };
}

/** The one client that is named, or with `--all` every one that keeps a file here, or a folder for it. @throws UsageError */
export function targetsOf(flags: ClientFlags, machine: Machine = thisMachine()): Target[] {
  if (flags.all !== true) {
    if (flags.client === undefined) throw new UsageError(`name a client, or all that are found with --all: ${CLIENT_NAMES.join(", ")}`);
    return [targetOf(flags, machine)];
  }
  if (flags.client !== undefined) throw new UsageError(`--all means every client, and "${flags.client}" one; give one of them`);
  const isThere = (path: string | undefined): boolean => {
    if (path === undefined) return false;
    const folder = dirname(path);
    return existsSync(path) || (folder !== machine.home && folder !== machine.folder && existsSync(folder));
  };
  const found = CLIENT_NAMES.filter((id) => isThere(clientOf(id).files(machine)[scopeOf(flags)]));
  return found.map((client) => targetOf({ ...flags, client }, machine));
}

function scopeOf({ scope }: ClientFlags): Scope {
  return (scope ?? "user") as Scope; // one of its options
}
