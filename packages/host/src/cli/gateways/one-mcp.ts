import { INHERITED } from "../../upstream/child.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { callTimes, duration } from "../init/settings.ts";
import type { Draft } from "./draft.ts";
import { Part } from "./part.ts";
import { isVariable, withReferences } from "./references.ts";
import type { Place } from "./report.ts";
import { appOf, type Own, selection, wireOf } from "./server.ts";
import { presetServers } from "./tag-query.ts";

const WHOSE = "1MCP";
const APP = { clientId: "clientId", clientSecret: "clientSecret", redirect: "redirectUrl" };

/** What a server may take from the defaults, whatever it is. */
const DEFAULTS = ["timeout", "connectionTimeout", "requestTimeout", "oauth"];
/** What a program may. */
const OF_PROGRAMS = ["env", "envFilter", "inheritParentEnv", "restartOnExit", "maxRestarts", "restartDelay"];

/** Files beside `mcp.json`. */
export interface Beside {
  /** `config.toml`: settings of the gateway itself. */
  readonly settings?: Json | undefined;
  /** `presets.json`: named selections by tag. */
  readonly presets?: Json | undefined;
  /** `.env`: variables. */
  readonly variables?: string | undefined;
}

const own: Own = (text) =>
  withReferences(text, {
    // A variable that is not set stays as it stands there; here it is an error, which says so.
    braced: (body) => (isVariable(body.trim()) ? `\${${body.trim()}}` : undefined),
    bare: (name) => `\${${name}}`,
  });

export function readOneMcp(top: Part, draft: Draft, { settings, presets, variables }: Beside): void {
  draft.separator = "_1mcp_";
  const defaults = top.part("serverDefaults");
  if (defaults) {
    defaults.report.changed(defaults.path, "is written into each server: a config here has no such defaults");
    for (const key of [...DEFAULTS, ...OF_PROGRAMS, "headers"]) if (defaults.has(key)) defaults.read(key);
    defaults.rest(WHOSE);
  }
  const tags = new Map<string, string[]>();
  for (const { key, part } of top.parts("mcpServers")) {
    const name = draft.nameFor(key);
    server(key, name, withDefaults(part, defaults?.value ?? {}, top.at("serverDefaults")), draft);
    for (const tag of part.get("tags", "texts") ?? []) tags.set(tag, [...(tags.get(tag) ?? []), key]);
  }
  for (const [tag, servers] of tags)
    draft.group(
      top.at("mcpServers"),
      tag,
      servers.map((each) => ({ server: each })),
      `Servers with the tag ${tag}.`,
    );
  if (presets) presetsOf(new Part(presets, ["presets.json"], top.report), tags, draft);
  if (settings) settingsOf(new Part(settings, ["config.toml"], top.report), draft);
  if (variables !== undefined)
    top.report.left(
      [".env"],
      `is read by ${WHOSE} beside its config`,
      `Start with \`--env-file ${variables}\`, or move its values elsewhere.`,
    );
  for (const { key } of top.parts("mcpTemplates"))
    top.report.left(
      [...top.at("mcpTemplates"), key],
      "is a template, made anew for each client of what it says of itself",
      'Write it as a server; `"isolation": "session"` gives each client one of its own.',
    );
  const texts = "is about templates or instructions, which are the servers' own here";
  top.pass(["templateSettings", "instructionTemplates", "publishedInstructionTemplates", "activeInstructionTemplate"], texts);
  top.pass(["$schema", "version"], `is about the form of ${WHOSE}'s file`);
  top.rest(WHOSE);
}

/** A server with what it takes from the defaults; variables and filters are joined, anything else is its own. */
function withDefaults(part: Part, defaults: Json, of: Place): Part {
  const isProgram = part.has("command");
  const shared = isProgram ? [...DEFAULTS, ...OF_PROGRAMS] : part.has("url") ? [...DEFAULTS, "headers"] : [];
  const taken = shared.filter((key) => defaults[key] !== undefined && !part.has(key));
  const { env, envFilter } = part.value;
  const joined = {
    ...(isProgram && isObject(defaults.env) && isObject(env) && { env: { ...defaults.env, ...env } }),
    ...(isProgram && Array.isArray(defaults.envFilter) && Array.isArray(envFilter) && { envFilter: [...defaults.envFilter, ...envFilter] }),
  };
  const value = { ...part.value, ...Object.fromEntries(taken.map((key) => [key, defaults[key]])), ...joined };
  return new Part(value, part.path, part.report, new Map(taken.map((key) => [key, [...of, key]])));
}

