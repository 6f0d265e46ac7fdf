import { existsSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import type { ArgsDef } from "citty";
import { ConfigFileError, type LoadedConfig, loadConfig } from "../../config/load.ts";
import { configsIn, findConfig } from "../../config/read.ts";
import { createHost } from "../../host/host.ts";
import { createLogger } from "../../log.ts";
import type { ControlStatus } from "../../operator/control.ts";
import { askAll, NoHostError } from "../../operator/control-client.ts";
import { BIN } from "../installed.ts";
import { configArgs } from "../options.ts";
import { typedCommand } from "../typed-command.ts";
import { UsageError } from "../usage.ts";
import { CLIENT_NAMES, type Client, type ClientName, type Connection, clientOf, type Scope } from "./clients.ts";
import { type Machine, thisMachine } from "./machine.ts";

/** Which client, and which of its files. */
export const clientArgs = {
  client: { type: "positional", required: true, valueHint: CLIENT_NAMES.join("|"), description: "The client" },
  scope: {
    type: "enum",
    options: ["user", "project"],
    description: "The client's file for every project, or the one of the project in this folder. Default: user",
  },
  name: { type: "string", valueHint: "name", description: "What the client calls the host. Default: mcp-host" },
} as const satisfies ArgsDef;

/** How the client is to connect. */
export const connectionArgs = {
  stdio: { type: "boolean", description: "The client starts a host of its own. The default" },
  http: { type: "boolean", description: "The client connects to the host that runs, or to where the config listens" },
  url: { type: "string", valueHint: "url", description: "The client connects to this address" },
  config: configArgs.config,
} as const satisfies ArgsDef;

export interface ClientFlags {
  client: string;
  scope?: string | undefined;
  name?: string | undefined;
}

export interface ConnectionFlags extends ClientFlags {
  stdio?: boolean | undefined;
  http?: boolean | undefined;
  url?: string | undefined;
  config?: string | undefined;
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
  const scope = (flags.scope ?? "user") as Scope; // one of its options
  const path = client.files(machine)[scope];
  if (path === undefined) throw new UsageError(`--scope: ${client.title} has no file for a project; leave --scope out`);
  const name = flags.name ?? "mcp-host";
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) throw new UsageError(`--name: "${name}" must be 1 to 64 of A-Z a-z 0-9 _ -`);
  return { id, client, scope, path, name };
}

/** What the flags ask for. @throws UsageError where the client cannot do that, ConfigFileError, NoHostError */
export async function connectionOf(flags: ConnectionFlags, { client, scope }: Target): Promise<Connection> {
  const overHttp = flags.http === true || flags.url !== undefined;
  if (flags.stdio === true && overHttp) throw new UsageError("--stdio and --http or --url say different things; give one of them");
  if (overHttp && !client.transports.includes("http"))
    throw new UsageError(`${client.title} takes no addresses in its file; leave --http and --url out and it starts a host of its own`);
  if (overHttp) return { kind: "http", ...(await addressOf(flags)) };
  // A program with windows has not the PATH of a shell, and the servers of the host are looked for on it.
  const PATH = shellPath();
  const config = configPath(flags.config);
  return {
    kind: "stdio",
    config,
    command: process.execPath,
    args: [BIN, "start", "stdio", "--config", config],
    env: client.desktop && scope === "user" && PATH !== undefined ? { PATH } : {},
  };
}

/** The PATH of the shell, without what npm puts before it and is not there: `node_modules/.bin` of each folder upwards, and tools of its own. */
function shellPath(): string | undefined {
  const folders = process.env.PATH?.split(delimiter);
  const kept = folders?.filter(
    (folder) => !/[/\\]node-gyp-bin$/.test(folder) && (!/node_modules[/\\]\.bin$/.test(folder) || existsSync(folder)),
  );
  return kept && [...new Set(kept)].join(delimiter);
}

function configPath(flag: string | undefined): string {
  const path = flag === undefined ? findConfig(process.cwd()) : resolve(flag);
  if (!existsSync(path))
    throw new ConfigFileError([`there is no file ${path}; run \`mcp-host init\`, or name another with --config`], undefined);
  return path;
}

async function addressOf({ url, config: flag }: ConnectionFlags): Promise<{ url: string; key: boolean }> {
  if (url !== undefined) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw new UsageError(`--url: "${url}" is no http:// or https:// URL`);
    return { url, key: flag !== undefined && (await asksForKey(await usable(configPath(flag)))) };
  }
  const all = (await askAll({ config: flag })).filter((status): status is ControlStatus & { url: string } => status.url !== undefined);
  // Here a config of one's own counts for more than a host with another that happens to run.
  const here = flag === undefined ? configsIn(process.cwd()) : [];
  const running = here.length > 0 ? all.filter(({ config }) => here.includes(config)) : all;
  if (running.length > 1) {
    const choices = running.map((status) => `  --config ${status.config}  or  --url ${status.url}`);
    throw new NoHostError(`several hosts are running; choose one\n${choices.join("\n")}`);
  }
  const [host] = running;
  if (host) return { url: reachable(host.url), key: existsSync(host.config) && (await asksForKey(await usable(host.config))) };
  const loaded = await usable(configPath(flag));
  const { port = 3000, path = "/mcp", host: address = "127.0.0.1", tls } = loaded?.config.listen ?? {};
  if (Number(port) === 0)
    throw new NoHostError("the config takes any free port, and no host is running; start one with `mcp-host start`, or give --url");
  return {
    url: reachable(`${tls ? "https" : "http"}://${address.includes(":") ? `[${address}]` : address}:${port}${path}`),
    key: await asksForKey(loaded),
  };
}

/** The address that stands for all addresses of a machine is no place to go to. */
function reachable(url: string): string {
  return url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:");
}

/** The config, or undefined where it lacks something that only the running host has, such as a variable. */
async function usable(path: string): Promise<LoadedConfig | undefined> {
  try {
    return await loadConfig(path);
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    process.stderr.write(`mcp-host: the config has problems, which \`${typedCommand()} validate\` lists: ${path}\n`);
    return undefined;
  }
}

/** Whether a plugin of the config wants to know who a client is. */
async function asksForKey(loaded: LoadedConfig | undefined): Promise<boolean> {
  if (!loaded) return false;
  const { config, folder } = loaded;
  const host = createHost({ ...config, mcpServers: {} }, { folder, log: createLogger({ level: "silent" }), insecureNoAuth: true });
  try {
    await host.prepare();
    return host.pipeline().taps.some(({ hook }) => hook === "authenticate");
  } finally {
    await host.close();
  }
}
