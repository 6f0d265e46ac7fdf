import { basename, dirname, resolve, sep } from "node:path";
import { isObject, type Json } from "../../wire/message.ts";
import type { Client } from "../clients/clients.ts";
import type { Machine } from "../clients/machine.ts";
import { appOf } from "./app.ts";
import type { Rule } from "./rules.ts";
import { settingsOf } from "./settings.ts";

/** A server of a client's, in the host's own form, or why it has none. */
export type Translated =
  | {
      readonly server: Json;
      /** The app that it signs in as, as options of the plugin that does. */
      readonly app?: Json | undefined;
      readonly dropped: readonly string[];
    }
  | { readonly refused: string };

/** What the translation of an entry goes by, beside the entry itself. */
export interface Context {
  readonly client: Client;
  readonly machine: Machine;
  /** The client's file. */
  readonly path: string;
  /** What its settings say of the server. */
  readonly rule: Rule;
}

/** Keys that are taken over, or say nothing to a host: how a client shows a server, and whom it asks before a call. */
const KNOWN = new Set([
  ...["command", "args", "env", "cwd", "envFile", "url", "serverUrl", "httpUrl", "headers", "type", "transport"],
  ...["http_headers", "env_http_headers", "bearer_token_env_var", "env_vars", "environment"],
  ...[
    "disabled",
    "enabled",
    "isActive",
    "autoApprove",
    "alwaysAllow",
    "trust",
    "description",
    "name",
    "gallery",
    "version",
    "source",
    "dev",
  ],
]);

/** Puts a client's entry into the host's form. What the two call differently is renamed; variables are written as the host reads them. */
export function translate(entry: unknown, context: Context): Translated {
  if (!isObject(entry)) return { refused: "it is no object" };
  if (entry.disabled === true || entry.enabled === false || entry.isActive === false) return { refused: "it is switched off there" };
  if (context.rule.off !== undefined) return { refused: context.rule.off };
  const { settings, read } = settingsOf(entry, context.client, context.rule);
  const unknown = Object.keys(entry).filter((key) => !KNOWN.has(key) && !read.includes(key));
  const url = entry.httpUrl ?? entry.serverUrl ?? entry.url;
  if (typeof url === "string") {
    const { app, rest = [] } = appOf(entry, context.client.appCallback) ?? {};
    const dropped = unknown.flatMap((key) => (app && key === "oauth" ? rest.map((inner) => `oauth.${inner}`) : [key]));
    return { server: { ...remote(entry, url, context), ...settings }, app, dropped };
  }
  const dropped = unknown;
  const start = startOf(entry);
  if (start === undefined) return { refused: "it has neither a command nor an address, so only that client can start it" };
  return { server: { ...local(entry, start, context), ...settings }, dropped };
}

interface Start {
  readonly path: string;
  readonly args: unknown;
  readonly env: unknown;
}

/** The program with its arguments, which opencode writes as one list; Zed once wrote them as one object. */
function startOf({ command, args, env, environment }: Json): Start | undefined {
  const [first, ...more] = list(command);
  const start = isObject(command)
    ? command
    : first === undefined
      ? { path: command, args, env }
      : { path: first, args: more, env: environment };
  return typeof start.path === "string" ? { path: start.path, args: start.args, env: start.env } : undefined;
}

function remote(entry: Json, url: string, context: Context): Json {
  const own = (text: unknown): string => rewritten(text, context);
  const fromVariables = Object.entries(record(entry.env_http_headers)).map(([name, variable]) => [name, `\${${String(variable)}}`]);
  const headers = {
    ...mapped({ ...record(entry.headers), ...record(entry.http_headers) }, own),
    ...Object.fromEntries(fromVariables),
    ...(typeof entry.bearer_token_env_var === "string" && { Authorization: `Bearer \${${entry.bearer_token_env_var}}` }),
  };
  const isOld = entry.type === "sse" || entry.transport === "sse";
  return { ...(isOld && { type: "sse" }), url: own(url), ...(Object.keys(headers).length > 0 && { headers }) };
}

function local(entry: Json, { path, args, env }: Start, context: Context): Json {
  const own = (text: unknown): string => rewritten(text, context);
  const { folder } = context.machine;
  const handedOn = list(entry.env_vars).flatMap((item) => {
    const name = isObject(item) ? item.name : item;
    return typeof name === "string" ? [[name, `\${${name}:-}`]] : []; // where nobody has set it, the server has none
  });
  const variables = { ...Object.fromEntries(handedOn), ...mapped(record(env), own) };
  return {
    command: own(path),
    ...(list(args).length > 0 && { args: list(args).map(own) }),
    ...(Object.keys(variables).length > 0 && { env: variables }),
    ...(typeof entry.cwd === "string" && { cwd: own(entry.cwd) }),
    ...(typeof entry.envFile === "string" && { envFile: resolve(folder, own(entry.envFile)) }),
  };
}

/** A text with its variables as the host writes them. */
function rewritten(value: unknown, { client, machine, path }: Context): string {
  const text = String(value);
  switch (client.expansion) {
    case "none":
      return literal(text);
    case "shell":
      return text;
    case "dollar":
      return text.replace(/\$(?:\{([^{}]*)\}|([A-Za-z_]\w*))/g, (_, braced?: string, bare?: string) => `\${${braced ?? bare}}`);
    case "braces":
      return literal(text).replace(/\{(env|file):([^{}]*)\}/g, (_, kind: string, name: string) =>
        // A variable that is not set is empty there.
        kind === "env" ? `\${${name}:-}` : `\${file:${resolve(dirname(path), name.replace(/^~(?=\/)/, machine.home))}}`,
      );
    case "editor":
      return text.replace(/\$\{([^{}]*)\}/g, (whole, name: string) => editorVariable(name, machine) ?? whole);
  }
}

/** A text that has no variables. */
function literal(text: string): string {
  return text.replaceAll("${", () => "$${"); // a "$$" in a replacement would be one "$"
}

function editorVariable(name: string, { home, folder }: Machine): string | undefined {
  const places: Readonly<Record<string, string>> = {
    userHome: home,
    workspaceFolder: folder,
    workspaceFolderBasename: basename(folder),
    pathSeparator: sep,
    "/": sep,
  };
  return Object.hasOwn(places, name) ? places[name] : undefined;
}

function record(value: unknown): Json {
  return isObject(value) ? value : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A variable that is null there is one that is not set. */
function mapped(values: Json, text: (value: unknown) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, text(value)]])));
}