function server(original: string, name: string, part: Part, draft: Draft): void {
  const to = `mcpServers.${name}`;
  const type = part.get("type", "text");
  if (type !== undefined) part.report.carried(part.at("type"), `${to}.type`);
  const wire = wireOf(part, to, { own, type: type === "sse" ? "sse" : type === undefined || type === "stdio" ? undefined : "http" });
  const off = part.value.disabled;
  if (typeof off === "string") {
    part.get("disabled", "text");
    part.report.changed(
      part.at("disabled"),
      "depends on the client there; here the server is there for all",
      `Run \`mcp-host disable ${name}\`, or use plugins.`,
    );
  }
  const disabled = typeof off === "string" ? undefined : part.carry("disabled", "flag", `${to}.disabled`);
  const tools = selection({ exclude: part.carry("disabledTools", "texts", `${to}.tools.exclude`) });
  const oauth = part.part("oauth");
  const app = appOf(oauth, `plugins oauth.servers.${name}`, APP, own);
  oauth?.leave("autoRegister", "is so here: the host registers itself where the server takes that");
  oauth?.rest(WHOSE);
  part.leave(
    "instructionOverride",
    "stands in for the server's own instructions",
    "A profile of @host/plugin-profiles has `instructions`.",
  );
  for (const [native, description] of Object.entries(part.get("toolDescriptionOverrides", "object") ?? {}))
    draft.described.push({
      at: [...part.at("toolDescriptionOverrides"), native],
      server: name,
      kind: "tool",
      native,
      description: String(description),
    });
  const handedOn = inherited(part);
  part.pass(
    ["restartOnExit", "maxRestarts", "restartDelay"],
    "is not for a config to say: a server that ends is started again, with growing pauses",
  );
  part.leave("stderr", "is always read here: what a server says there is in the log and in `status`");
  part.leave("template", "is about templates", '`"isolation": "session"` gives each client a server of its own.');
  if (part.get("tags", "texts")?.length) part.report.changed(part.at("tags"), "are selections at addresses of their own");
  const entry: Json | undefined = wire && {
    ...wire,
    ...(Object.keys(handedOn).length > 0 && { env: { ...handedOn, ...(wire.env as Json | undefined) } }), // texts, as `wireOf` makes it
    ...timesOf(part, to),
    ...(tools && { tools }),
    ...(disabled !== undefined && { disabled }),
  };
  part.rest(WHOSE);
  if (entry) draft.add(part.path, original, name, entry, app);
  else draft.leave(part.path, "has neither a command nor a url, so there is nothing to start or to reach");
}

function timesOf(part: Part, to: string): Json {
  const both = part.get("timeout", "number");
  if (both !== undefined)
    part.report.changed(part.at("timeout"), "is said with startTimeout and timeout here, as far as the file does not say these");
  const start = part.carry("connectionTimeout", "number", `${to}.startTimeout`) ?? both;
  const call = part.carry("requestTimeout", "number", `${to}.timeout`) ?? both;
  return { ...(start !== undefined && start > 0 && { startTimeout: duration(start) }), ...callTimes(call) };
}

/** The variables of the gateway that a server is given, as far as they are named. */
function inherited(part: Part): Record<string, string> {
  const all = part.get("inheritParentEnv", "flag") === true;
  const filter = part.get("envFilter", "texts") ?? [];
  const named = filter.filter((name) => isVariable(name) && !INHERITED.includes(name));
  const rest = "Name each variable that the server needs in its `env`.";
  if (all && filter.length === 0)
    part.report.left(part.at("inheritParentEnv"), "gives the server the gateway's whole environment, which none has here", rest);
  else if (all && named.length > 0) part.report.changed(part.at("envFilter"), `is written as env: ${named.join(", ")}`);
  for (const [index, pattern] of filter.entries())
    if (!isVariable(pattern))
      part.report.left([...part.at("envFilter"), index], `"${pattern}" is a pattern, and here variables are named`, all ? rest : undefined);
  return all ? Object.fromEntries(named.map((name) => [name, `\${${name}:-}`])) : {};
}

function presetsOf(top: Part, tags: ReadonlyMap<string, readonly string[]>, draft: Draft): void {
  for (const { key, part } of top.parts("presets")) {
    const query = part.get("tagQuery", "object");
    const servers = query && presetServers(query, tags, draft.originals());
    if (servers)
      draft.group(
        part.path,
        key,
        servers.map((each) => ({ server: each })),
        part.get("description", "text"),
      );
    else
      part.report.left(
        part.at("tagQuery"),
        "asks in a way that is not known here",
        "Write a profile of @host/plugin-profiles with the servers that it meant.",
      );
    part.pass(["name", "strategy", "created", "lastModified", "description"], "is about the preset itself");
    part.rest(WHOSE);
  }
  top.pass(["version"], `is about the form of ${WHOSE}'s file`);
  top.rest(WHOSE);
}

function settingsOf(top: Part, draft: Draft): void {
  const port = top.carry("port", "number", "listen.port");
  if (port !== undefined) draft.listen.port = port;
  const host = top.get("host", "text");
  if (host !== undefined && !["127.0.0.1", "localhost", "::1"].includes(host))
    top.report.left(
      top.at("host"),
      "is beyond this machine, where a host needs an auth plugin",
      "Add @host/plugin-auth, and then `listen.host`.",
    );
  else if (host !== undefined) top.report.changed(top.at("host"), "is what a host listens on anyway");
  const auth = top.part("auth");
  if (auth?.get("enabled", "flag") === true) {
    draft.guarded = true;
    top.report.left(
      auth.at("enabled"),
      "has clients sign in with the gateway itself, which issues tokens",
      "@host/plugin-auth takes API keys (`mcp-host auth keys add`) and the tokens of an authorization server.",
    );
  }
  auth?.pass(
    Object.keys(auth.value).filter((key) => key !== "enabled"),
    "belongs to that sign-in",
  );
  top.pass(["transport"], "is said by how a host is started: `start` or `start stdio`");
  top.pass(["logLevel", "logFile"], "is a flag of `start`: --log-level, and --daemon for a file");
  top.pass(["asyncLoading"], "is so here: servers connect in the background, and `wait` says how long lists wait");
  top.pass(["lazyLoading"], "shows clients a few tools to find others with, which a host does not");
  top.pass(["configReload"], "is `start --watch`, or `mcp-host reload`");
  top.rest(WHOSE, `is a setting of ${WHOSE} with nothing of its kind here`);
}
