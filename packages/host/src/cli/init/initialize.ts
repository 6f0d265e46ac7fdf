import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { backUp } from "../../config/backup.ts";
import { configsIn } from "../../config/locate.ts";
import { replaceFile } from "../../config/replace.ts";
import { findHosts } from "../../operator/control-client.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { registerSecret } from "../../redact.ts";
import type { Json } from "../../wire/message.ts";
import { CLIENT_NAMES, type ClientName, clientOf } from "../clients/clients.ts";
import { type Machine, thisMachine } from "../clients/machine.ts";
import { missingVariables, refusal } from "../clients/references.ts";
import { portOf } from "../command-line/options.ts";
import { typedCommand } from "../command-line/typed-command.ts";
import { Dialogue, isAsking } from "../terminal/dialogue.ts";
import { configText, type Format, helloServer, serverFromFlag } from "./first-config.ts";
import { type FoundServers, findServers, type Imported, importServers, onlyOf, type Source } from "./importing.ts";
import { firstPlugins } from "./plugins.ts";
import { countSecrets, keepCredentials, moveSecrets, SecretNames, secretsOf } from "./secrets.ts";

const HELLO = "No server was found or named: hello, which greets and comes with mcp-host, is one to begin with.";

/** The flags of `init`. */
export interface InitFlags {
  yes?: boolean | undefined;
  import?: string | undefined;
  servers: readonly string[];
  port?: string | undefined;
  format?: string | undefined;
  credentials?: boolean | undefined;
  force?: boolean | undefined;
  "dry-run"?: boolean | undefined;
}

/** What was done, and what is to be done next. */
export interface InitReport {
  readonly path: string;
  readonly written: boolean;
  /** The config that was there before. */
  readonly backup?: string | undefined;
  /** Where secrets went, and what they are called there. */
  readonly credentials?: { readonly path: string; readonly names: readonly string[] } | undefined;
  /** What would be written. */
  readonly text?: string;
  readonly servers: readonly string[];
  readonly found: readonly { readonly client: ClientName; readonly path: string; readonly servers: readonly string[] }[];
  /** What was changed, left out or not found. */
  readonly notes: readonly string[];
  /** Variables that nobody has set, and the servers that want them. */
  readonly missing?: readonly { readonly variable: string; readonly servers: readonly string[] }[];
  /** Commands, each with what it does. */
  readonly next?: readonly { readonly command: string; readonly does: string }[];
}

/** Makes the first config as the flags say it and whoever is at the terminal. @throws UsageError, Error where there is a config already */
export async function initialize(flags: InitFlags): Promise<InitReport> {
  const machine = thisMachine();
  const path = pathFor(flags, machine.folder);
  const choice = clientChoice(flags);
  const found = await findServers(machine);
  const sources = typeof choice === "string" ? found.sources : found.sources.filter(({ id }) => choice.includes(id));
  const own = await ownAddresses(flags.port === undefined ? 3000 : portOf(flags.port));
  const offered = importServers(sources, machine, own);
  for (const secret of secretsOf(offered.servers)) registerSecret(secret);
  const imported = withFlags(choice === "ask" ? await ticked(offered) : offered, flags.servers, machine.folder);
  const move = await movesSecrets(imported, flags, choice === "ask");
  const { servers, values } = move
    ? moveSecrets(imported.servers, new SecretNames(machine.folder))
    : { servers: imported.servers, values: {} };
  for (const secret of secretsOf(imported.servers)) registerSecret(secret);
  const { config, notes, signsIn } = await configOf({ ...imported, servers }, flags, machine.folder);
  const text = await configText(config, (flags.format ?? "json") as Format); // one of its options
  const dry = flags["dry-run"] === true;
  const written = dry ? undefined : await write(path, text, values);
  return {
    path,
    written: !dry,
    ...written,
    // What was written holds the secrets that were not moved.
    ...(dry && { text }),
    servers: Object.keys(config.mcpServers),
    found: found.sources.map((source) => ({ client: source.id, path: source.path, servers: source.entries.map(({ name }) => name) })),
    notes: [
      ...found.problems,
      ...without(found, choice),
      ...imported.told.map(({ line }) => line),
      ...missingFiles(servers, machine),
      ...notes,
    ],
    ...(!dry && { missing: missingOf({ ...imported, servers }, machine), next: nextSteps(sources, signsIn) }),
  };
}

