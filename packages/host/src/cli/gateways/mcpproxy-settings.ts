import { INHERITED } from "../../upstream/child.ts";
import type { Json } from "../../wire/message.ts";
import { callTimes, duration } from "../init/settings.ts";
import type { Draft } from "./draft.ts";
import type { Part } from "./part.ts";
import { isVariable } from "./references.ts";

const WHOSE = "mcpproxy";
const AUTH = "@host/plugin-auth takes API keys (`mcp-host auth keys add`) and the tokens of an authorization server.";

/** What the top of the file says for every server that does not say it itself. */
export interface Shared {
  readonly times: Json;
  readonly concurrency?: number | undefined;
  readonly isolation?: string | undefined;
}

export function sharedOf(top: Part): Shared {
  const call = goDuration(top.carry("call_tool_timeout", "text", "mcpServers.*.timeout"));
  const start = goDuration(top.carry("init_timeout", "text", "mcpServers.*.startTimeout"));
  const health = goDuration(top.carry("health_check_interval", "text", "mcpServers.*.healthInterval"));
  const defaults = top.part("server_concurrency_defaults");
  const concurrency = defaults?.carry("max_concurrent_requests", "number", "mcpServers.*.concurrency");
  defaults?.pass(["queue_size", "queue_timeout"], "is said for all servers: `limits.waitingPerUpstream` calls wait, for `timeout` at most");
  defaults?.rest(WHOSE);
  const docker = top.part("docker_isolation");
  const isolation = docker?.get("mode", "text") || switched(docker?.get("enabled", "flag"));
  docker?.pass(
    Object.keys(docker.value).filter((key) => key !== "mode" && key !== "enabled"),
    "is about containers, of which a host makes none",
  );
  return {
    times: {
      ...callTimes(call),
      ...(start !== undefined && start > 0 && { startTimeout: duration(start) }),
      ...(health !== undefined && { healthInterval: duration(health) }),
    },
    concurrency,
    isolation,
  };
}

/** What the top of the file says of the proxy itself. */
export function proxySettings(top: Part, draft: Draft): void {
  const { report } = top;
  const listen = top.get("listen", "text");
  if (listen !== undefined) listened(listen, top, draft);
  const tls = top.part("tls");
  if (tls?.get("enabled", "flag") === true)
    report.left(
      tls.at("enabled"),
      "serves HTTPS with a certificate of its own making",
      "Give `listen.tls` the files of a certificate: docs/config.md.",
    );
  tls?.pass(
    Object.keys(tls.value).filter((key) => key !== "enabled"),
    "belongs to that",
  );
  if (top.get("require_mcp_auth", "flag") === true) {
    draft.guarded = true;
    report.left(top.at("require_mcp_auth"), "asks clients for a key, and the new config does not", AUTH);
  }
  top.leave("api_key", "is the key of mcpproxy's REST interface, and of its clients", AUTH);
  const hosts = top.get("trusted_hosts", "texts") ?? [];
  if (hosts.length > 0)
    report.left(
      top.at("trusted_hosts"),
      "are public names, for which a host needs an auth plugin",
      "Add @host/plugin-auth, and then `listen.hosts`.",
    );
  environment(top, draft);
  if (top.get("forward_proxy_env", "flag") === true) {
    const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
    draft.give(Object.fromEntries(names.map((name) => [name, `\${${name}:-}`])));
    report.changed(top.at("forward_proxy_env"), `is ${names.join(", ")} in the env of each program`);
  }
  const mode = top.get("routing_mode", "text") ?? "retrieve_tools";
  if (mode !== "direct")
    report.left(
      top.at("routing_mode"),
      `is ${mode}: clients find tools by a search. Here they are given the tools themselves`,
      "Profiles of @host/plugin-profiles make the list shorter.",
    );
  const search = "belongs to the search for tools, which a host does not have";
  top.pass(["tools_limit", "top_k", "tool_response_mode", "tokenizer", "debug_search", "enable_prompts"], search);
  top.leave("tool_response_limit", "cuts results", "`truncate` of @host/plugin-transform does that by rules.");
  top.leave("max_result_size_chars", "is told to clients with each tool, which a host does not");
  top.pass(
    Object.keys(top.value).filter((key) => key.startsWith("code_execution_") || key === "enable_code_execution"),
    "runs scripts of clients, which a host does not",
  );
  top.leave(
    "aggregate_upstream_prompts",
    "says whether prompts of servers are offered; here they are",
    '`"prompts": { "include": [] }` of a server leaves them out.',
  );
  for (const key of ["max_concurrent_requests", "queue_size", "queue_timeout"])
    top.leave(key, "is a bound for all servers together", "`limits.inFlight` is one, and `concurrency` of each server.");
  top.leave("instructions", "stands in for the instructions of servers", "A profile of @host/plugin-profiles has `instructions`.");
  const activity = "is about what mcpproxy records";
  top.pass(
    Object.keys(top.value).filter((key) => key.startsWith("activity_")),
    `${activity}; @host/plugin-audit records calls here`,
  );
  for (const key of [
    "sensitive_data_detection",
    "output_validation",
    "output_sanitisation",
    "security",
    "quarantine_enabled",
    "intent_declaration",
  ])
    top.leave(key, "looks at what servers offer and answer", "@host/plugin-transform validates, redacts and strips by rules.");
  top.pass(["logging"], "is a flag of `start`: --log-level, and --daemon for a file");
  for (const key of Object.keys(top.value))
    if (SETTINGS.has(key)) top.leave(key, "is a setting of mcpproxy itself with nothing of its kind here");
}

