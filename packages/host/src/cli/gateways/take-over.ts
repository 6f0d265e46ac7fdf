import { existsSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { backUp } from "../../config/backup.ts";
import { configsIn, located } from "../../config/locate.ts";
import { replaceFile } from "../../config/replace.ts";
import { secretsInArguments, secretsOfUrl } from "../../config/secrets.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { registerSecret } from "../../redact.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { thisMachine } from "../clients/machine.ts";
import { missingVariables } from "../clients/references.ts";
import { configText, FORMATS, type Format } from "../init/first-config.ts";
import { countSecrets, keepCredentials, moveSecrets, SecretNames, secretsOf } from "../init/secrets.ts";
import { Draft } from "./draft.ts";
import { findFile, GATEWAY_NAMES, type GatewayName, gatewayOf, recognize } from "./gateways.ts";
import { readMcpHub } from "./mcp-hub.ts";
import { readMcphub } from "./mcphub.ts";
import { readMcpproxy } from "./mcpproxy.ts";
import { readOneMcp } from "./one-mcp.ts";
import { Part } from "./part.ts";
import { pluginsFor } from "./plugins.ts";
import { type Note, Report } from "./report.ts";
import { readBeside, readSource } from "./source.ts";

const OPEN =
  "The gateway asked its clients for a key; this config asks nobody, and listens on this machine alone. @host/plugin-auth asks: `mcp-host auth keys add`.";

/** The flags of `migrate`. */
export interface TakeOverFlags {
  readonly file?: string | undefined;
  readonly from?: string | undefined;
  readonly config?: string | undefined;
  readonly credentials?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly "dry-run"?: boolean | undefined;
}

/** What became of another gateway's config. */
export interface TakenOver {
  readonly from: GatewayName;
  /** Its file. */
  readonly file: string;
  /** The new config. */
  readonly config: string;
  readonly written: boolean;
  /** What would be written. */
  readonly text?: string;
  /** The config that was there before. */
  readonly backup?: string | undefined;
  /** Where secrets went, and what they are called there. */
  readonly credentials?: { readonly path: string; readonly names: readonly string[] } | undefined;
  readonly servers: readonly string[];
  readonly notes: readonly Note[];
  /** What there is to know of the new config. */
  readonly hints: readonly string[];
  /** Variables that nobody has set, and the servers that want them. */
  readonly missing: readonly { readonly variable: string; readonly servers: readonly string[] }[];
}

/** Writes a config that does what the one of another gateway does. @throws UsageError, ConfigFileError */
export async function takeOver(flags: TakeOverFlags): Promise<TakenOver> {
  const machine = thisMachine();
  const { file, from, value } = await sourceOf(flags);
  const config = targetFor(flags, file);
  const draft = new Draft(new Report(), dirname(config));
  await read(from, value, file, draft);
  const whole = withApps(draft.servers, draft.apps);
  for (const secret of secretsOf(whole)) registerSecret(secret);
  const visible = secretsInArguments(draft.servers, draft.servers); // it registers what it finds
  const moved = flags.credentials === true ? moveSecrets(whole, new SecretNames(draft.folder)) : { servers: whole, values: {} };
  for (const [name, { oauth, ...server }] of Object.entries(moved.servers)) {
    draft.servers[name] = server;
    if (isObject(oauth)) draft.apps[name] = oauth;
  }
  const { plugins, notes } = await pluginsFor(draft);
  const text = await textOf(draft, plugins, config);
  const literal = countSecrets(moved.servers);
  const left = `${literal === 1 ? "a secret stands" : `${literal} secrets stand`} in the config as given; --credentials puts such into the credentials file`;
  return {
    ...{ from, file, config, written: flags["dry-run"] !== true },
    ...(flags["dry-run"] === true ? { text } : await write(config, text, moved.values)),
    servers: Object.keys(draft.servers),
    notes: draft.report.notes,
    hints: [...(draft.guarded ? [OPEN] : []), ...notes, ...(literal > 0 ? [left] : []), ...visible, ...secretAddresses(draft.servers)],
    missing: missingOf(draft.servers, machine.folder, moved.values),
  };
}

async function sourceOf({ file, from }: TakeOverFlags): Promise<{ file: string; from: GatewayName; value: Json }> {
  const machine = thisMachine();
  const given = GATEWAY_NAMES.find((name) => name === from);
  if (file === undefined) {
    const found = findFile(given, machine);
    return { file: found.path, from: found.from, value: await located(found.path, () => readSource(found.path)) };
  }
  const path = resolve(file);
  const value = await located(path, () => readSource(path));
  return { file: path, from: given ?? recognize(value, path, machine), value };
}

/** Where the new config goes. @throws UsageError, Error where there is one already */
function targetFor({ config, force, "dry-run": dry }: TakeOverFlags, source: string): string {
  const path = resolve(config ?? "mcp-host.config.json");
  if (formatOf(path) === undefined)
    throw new UsageError(
      `--config: a new config is written as .${FORMATS.join(", .")}, not as ${extname(path) || "a file without an ending"}`,
    );
  if (path === source) throw new UsageError(`--config: ${path} is the file that is read; name another one`);
  if (dry === true) return path;
  const other = config === undefined ? configsIn(dirname(path)).find((each) => each !== path) : undefined;
  if (other !== undefined) throw new Error(`beside ${path}, ${other} would be a second config; remove it, or name a file with --config`);
  if (existsSync(path) && force !== true) throw new Error(`there is a config already: ${path}; --force replaces it and keeps a copy`);
  return path;
}

function formatOf(path: string): Format | undefined {
  const extension = extname(path).toLowerCase().slice(1);
  return extension === "yml" ? "yaml" : FORMATS.find((format) => format === extension);
}

async function read(from: GatewayName, value: Json, file: string, draft: Draft): Promise<void> {
  const top = new Part(value, [], draft.report);
  if (!top.has("mcpServers") && !top.has("servers"))
    draft.report.left(["mcpServers"], `is not there, so ${gatewayOf(from).title} has no servers`);
  if (from === "mcphub") return readMcphub(top, draft);
  if (from === "mcp-hub") return readMcpHub(top, draft);
  if (from === "mcpproxy") return readMcpproxy(top, draft);
  const beside = (name: string): Promise<Json | undefined> =>
    readBeside(file, name, (problem) => draft.report.left([name], `cannot be read: ${problem}`));
  const variables = join(dirname(file), ".env");
  readOneMcp(top, draft, {
    settings: await beside("config.toml"),
    presets: await beside("presets.json"),
    variables: existsSync(variables) ? variables : undefined,
  });
}

/** Addresses whose query holds a secret, which cannot be moved by itself. */
function secretAddresses(servers: Readonly<Record<string, Json>>): string[] {
  return Object.entries(servers).flatMap(([name, { url }]) =>
    typeof url === "string" && secretsOfUrl(url).length > 0
      ? [`mcpServers.${name}.url: holds a secret; write a reference such as \${NAME} in its place`]
      : [],
  );
}

/** Servers with what they are as apps, so that secrets of either are found alike. */
function withApps(servers: Readonly<Record<string, Json>>, apps: Readonly<Record<string, Json>>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, server]) => [name, apps[name] ? { ...server, oauth: apps[name] } : server]),
  );
}

function textOf({ listen, limits, servers }: Draft, plugins: readonly unknown[], path: string): Promise<string> {
  const config = {
    ...(Object.keys(listen).length > 0 && { listen }),
    mcpServers: servers,
    ...(plugins.length > 0 && { plugins }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  return configText(config, formatOf(path) ?? "json");
}

async function write(
  path: string,
  text: string,
  values: Readonly<Record<string, string>>,
): Promise<Pick<TakenOver, "backup" | "credentials">> {
  const backup = await backUp(path);
  const names = Object.keys(values);
  // Before the config, which would not load without them.
  const credentials = names.length > 0 ? { path: await keepCredentials(values), names } : undefined;
  replaceFile(path, text);
  return { backup, credentials };
}

function missingOf(servers: Readonly<Record<string, Json>>, folder: string, moved: Readonly<Record<string, string>>): TakenOver["missing"] {
  const takers = new Map<string, string[]>();
  for (const [name, server] of Object.entries(servers))
    for (const variable of missingVariables(server, folder, []))
      if (!Object.hasOwn(moved, variable)) takers.set(variable, [...(takers.get(variable) ?? []), name]);
  return [...takers].map(([variable, names]) => ({ variable, servers: names }));
}
