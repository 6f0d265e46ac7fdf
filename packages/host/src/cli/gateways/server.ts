import type { Json } from "../../wire/message.ts";
import type { Part } from "./part.ts";
import type { Place } from "./report.ts";

/** Puts a text into the host's form. @param at its place there */
export type Own = (text: string, at: Place) => string;

/** How a gateway writes what all of them have. */
export interface Words {
  readonly own: Own;
  /** The key of the working directory. */
  readonly cwd?: string;
  /** Whether the server is spoken to over the HTTP+SSE of old, over Streamable HTTP, or is asked which. */
  readonly type?: "sse" | "http" | undefined;
}

/** The part of an entry that says what the server is, or undefined where it says neither. @param to its place in the config */
export function wireOf(part: Part, to: string, words: Words): Json | undefined {
  if (part.has("url")) return remote(part, to, words);
  return part.has("command") ? local(part, to, words) : undefined;
}

function local(part: Part, to: string, { own, cwd = "cwd" }: Words): Json {
  const command = part.carry("command", "text", `${to}.command`);
  const args = part.carry("args", "list", `${to}.args`);
  const env = variablesOf(part, own);
  const folder = part.carry(cwd, "text", `${to}.cwd`);
  if (Object.keys(env).length > 0) part.report.carried(part.at("env"), `${to}.env`);
  part.leave("headers", "is for a server with a URL, and this one is a program");
  return {
    ...(command !== undefined && { command: own(command, part.at("command")) }),
    ...(args && args.length > 0 && { args: args.map((arg, index) => own(String(arg), [...part.at("args"), index])) }),
    ...(Object.keys(env).length > 0 && { env }),
    ...(folder !== undefined && { cwd: own(folder, part.at(cwd)) }),
  };
}

/** The variables of a program: a map, or a list of `NAME=value` and of names that are handed on. */
function variablesOf(part: Part, own: Own): Record<string, string> {
  if (!Array.isArray(part.value.env)) return textsOf(part.get("env", "object") ?? {}, part.at("env"), own);
  const pairs = (part.get("env", "texts") ?? []).map((line, index) => {
    const end = line.indexOf("=");
    if (end === -1) return [line.trim(), `\${${line.trim()}:-}`]; // where nobody has set it, the server has none
    return [line.slice(0, end).trim(), own(line.slice(end + 1), [...part.at("env"), index])];
  });
  return Object.fromEntries(pairs);
}

function remote(part: Part, to: string, { own, cwd = "cwd", type }: Words): Json {
  const url = own(part.carry("url", "text", `${to}.url`) ?? "", part.at("url"));
  const headers = part.carry("headers", "object", `${to}.headers`);
  const { address, authorization } = withoutUser(url);
  if (authorization !== undefined)
    part.report.changed(part.at("url"), `has a user name and a password in it, which are in ${to}.headers now`);
  for (const key of ["command", "args", "env", cwd])
    part.leave(key, "is for a program, and this server has a URL", "If something has to start it, let a service do that.");
  const all = {
    ...(authorization !== undefined && { Authorization: authorization }),
    ...(headers && textsOf(headers, part.at("headers"), own)),
  };
  return { ...(type !== undefined && { type }), url: address, ...(Object.keys(all).length > 0 && { headers: all }) };
}

/** A map of texts; a value that is null is not set, and any other one is written as a text. */
export function textsOf(values: Json, at: Place, own: Own): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === null || typeof value === "object" ? [] : [[name, own(String(value), [...at, name])]],
    ),
  );
}

/** An address without user and password, which no request may have there, and the header that says the same. */
function withoutUser(url: string): { address: string; authorization?: string } {
  if (!URL.canParse(url)) return { address: url };
  const parsed = new URL(url);
  const { username, password } = parsed;
  if (username === "" && password === "") return { address: url };
  parsed.username = "";
  parsed.password = "";
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address: parsed.href, authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** Names of single tools, as globs that fit nothing else. */
export function exactly(names: readonly string[]): string[] {
  return names.map((name) => name.replace(/[*?[\]{}()|\\]/g, (character) => `\\${character}`));
}

/** The tools, prompts and resources of a server that there are. */
export function selection(chosen: { include?: readonly string[] | undefined; exclude?: readonly string[] | undefined }): Json | undefined {
  const { include, exclude = [] } = chosen;
  if (include === undefined && exclude.length === 0) return undefined;
  return { ...(include && { include: exactly(include) }), ...(exclude.length > 0 && { exclude: exactly(exclude) }) };
}

/** What an entry says of an app that is registered with the server, as options of the plugin that signs in. */
export interface AppWords {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirect: string;
}

/** @param to the place of the app among the plugin's options */
export function appOf(part: Part | undefined, to: string, words: AppWords, own: Own): Json {
  if (!part) return {};
  const { clientId: id, clientSecret: secret, redirect } = words;
  const clientId = part.carry(id, "text", `${to}.clientId`);
  const clientSecret = part.carry(secret, "text", `${to}.clientSecret`);
  const scopes = part.carry("scopes", "texts", `${to}.scopes`);
  const address = part.get(redirect, "text");
  const callback = address === undefined ? undefined : callbackOf(address);
  if (address !== undefined) {
    if (callback) part.report.carried(part.at(redirect), `${to}.callback`);
    else
      part.report.left(
        part.at(redirect),
        "is no address of this machine, which is where browsers come back to from `mcp-host login`",
        "Register http://127.0.0.1:8976/oauth/callback with the app, too.",
      );
  }
  return {
    ...(clientId !== undefined && { clientId: own(clientId, part.at(id)) }),
    ...(clientSecret !== undefined && { clientSecret: own(clientSecret, part.at(secret)) }),
    ...(scopes && scopes.length > 0 && { scopes }),
    ...(callback && { callback }),
  };
}

function callbackOf(address: string): Json | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(address);
  if (protocol !== "http:" || !["127.0.0.1", "localhost"].includes(hostname)) return undefined;
  if (!/^\/[A-Za-z0-9._~/-]{0,200}$/.test(pathname)) return undefined;
  return { host: hostname, port: port === "" ? 80 : Number(port), path: pathname };
}

/** Overrides of the form name → `{ enabled, description }`. */
export interface Override {
  readonly name: string;
  readonly enabled: boolean;
  readonly description?: string;
}

export function overridesOf(part: Part, kind: string, whose: string): Override[] {
  return part.parts(kind).map(({ key: name, part: each }) => {
    const enabled = each.get("enabled", "flag");
    const description = each.get("description", "text");
    each.rest(whose);
    return { name, enabled: enabled !== false, ...(description !== undefined && description !== "" && { description }) };
  });
}