/** Settings that say nothing of servers and clients. */
const SETTINGS = new Set([
  ...["$schema", "tray_endpoint", "enable_socket", "data_dir", "enable_tray", "features", "read_only_mode", "disable_management"],
  ...["allow_server_add", "allow_server_remove", "check_server_repo", "docker_recovery", "registries", "registries_locked"],
  ...["allow_private_registry_fetch", "tool_discovery_interval", "http_read_timeout", "http_write_timeout", "http_idle_timeout"],
  ...["toon_output", "toon_min_savings_pct", "tool_response_session_risk_warning", "oauth_expiry_warning_hours", "telemetry"],
  ...["observability", "update_check", "reveal_secret_headers", "server_edition"],
]);

function listened(listen: string, top: Part, draft: Draft): void {
  const [, host = "", port = ""] = /^(.*):(\d{1,5})$/.exec(listen) ?? [];
  if (port === "" || Number(port) > 65_535) return top.report.left(top.at("listen"), "names no port");
  draft.listen.port = Number(port);
  top.report.carried(top.at("listen"), "listen.port");
  if (!["127.0.0.1", "localhost", "[::1]"].includes(host))
    top.report.left(
      top.at("listen"),
      "is beyond this machine, where a host needs an auth plugin",
      "Add @host/plugin-auth, and then `listen.host`.",
    );
}

function environment(top: Part, draft: Draft): void {
  const part = top.part("environment");
  if (!part) return;
  const custom = Object.fromEntries(
    Object.entries(part.get("custom_vars", "object") ?? {}).map(([name, value]) => [name, String(value).replaceAll("${", () => "$${")]),
  );
  if (Object.keys(custom).length > 0) {
    draft.give(custom);
    part.report.changed(part.at("custom_vars"), `is ${Object.keys(custom).join(", ")} in the env of each program`);
  }
  const allowed = part.get("allowed_system_vars", "texts") ?? [];
  const names = allowed.filter((name) => isVariable(name) && !INHERITED.includes(name));
  if (names.length > 0) {
    draft.give(Object.fromEntries(names.map((name) => [name, `\${${name}:-}`])));
    part.report.changed(part.at("allowed_system_vars"), `is ${names.join(", ")} in the env of each program`);
  }
  for (const [index, name] of allowed.entries())
    if (!isVariable(name))
      part.report.left([...part.at("allowed_system_vars"), index], `"${name}" is a pattern, and here variables are named`);
  part.pass(["inherit_system_safe", "enhance_path"], "is so here for a few variables: HOME, PATH, LANG and the like");
  part.rest(WHOSE);
}

/** How a program is isolated by the older of the two keys that say it. */
export function switched(enabled: boolean | undefined): string | undefined {
  return enabled === undefined ? undefined : enabled ? "docker" : "none";
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration as Go writes it: `1h2m3.5s`. */
export function goDuration(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 64 || !/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|[smh]))+$|^0$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|[smh])/gy);
  return Math.round(Array.from(parts, ([, amount, unit = ""]) => Number(amount) * (UNITS[unit] ?? 0)).reduce((sum, each) => sum + each, 0));
}
