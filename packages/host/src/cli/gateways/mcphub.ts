import { isObject, type Json } from "../../wire/message.ts";
import { callTimes, duration } from "../init/settings.ts";
import type { Choice, Draft } from "./draft.ts";
import { hubSettings } from "./mcphub-settings.ts";
import { Part } from "./part.ts";
import { isVariable, withReferences } from "./references.ts";
import { appOf, type Own, overridesOf, selection, wireOf } from "./server.ts";

const WHOSE = "MCPHub";
const APP = { clientId: "clientId", clientSecret: "clientSecret", redirect: "redirectUri" };
const AUTH = "@host/plugin-auth takes API keys (`mcp-host auth keys add`) and the tokens of an authorization server.";

/** A variable that is not set is empty there. */
const own: Own = (text) =>
  withReferences(text, {
    braced: (body) => (isVariable(body) ? `\${${body}:-}` : undefined),
    bare: (name) => (/^[A-Z_][A-Z0-9_]*$/.test(name) ? `\${${name}:-}` : undefined),
  });

export function readMcphub(top: Part, draft: Draft): void {
  const system = top.part("systemConfig");
  const separator = system?.get("nameSeparator", "text") ?? "-";
  if (system?.has("nameSeparator")) top.report.carried(system.at("nameSeparator"), "plugins namespace.separator");
  draft.separator = separator;
  const admins = administrators(top.value.users);
  for (const { key, part } of top.parts("mcpServers")) server(key, draft.nameFor(key), part, separator, admins, draft);
  if (Object.values(draft.servers).some(({ command }) => command !== undefined))
    top.report.left(
      top.at("mcpServers"),
      "are programs that are given the gateway's whole environment; here that is HOME, PATH and a few more",
      "Name each other variable that a server needs in its `env`.",
    );
  for (const { key, part } of top.parts("groups")) group(key, part, separator, draft);
  for (const { key, part } of top.parts("bearerKeys")) {
    const name = part.get("name", "text") ?? key;
    part.report.left(part.path, `is the key of ${name}, of which a host keeps a digest alone, so it makes keys of its own`, AUTH);
  }
  top.pass(["users", "userConfigs"], "are people who sign in to the web pages of MCPHub, which a host does not have");
  top.leave("oauthClients", "are clients that sign in with the gateway itself, which issues tokens", AUTH);
  top.leave("oauthTokens", "are tokens that the gateway issued", AUTH);
  top.leave("prompts", "are prompts of the gateway's own", "A plugin can offer prompts: docs/plugins.md.");
  top.leave("resources", "are resources of the gateway's own", "A plugin can offer resources: docs/plugins.md.");
  if (system) hubSettings(system, draft, AUTH);
  top.pass(["$schema"], `is about the form of ${WHOSE}'s file`);
  top.rest(WHOSE);
}

/** Who may have variables of the gateway in servers of theirs. */
function administrators(users: unknown): ReadonlySet<string> {
  if (!Array.isArray(users)) return new Set(["admin"]);
  return new Set(
    users.flatMap((user) => (isObject(user) && user.isAdmin === true && typeof user.username === "string" ? [user.username] : [])),
  );
}

function server(original: string, name: string, part: Part, separator: string, admins: ReadonlySet<string>, draft: Draft): void {
  const to = `mcpServers.${name}`;
  const type = part.get("type", "text");
  if (type === "openapi") {
    const instead = "Put an MCP server that reads OpenAPI documents in its place.";
    part.report.left(part.path, "is made of an OpenAPI document, which a host does not read", instead);
    return;
  }
  if (type !== undefined) part.report.carried(part.at("type"), `${to}.type`);
  const wire = wireOf(part, to, { own, type: type === "sse" ? "sse" : type === "streamable-http" ? "http" : undefined });
  const enabled = part.carry("enabled", "flag", `${to}.enabled`);
  const kinds = Object.fromEntries(
    (["tools", "prompts", "resources"] as const).flatMap((kind) => {
      const overrides = overridesOf(part, kind, WHOSE).map((each) => ({ ...each, name: native(each.name, original, separator) }));
      const off = overrides.filter((each) => !each.enabled).map((each) => each.name);
      if (off.length > 0) part.report.carried(part.at(kind), `${to}.${kind}.exclude`);
      for (const { name: each, description } of overrides)
        if (description !== undefined)
          draft.described.push({
            at: [...part.at(kind), each],
            server: name,
            kind: kind.slice(0, -1) as "tool", // or one of the two others
            native: each,
            description,
          });
      return off.length > 0 ? [[kind, selection({ exclude: off })]] : [];
    }),
  );
  const app = oauthOf(part, name);
  const owner = part.get("owner", "text");
  const isForeign = owner !== undefined && !admins.has(owner);
  if (isForeign) {
    const why = "who is no administrator: there, no variable of the gateway is in it. It is switched off here";
    part.report.changed(
      part.at("owner"),
      `is ${owner}, ${why}`,
      `Look at its command and its references, and then \`mcp-host enable ${name}\`.`,
    );
  } else part.leave("owner", "is a note of theirs");
  part.pass(["description"], "is a note of theirs");
  part.leave(
    "passthroughHeaders",
    "hands headers of clients on to servers, which a host never does",
    `${AUTH} It has \`credentials\` for servers, too.`,
  );
  part.leave(
    "proxy",
    "starts the program through proxychains4",
    `Write it so: "command": "proxychains4", "args": ["-f", "<file>", "<command>", ...].`,
  );
  for (const key of ["visibility", "sharedWithUsers"])
    part.leave(key, "says which people may use the server", "Rules of @host/plugin-auth say that here.");
  const entry: Json | undefined = wire && {
    ...wire,
    ...timesOf(part, to),
    ...kinds,
    ...(isForeign ? { enabled: false } : enabled !== undefined && { enabled }),
  };
  part.rest(WHOSE);
  if (entry) draft.add(part.path, original, name, entry, app);
  else draft.leave(part.path, "has neither a command nor a url, so there is nothing to start or to reach");
}

