// What is measured, and how each of it is started.
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { HttpClient, KEY, StdioClient, sockets } from "./client.mjs";
import { addressOf, pause, start, stop } from "./measure.mjs";

export const ROOT = resolve(import.meta.dirname, "..");
const CLI = "packages/host/bin/mcp-host.js";
const UPSTREAM = join(import.meta.dirname, "upstream.mjs");

/** The key that clients send over HTTP, to whatever they talk, and what a config keeps of it. */
const PEPPER = randomBytes(32).toString("base64url");
const digest = createHmac("sha256", PEPPER).update(KEY).digest("base64url");

/**
 * Every stock plugin that has something to do with a call, in the order in which one would configure them: its folder is packages/plugin-NAME,
 * `entry` is its line in a config. That of SQLite has not: what a store of it takes is measured in its folder.
 */
export const STOCK = [
  // Over HTTP the clients' key is checked at every request, and everywhere the rules are asked.
  {
    name: "auth",
    entry: ["@host/plugin-auth", { apiKeys: { pepper: PEPPER, keys: [{ id: "bench", digest }] }, rules: [{ allow: { servers: ["*"] } }] }],
  },
  // A record of each call, written and synced every second.
  { name: "audit", entry: "@host/plugin-audit" },
  // A server that it is signed in to gets a header with every request of its connection, as one of the config.
  { name: "oauth", entry: "@host/plugin-oauth" },
  { name: "metrics", entry: "@host/plugin-metrics" },
  // A tenth of the calls, 20 a second at most, is told with stages and taps, as by default; every call is measured, and its server told its context.
  { name: "otel", entry: ["@host/plugin-otel", { endpoint: "${BENCH_COLLECTOR}" }] },
  // Every call is counted in a window that the bench does not use up, and told of in a header.
  {
    name: "rate-limit",
    entry: ["@host/plugin-rate-limit", { rules: [{ name: "bench", per: ["principal"], requests: 1_000_000_000, window: "1h" }] }],
  },
  // Every text in both directions is looked through.
  { name: "transform", entry: ["@host/plugin-transform", { rules: [{ match: ["*"], redact: true, strip: true }] }] },
  // The tokens of each answer are estimated; what is answered is to be told from other answers, so nothing is cut.
  { name: "compact", entry: ["@host/plugin-compact", { from: 0, limit: false }] },
  { name: "namespace", entry: "@host/plugin-namespace" },
  // It keeps reads, prompts and completions; what keeping every call costs is measured apart.
  { name: "cache", entry: "@host/plugin-cache" },
  { name: "resilience", entry: "@host/plugin-resilience" },
  // The first server is a group's only member: its calls are given to it and counted, those of the others are in no group.
  { name: "routing", entry: ["@host/plugin-routing", { groups: { group: { members: ["s0"] } } }] },
  // Every call is counted for the share of those that fail, and for latencies; nobody is told.
  { name: "alerts", entry: ["@host/plugin-alerts", { rules: [{ kind: "server-down" }, { kind: "error-ratio" }, { kind: "latency" }] }] },
  // Lists pass it; the bench wants the whole one.
  { name: "tool-search", entry: ["@host/plugin-tool-search", { threshold: 100_000_000 }] },
  // The last requests are kept; nobody looks at them.
  { name: "admin", entry: "@host/plugin-admin" },
];

const host = (name, title, plugins) => ({ name, title, plugins: plugins.map(({ entry }) => entry) });

export const DIRECT = { name: "direct", title: "no gateway" };
export const FORWARDER_TARGET = { name: "forwarder", title: "bare forwarder", script: join(import.meta.dirname, "forwarder.mjs") };
export const HOST = host("host", "host, no plugin", []);
export const NAMESPACE = host(
  "namespace",
  "host + namespace",
  STOCK.filter(({ name }) => name === "namespace"),
);
export const ALL = host("all", "host + all stock plugins", STOCK);
export const TARGETS = [DIRECT, FORWARDER_TARGET, HOST, NAMESPACE, ALL];

/** The host with one plugin each, to tell what each costs. */
export const WITH_ONE = [
  ...STOCK,
  { name: "otel, every call sampled", entry: ["@host/plugin-otel", { endpoint: "${BENCH_COLLECTOR}", traces: { ratio: 1 } }] },
  { name: "otel, off", entry: ["@host/plugin-otel", { endpoint: "" }] },
  // Every call of the bench is another one: each result is kept, and none is ever found.
  { name: "cache, every result kept", entry: ["@host/plugin-cache", { tools: ["*"] }] },
  // While nobody listens a trace costs no more than a look at whether somebody does, so that the host without plugins is the other row.
  { name: "a listener of the trace", entry: join(import.meta.dirname, "listener.mjs") },
].map((plugin) => host(plugin.name, `host + ${plugin.name}`, [plugin]));

