import type { Json } from "../../wire/message.ts";
import { duration } from "../init/settings.ts";
import type { Draft } from "./draft.ts";
import { goDuration, proxySettings, type Shared, sharedOf, switched } from "./mcpproxy-settings.ts";
import type { Part } from "./part.ts";
import { isVariable, withReferences } from "./references.ts";
import { appOf, type Own, selection, wireOf } from "./server.ts";

const WHOSE = "mcpproxy";
const APP = { clientId: "client_id", clientSecret: "client_secret", redirect: "redirect_uri" };
const SSE = new Set(["sse"]);
/** What an entry says of its container. */
const BOX = ["image", "network_mode", "extra_args", "working_dir", "log_driver", "log_max_size", "log_max_files"];
const HTTP = new Set(["http", "streamable-http"]);

export function readMcpproxy(top: Part, draft: Draft): void {
  draft.separator = "__";
  const own = ownOf(top, draft);
  const shared = sharedOf(top);
  for (const { key, part } of top.parts("mcpServers")) server(part.get("name", "text") ?? `server-${key}`, part, own, shared, draft);
  for (const { part } of top.parts("profiles")) {
    const name = part.get("name", "text");
    const servers = part.get("servers", "texts") ?? [];
    if (name === undefined) part.report.left(part.path, "has no name, so there is no address for it");
    else
      draft.group(
        part.path,
        name,
        servers.map((each) => ({ server: each })),
      );
    part.rest(WHOSE);
  }
  proxySettings(top, draft);
  top.rest(WHOSE);
}

function ownOf(top: Part, draft: Draft): Own {
  return (text, at) =>
    withReferences(text, {
      braced: (body) => {
        const [, kind, name = ""] = /^([^:]+):([\s\S]+)$/.exec(body) ?? [];
        if (kind === "env" && isVariable(name)) return `\${${name}}`;
        if (kind === undefined || kind === "env") return undefined;
        if (kind !== "keyring") {
          top.report.left(at, `takes its value from "${kind}", which is not known here`, "Write the value's reference anew.");
          return undefined;
        }
        draft.secrets.add(name);
        return `\${secret:${name}}`;
      },
    });
}

function server(original: string, part: Part, own: Own, shared: Shared, draft: Draft): void {
  const name = draft.nameFor(original);
  const to = `mcpServers.${name}`;
  const protocol = part.get("protocol", "text") ?? "";
  if (part.has("protocol")) part.report.carried(part.at("protocol"), `${to}.type`);
  const type = SSE.has(protocol) ? "sse" : HTTP.has(protocol) ? "http" : undefined;
  const wire = wireOf(part, to, { own, cwd: "working_dir", type });
  const enabled = part.carry("enabled", "flag", `${to}.enabled`);
  const quarantined = part.get("quarantined", "flag") === true;
  if (quarantined)
    part.report.changed(
      part.at("quarantined"),
      `is ${to}.enabled: false, since nobody has let its tools pass yet`,
      `Look at it, and then \`mcp-host enable ${name}\`.`,
    );
  const include = part.carry("enabled_tools", "texts", `${to}.tools.include`);
  const exclude = part.carry("disabled_tools", "texts", `${to}.tools.exclude`);
  const tools = selection({ include: include && include.length > 0 ? include : undefined, exclude });
  const noPrompts = part.get("expose_prompts", "flag") === false;
  if (noPrompts) part.report.changed(part.at("expose_prompts"), `is ${to}.prompts.include: []`);
  isolated(part, shared, wire);
  const app = oauthOf(part, name, own);
  part.leave("launcher_wait_timeout", "is about a program with a URL, which nothing starts here");
  part.leave("tool_discovery_interval", "is not needed: a server says when its lists change, and `mcp-host reconnect` asks anew");
  part.pass(["reconnect_on_use"], "is so here: a server that went away is tried again, and by a call, too");
  part.pass(
    ["trust_mode", "skip_quarantine", "auto_approve_tool_changes"],
    "says who approves of tools that change, which a host does not ask",
  );
  part.leave("toon_output", "writes results in a form of its own", "@host/plugin-transform reshapes results.");
  part.leave("auth_broker", "exchanges the caller's token", '`"grant": "token_exchange"` of @host/plugin-oauth does that.');
  part.pass(["shared", "created", "updated", "source_registry_id", "source_registry_provenance"], "is a note of theirs");
  const limits = concurrencyOf(part, shared, to);
  const times = { ...shared.times, ...timesOf(part, to) };
  part.rest(WHOSE);
  const entry: Json | undefined = wire && {
    ...wire,
    ...times,
    ...limits,
    ...(tools && { tools }),
    ...(noPrompts && { prompts: { include: [] } }),
    ...(quarantined ? { enabled: false } : enabled !== undefined && { enabled }),
  };
  if (entry) draft.add(part.path, original, name, entry, app);
  else draft.leave(part.path, "has neither a command nor a url, so there is nothing to start or to reach");
}

function timesOf(part: Part, to: string): Json {
  const start = goDuration(part.carry("init_timeout", "text", `${to}.startTimeout`));
  const health = goDuration(part.carry("health_check_interval", "text", `${to}.healthInterval`));
  return {
    ...(start !== undefined && start > 0 && { startTimeout: duration(start) }),
    ...(health !== undefined && { healthInterval: duration(health) }),
  };
}

function concurrencyOf(part: Part, shared: Shared, to: string): Json {
  const most = part.carry("max_concurrent_requests", "number", `${to}.concurrency`) ?? shared.concurrency;
  for (const key of ["queue_size", "queue_timeout"])
    part.leave(key, "is said for all servers: `limits.waitingPerUpstream` calls wait, for `timeout` at most");
  return most !== undefined && most > 0 ? { concurrency: most } : {};
}

/** A container or a sandbox is not made here, so a server that had one has less around it. */
function isolated(part: Part, shared: Shared, wire: Json | undefined): void {
  const own = part.part("isolation");
  const said = own?.get("mode", "text") ?? switched(own?.get("enabled", "flag"));
  const mode = said ?? shared.isolation;
  const has = wire?.command !== undefined && mode !== undefined && mode !== "none";
  if (has)
    part.report.left(
      own ? part.at("isolation") : part.path,
      `runs the program in isolation (${mode}), and the new config runs it as it is`,
      'Write the isolation into the entry, such as "command": "docker", "args": ["run", "-i", "--rm", "<image>", ...].',
    );
  else if (own) {
    own.pass(BOX, "is about containers, of which a host makes none");
    own.rest(WHOSE);
  }
  if (!has && own) part.report.changed(part.at("isolation"), "isolates nothing, and nothing is isolated here");
}

function oauthOf(part: Part, name: string, own: Own): Json {
  const oauth = part.part("oauth");
  const to = `plugins oauth.servers.${name}`;
  const app = appOf(oauth, to, APP, own);
  const further = oauth?.carry("extra_params", "object", `${to}.extraParams`);
  if (oauth?.get("pkce_enabled", "flag") === false)
    oauth.report.left(oauth.at("pkce_enabled"), "goes without PKCE, which a host never does");
  oauth?.rest(WHOSE);
  const texts = Object.fromEntries(Object.entries(further ?? {}).map(([key, value]) => [key, String(value)]));
  return { ...app, ...(further && { extraParams: { authorize: texts, token: texts } }) };
}