function timesOf(part: Part, to: string): Json {
  const options = part.part("options");
  const call = options?.carry("timeout", "number", `${to}.timeout`);
  const total = options?.carry("maxTotalTimeout", "number", `${to}.maxTimeout`);
  const onProgress = options?.get("resetTimeoutOnProgress", "flag");
  if (onProgress === false) options?.report.changed(options.at("resetTimeoutOnProgress"), `is ${to}.progress: false`);
  else if (onProgress) options?.report.changed(options.at("resetTimeoutOnProgress"), "is so here, too");
  options?.rest(WHOSE);
  const lazy = part.get("startOnDemand", "flag") === true;
  if (lazy) part.report.changed(part.at("startOnDemand"), `is ${to}.start: "lazy"`);
  const idle = part.carry("idleTimeoutMs", "number", `${to}.idleTimeout`) ?? (lazy ? 300_000 : undefined);
  const isAlone = part.get("perSessionClient", "flag") === true;
  if (isAlone) part.report.changed(part.at("perSessionClient"), `is ${to}.isolation: "session"`);
  const pings = part.carry("keepAliveInterval", "number", `${to}.healthInterval`);
  if (part.get("enableKeepAlive", "flag") !== undefined)
    part.report.changed(part.at("enableKeepAlive"), "is so here for every server, every 30 s");
  return {
    ...callTimes(call),
    ...(total !== undefined && total > 0 && { maxTimeout: duration(total) }),
    ...(onProgress === false && { progress: false }),
    ...(lazy && { start: "lazy" }),
    ...(idle !== undefined && idle > 0 && { idleTimeout: duration(idle) }),
    ...(isAlone && { isolation: "session" }),
    ...(pings !== undefined && { healthInterval: duration(pings) }),
  };
}

function oauthOf(part: Part, name: string): Json {
  const oauth = part.part("oauth");
  const to = `plugins oauth.servers.${name}`;
  const app = appOf(oauth, to, APP, own);
  const resource = oauth?.carry("resource", "text", `${to}.resource`);
  for (const key of ["accessToken", "refreshToken", "pendingAuthorization"])
    oauth?.leave(key, "is of a sign-in of the gateway's", `Sign in anew: \`mcp-host login ${name}\`.`);
  for (const key of ["dynamicRegistration", "authorizationEndpoint", "tokenEndpoint", "revocationEndpoint"])
    oauth?.leave(
      key,
      "is found out here from what the server and its authorization server say",
      "`issuer` of @host/plugin-oauth names another one.",
    );
  oauth?.rest(WHOSE);
  return { ...app, ...(resource !== undefined && { resource }) };
}

function group(key: string, part: Part, separator: string, draft: Draft): void {
  const name = part.get("name", "text") ?? key;
  const choices = part.get("servers", "list") ?? [];
  draft.group(
    part.path,
    name,
    choices.flatMap((item, index): Choice[] =>
      typeof item === "string" ? [{ server: item }] : chosen(item, [...part.at("servers"), index], separator, part),
    ),
    part.get("description", "text"),
  );
  part.pass(["id"], "is another name of the group, by which it cannot be reached here");
  part.pass(["owner"], "is a note of theirs");
  part.rest(WHOSE);
}

function chosen(item: unknown, at: readonly (string | number)[], separator: string, { report }: Part): Choice[] {
  const part = new Part((item ?? {}) as Json, at, report); // what is no object has no name
  const server = part.get("name", "text");
  if (server === undefined) {
    report.left(at, "names no server");
    return [];
  }
  const of = (kind: string): string[] | undefined =>
    part.value[kind] === "all" ? void part.get(kind, "text") : part.get(kind, "texts")?.map((each) => native(each, server, separator));
  const choice: Choice = { server, tools: of("tools"), prompts: of("prompts"), resources: of("resources") };
  part.leave("alias", "gives the server another name in this group alone", "`prefixes` of @host/plugin-namespace does so everywhere.");
  part.rest(WHOSE);
  return [choice];
}

/** The server's own name of a tool: some places have the name that clients see. */
function native(name: string, server: string, separator: string): string {
  const prefix = `${server}${separator}`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