/** Files of a run: configs, and what the host would keep in its user's folders. */
const folder = mkdtempSync(join(tmpdir(), "mcp-host-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const own = { XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: folder };

/** Whoever counts the processes of a test run finds the servers, too, which inherit little from the host. */
const { TEST_RUN_OF_MCP_HOST } = process.env;
const env = TEST_RUN_OF_MCP_HOST ? { TEST_RUN_OF_MCP_HOST } : {};

let upstreams;
let collector;

/** Variables of hosts: where the collector of telemetry is, which takes what it is sent and makes nothing of it. */
async function collected() {
  collector ??= start([process.execPath, join(import.meta.dirname, "collector.mjs")]);
  return { BENCH_COLLECTOR: new URL(await addressOf(collector)).origin };
}

/** The address of the HTTP upstream process, which all targets share. */
async function httpUpstream() {
  upstreams ??= start([process.execPath, UPSTREAM, "--http"]);
  return new URL(await addressOf(upstreams)).origin;
}

/**
 * Servers s0, s1, ... as a config names them. `shape`: `client` and `upstream` ("http" or "stdio"), `servers`, and `tools` of each;
 * `clientEra` and `upstreamEra` are "modern" where they speak 2026-07-28; `isLocked` where an HTTP server wants a token.
 */
async function serversOf(shape, headers) {
  const origin = shape.upstream === "http" ? await httpUpstream() : "";
  const era = shape.isLocked ? ["legacy", "locked"] : shape.upstreamEra === "modern" ? [shape.upstreamEra] : [];
  const protocol = shape.upstreamEra && { protocol: shape.upstreamEra };
  const server = (name) =>
    shape.upstream === "http"
      ? { url: [origin, name, shape.tools, ...era].join("/"), ...protocol, ...(headers && { headers }) }
      : { command: process.execPath, args: [UPSTREAM, name, String(shape.tools), ...era], env, ...protocol };
  return Object.fromEntries(Array.from({ length: shape.servers }, (_, i) => [`s${i}`, server(`s${i}`)]));
}

/** A gateway, or what stands for one, that was started: opens sessions with it and knows what it calls our tools. */
class Running {
  sessions = [];
  agent = sockets();
  names = [];

  constructor(target, shape) {
    Object.assign(this, { target, shape });
  }

  get pid() {
    return this.process?.pid;
  }

  get isStdio() {
    return this.shape.client === "stdio";
  }

  /** Opens sessions until there are `count` (over stdio there is one, always), a few at a time as clients would. */
  async open(count) {
    const missing = (this.isStdio ? 1 : count) - this.sessions.length;
    for (let left = missing; left > 0; left -= 8)
      await Promise.all(
        Array.from({ length: Math.min(left, 8) }, async () => {
          const session = new HttpClient(this.url, this.agent, this.shape.clientEra);
          await session.open();
          this.sessions.push(session);
        }),
      );
    return this.sessions.slice(0, count);
  }

  async list() {
    const tools = [];
    let cursor;
    do {
      const page = await this.sessions[0].request("tools/list", cursor ? { cursor } : {});
      tools.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor);
    return tools;
  }

  /** Waits until every tool of every server is listed, and learns its exposed name. */
  async complete() {
    const { servers, tools } = this.shape;
    const { least = 1 } = this.shape; // a view may hide some
    for (const end = performance.now() + 30_000; performance.now() < end; await pause(5)) {
      const listed = await this.list();
      if (listed.length < servers * tools * least) continue;
      this.names = listed.map(({ name }) => name).filter((name) => !name.endsWith("_big"));
      this.big = listed.map(({ name }) => name).find((name) => name.endsWith("_big"));
      return;
    }
    throw new Error(`${this.target.title} never listed all ${servers * tools} tools`);
  }

  /** Closes all sessions but the first. */
  async closeSessions() {
    if (!this.isStdio) await Promise.all(this.sessions.splice(1).map((session) => session.close()));
  }

  async close() {
    await stop(this.process);
    this.agent.destroy();
  }
}

/** The tree that a host is of: this one, unless the target says another. */
const rootOf = ({ root = ROOT }) => root;

function command(target, shape, config, flags) {
  if (target.script) return [process.execPath, ...flags, target.script, config, ...(shape.client === "http" ? ["--http"] : [])];
  const mode = shape.client === "http" ? ["http", "--port", "0"] : ["stdio"];
  return [process.execPath, ...flags, join(rootOf(target), CLI), "start", ...mode, "--config", config];
}

/**
 * Starts a target and opens one session. With `flags` for Node, the profiler's. A direct client talks to one server that has as
 * many tools as all servers of the others, over the transport of the client.
 */
export async function bring(target, shape, flags = []) {
  const direct = target === DIRECT;
  if (direct) shape = { ...shape, upstream: shape.client, upstreamEra: shape.clientEra, servers: 1, tools: shape.servers * shape.tools };
  const running = new Running(target, shape);
  const mcpServers = await serversOf(shape, target.headers);
  // A folder of its own: what plugins keep beside it is one host's.
  const config = join(mkdtempSync(join(folder, "host-")), "config.json");
  // All clients have one key, and the bench opens more sessions than one principal may have by default.
  const limits = { sessionsPerPrincipal: 5_000 };
  const more = target.plugins?.length ? { plugins: target.plugins, limits } : {};
  writeFileSync(config, JSON.stringify({ mcpServers, ...more }), { mode: 0o600 });
  const variables = { ...own, ...(target.plugins?.some((entry) => entry[0] === "@host/plugin-otel") && (await collected())) };
  running.startedAt = performance.now();
  if (running.isStdio) {
    const argv = direct ? [process.execPath, ...mcpServers.s0.args] : command(target, shape, config, flags);
    const session = new StdioClient(argv, { env: variables, cwd: rootOf(target) }, shape.clientEra);
    running.process = session.process;
    running.sessions.push(session);
    await session.open();
  } else {
    if (!direct) running.process = start(command(target, shape, config, flags), { env: variables, cwd: rootOf(target) });
    running.url = direct ? mcpServers.s0.url : await addressOf(running.process);
    await running.open(1);
  }
  return running;
}

/** Ends what `bring` started for all targets. */
export async function finish() {
  await stop(upstreams);
  await stop(collector);
}