/** Where the config goes. @throws Error where there is one already */
function pathFor({ format = "json", force, "dry-run": dry }: InitFlags, folder: string): string {
  const path = join(folder, `mcp-host.config.${format}`);
  const there = configsIn(folder);
  const other = there.find((file) => file !== path);
  if (dry === true || there.length === 0) return path;
  if (force !== true) throw new Error(`there is a config already: ${there.join(", ")}; --force replaces it and keeps a copy`);
  if (other !== undefined) throw new Error(`beside ${path}, ${other} would be a second config; remove it, or give --format for its form`);
  return path;
}

/** Whose servers the flags ask for. @throws UsageError where nobody can be asked and the flags say nothing */
function clientChoice(flags: InitFlags): "ask" | "all" | readonly ClientName[] {
  if (flags.import === "all") return "all";
  if (flags.import === "none") return [];
  if (flags.import !== undefined) {
    const names = flags.import.split(",").map((name) => name.trim());
    const unknown = names.find((name) => !CLIENT_NAMES.includes(name as ClientName)); // asked of any text
    if (unknown !== undefined) throw new UsageError(`--import: "${unknown}" is not one of all, none, ${CLIENT_NAMES.join(", ")}`);
    return names as ClientName[]; // just checked
  }
  if (flags.yes === true) return "all";
  if (flags.servers.length > 0) return [];
  if (!isAsking())
    throw new UsageError("there is no terminal to ask on; pass --yes, or say with --import and --server what the config is to have");
  return "ask";
}

/** What stays ticked of all that was found. */
async function ticked(imported: Imported): Promise<Imported> {
  const names = Object.keys(imported.servers);
  if (names.length === 0) return imported;
  const items = Object.entries(imported.servers).map(([name, { command, args = [], url }]) => {
    const client = imported.from[name];
    const what = [url ?? command, args].flat().join(" ");
    return { name, hint: client === undefined ? what : `${clientOf(client).title}: ${what}` };
  });
  const { checklist } = await import("../terminal/checklist.ts");
  return onlyOf(imported, await checklist("Which servers are to be behind the host? (a ticks all or none)", items));
}

async function movesSecrets({ servers }: Imported, flags: InitFlags, asks: boolean): Promise<boolean> {
  if (flags.credentials === true) return true;
  const count = countSecrets(servers);
  if (!asks || count === 0) return false;
  const what = count === 1 ? "One value looks like a secret" : `${count} values look like secrets`;
  using dialogue = new Dialogue();
  return await dialogue.confirm(`${what}. Keep them in the credentials file, which only you can read, and not in the config?`, true);
}

/** The host's own addresses: where one runs, and where this config will listen. */
async function ownAddresses(port: number): Promise<(url: string) => boolean> {
  const running = (await findHosts().catch(() => [])).flatMap(({ url }) => url ?? []);
  return (url) => {
    if (running.includes(url)) return true;
    if (!URL.canParse(url)) return false;
    const { hostname, port: theirs, pathname } = new URL(url);
    return ["127.0.0.1", "localhost", "[::1]"].includes(hostname) && theirs === String(port) && pathname === "/mcp";
  };
}

/** Adds the servers that the command line names, which come before those of clients. */
function withFlags({ servers, told, ...rest }: Imported, flags: readonly string[], folder: string): Imported {
  const named: Record<string, Json> = {};
  for (const flag of flags) {
    const [name, server] = serverFromFlag(flag) ?? [];
    if (name === undefined || server === undefined)
      throw new UsageError(`--server: "${flag}" must be name=command with arguments, or name=https://...`);
    if (Object.hasOwn(named, name)) throw new UsageError(`--server: "${name}" is given twice; give each server a name of its own`);
    const reason = refusal(name, server, folder);
    if (reason !== undefined) throw new UsageError(`--server ${name}: ${reason}`);
    named[name] = server;
  }
  const hidden = Object.keys(servers).filter((name) => Object.hasOwn(named, name));
  return {
    ...rest,
    servers: { ...named, ...servers, ...named },
    told: [...told, ...hidden.map((name) => ({ line: `${name} is the one of --server`, about: name }))],
  };
}

/** The config, what there is to say of it, and whether somebody can sign in with it. */
async function configOf(
  { servers, inputs, apps }: Imported,
  flags: InitFlags,
  folder: string,
): Promise<{ config: Json & { mcpServers: Json }; notes: readonly string[]; signsIn: boolean }> {
  const isEmpty = Object.keys(servers).length === 0;
  const all = isEmpty ? { hello: helloServer() } : servers;
  const { plugins, notes, signsIn } = await firstPlugins(all, apps, folder);
  return {
    config: {
      ...(flags.port !== undefined && { listen: { port: portOf(flags.port) } }),
      ...(inputs.length > 0 && { inputs }),
      mcpServers: all,
      ...(plugins.length > 0 && { plugins }),
    },
    notes: isEmpty ? [HELLO] : notes,
    signsIn,
  };
}

async function write(
  path: string,
  text: string,
  values: Readonly<Record<string, string>>,
): Promise<Pick<InitReport, "backup" | "credentials">> {
  const backup = await backUp(path);
  const names = Object.keys(values);
  // Before the config, which would not load without them.
  const credentials = names.length > 0 ? { path: await keepCredentials(values), names } : undefined;
  replaceFile(path, text);
  return { backup, credentials };
}

/** Clients that were asked for and have nothing. */
function without({ sources }: FoundServers, choice: ReturnType<typeof clientChoice>): string[] {
  if (typeof choice === "string") return [];
  return choice.filter((id) => !sources.some((source) => source.id === id)).map((id) => `${clientOf(id).title} has no file with servers.`);
}

/** Variables that servers need and nobody has set, each with who takes it. */
function missingOf({ servers, inputs }: Imported, { folder }: Machine): NonNullable<InitReport["missing"]> {
  const takers = new Map<string, string[]>();
  for (const [name, server] of Object.entries(servers))
    for (const variable of missingVariables(server, folder, inputs)) takers.set(variable, [...(takers.get(variable) ?? []), name]);
  return [...takers].map(([variable, names]) => ({ variable, servers: names }));
}

/** Files of variables that are not there yet. */
function missingFiles(servers: Imported["servers"], { folder }: Machine): string[] {
  return Object.entries(servers).flatMap(([name, { envFile }]) => {
    if (typeof envFile !== "string" || envFile.includes("${") || existsSync(resolve(folder, envFile))) return [];
    return `${name} takes variables from ${resolve(folder, envFile)}, and there is no such file yet`;
  });
}

function nextSteps(sources: readonly Source[], signsIn: boolean): NonNullable<InitReport["next"]> {
  const command = typedCommand();
  const client = sources[0]?.id ?? "claude-code";
  const replaces = "puts the host into every client, in the place of these servers; `uninstall --all` undoes it";
  return [
    ...(signsIn ? [{ command: `${command} login --all`, does: "signs in to each server that wants it, in the browser" }] : []),
    { command: `${command} validate --connect`, does: "starts or reaches each server once" },
    { command: `${command} client-config ${client}`, does: `prints what connects ${clientOf(client).title}; \`install\` writes it there` },
    ...(sources.length > 0 ? [{ command: `${command} install --all --replace`, does: replaces }] : []),
    { command: `${command} start`, does: "serves over HTTP" },
  ];
}
