// What the suite is run against. Each target starts what it needs and gives the URL of its endpoint.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { NODE } from "./suite.mjs";

const HERE = join(import.meta.dirname, "..");
const ROOT = join(HERE, "../..");
const HOST = join(ROOT, "packages/host/bin/mcp-host.js");
const FIXTURE = join(HERE, "fixture.mjs");
const TASKS = join(ROOT, "test/fixtures/tasks.mjs");
const OTHER = join(HERE, "other.mjs");

// A stdio connection that is one session's own can relay what the server asks of that session's client. An anonymous client of
// 2026-07-28 has a process for each request, and the suite waits 800 ms for some answers: this Node starts it faster, since it
// keeps what it compiled.
const stdioFixture = (folder) => ({
  command: NODE,
  args: [FIXTURE, "stdio"],
  env: { NODE_COMPILE_CACHE: join(folder, "compiled") },
  isolation: "session",
  relayRoots: true,
});
const other = (name) => ({ command: process.execPath, args: [OTHER, name] });

/** A stream is closed while the fixture's slow call is under way: the suite has to come back for its answer, and does so once. */
const listen = { resume: { hold: "500ms", retry: "100ms" } };

/** The fixture of the legacy era, directly and behind the host. */
const v1 = {
  direct: (processes) => startFixture(processes),

  stdio: (processes, folder) => startHost(processes, folder, { mcpServers: { fixture: stdioFixture(folder) } }),

  http: async (processes, folder) => {
    const url = await startFixture(processes);
    return startHost(processes, folder, { mcpServers: { fixture: { url } } });
  },

  // The owner of the names comes neither first nor last, so that no order finds it by luck.
  three: async (processes, folder) => {
    const url = await startFixture(processes);
    return startHost(processes, folder, {
      mcpServers: { weather: other("weather"), fixture: { url }, notes: other("notes") },
      plugins: [["@host/plugin-namespace", { strategy: "conflict" }]],
    });
  },

  // Every plugin at work, with settings that let everything through.
  plugins: async (processes, folder) => {
    const url = await startFixture(processes);
    return startHost(processes, folder, {
      mcpServers: { weather: other("weather"), fixture: { url }, notes: other("notes") },
      plugins: [
        ["@host/plugin-approval", { rules: [{ allow: true }] }],
        ["@host/plugin-auth", { anonymous: [], default: "allow" }],
        "@host/plugin-oauth",
        ["@host/plugin-audit", { details: [{ arguments: "redacted", results: "redacted" }] }],
        "@host/plugin-metrics",
        // Nobody listens there: what it tells is dropped.
        ["@host/plugin-otel", { endpoint: "http://127.0.0.1:9/", traces: { ratio: 1 } }],
        ["@host/plugin-alerts", { receivers: [{ name: "nobody", url: "http://127.0.0.1:9/" }] }],
        ["@host/plugin-admin", { traces: true }],
        [
          "@host/plugin-rate-limit",
          {
            rules: [
              { name: "often", per: ["principal", "tool"], requests: 1_000_000, window: "1m", burst: 10 },
              { name: "lists", methods: ["initialize", "server/discover", "tools/list"], requests: 1_000_000, window: "day" },
              { name: "slots", per: ["server"], concurrent: 1_000, queue: {} },
              { name: "bytes", bytes: "100gb", window: "month" },
            ],
            addresses: { requests: 1_000_000, window: "1m" },
          },
        ],
        ["@host/plugin-transform", { rules: [{ match: ["*"], redact: true, strip: true }] }],
        "@host/plugin-compact",
        ["@host/plugin-namespace", { strategy: "conflict" }],
        ["@host/plugin-profiles", { profiles: { everything: {} }, default: "everything" }],
        ["@host/plugin-tool-search", { threshold: 1_000_000 }],
        ["@host/plugin-cache", { tools: ["*"], store: true }],
        "@host/plugin-resilience",
        ["@host/plugin-routing", { groups: { group: { members: ["fixture"] } }, coalesce: [{ match: ["*"] }] }],
        ["@host/plugin-sqlite", { file: "store.sqlite" }],
        ["@host/plugin-vault", { folder: "vault", keyFile: "vault.key" }],
        // Nobody answers there, so that its circuit opens and everything goes on without it.
        [
          "@host/plugin-webhooks",
          {
            hooks: ["permit", "transform", "respond"].map((at) => ({
              name: at,
              at,
              url: "http://127.0.0.1:9/",
              retries: 0,
              onFailure: "open",
            })),
          },
        ],
      ],
    });
  },
};

/** Of fixtures that are of 2026-07-28 and nothing older, or of both eras. */
const v2 = (kind) => async (processes, folder) =>
  startHost(processes, folder, { mcpServers: { fixture: { url: await startFixture(processes, FIXTURE, kind) } } });

/** The same for the tasks extension, which a fixture of its own has. */
const tasks = {
  direct: (processes) => startFixture(processes, TASKS),
  stdio: (processes, folder) =>
    startHost(processes, folder, { mcpServers: { fixture: { command: process.execPath, args: [TASKS, "stdio"] } } }),
  http: async (processes, folder) =>
    startHost(processes, folder, { mcpServers: { fixture: { url: await startFixture(processes, TASKS) } } }),
};

async function startFixture(processes, file = FIXTURE, kind = "http") {
  const fixture = processes.start("the fixture", process.execPath, [file, kind, "--port", "0"]);
  const [, url] = await processes.ready(fixture, () => /^listening (\S+)$/m.exec(fixture.output));
  return url;
}

async function startHost(processes, folder, config) {
  const file = join(folder, "mcp-host.config.json");
  writeFileSync(file, JSON.stringify({ listen, ...config }, null, 2));
  const port = await freePort();
  const args = [HOST, "start", "--config", file, "--port", String(port)];
  const host = processes.start("the host", process.execPath, args, { cwd: ROOT });
  const base = `http://127.0.0.1:${port}`;
  await processes.ready(host, () => isReady(`${base}/readyz`));
  return `${base}/mcp`;
}

async function isReady(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).status === 200;
  } catch {
    return false; // It does not listen yet.
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Scenarios about signing in that are none of the host's, and why. All are of extensions. */
export const UNFIT = new Map([
  ["auth/enterprise-managed-authorization", "the host has no token of a person's from an identity provider to exchange"],
  ["auth/wif-jwt-bearer", "the host is no workload with an identity of its platform"],
  ["auth/dpop", "tokens are bearer tokens: no proof of possession (RFC 9449)"],
  ["auth/dpop-nonce", "tokens are bearer tokens: no proof of possession (RFC 9449)"],
]);

/**
 * The runs over each set of scenarios, in order. `direct` (and `direct2`, of the fixture on SDK v2) shows that a fixture has everything, `like` what a run is compared with
 * check by check; where there is none, the fixture does not speak so by itself, and what the revision demands must pass. `tries`: how often one with problems is
 * made, each time anew.
 */
export const RUNS = {
  "2025-11-25": {
    direct: { start: v1.direct, isDirect: true },
    stdio: { start: v1.stdio, like: "direct" },
    http: { start: v1.http, like: "direct" },
    three: { start: v1.three, like: "direct" },
    plugins: { start: v1.plugins, like: "direct" },
    direct2: { start: (processes) => startFixture(processes, FIXTURE, "dual"), isDirect: true },
    dual: { start: v2("dual"), like: "direct2" },
    modern: { start: v2("modern"), like: "direct2" },
  },
  "2026-07-28": {
    direct2: { start: (processes) => startFixture(processes, FIXTURE, "modern") },
    // The suite waits 800 ms for some answers, and each request of a caller whom nobody knows starts a server of its own: on a busy machine that is
    // too little now and then. What is wrong with the host is so in every try.
    stdio: { start: v1.stdio, tries: 3 },
    http: { start: v1.http },
    three: { start: v1.three },
    plugins: { start: v1.plugins },
    dual: { start: v2("dual"), like: "direct2" },
    modern: { start: v2("modern"), like: "direct2" },
  },
  // As a client of the suite's own servers, which client.mjs drives.
  "client-2025-11-25": { host: {} },
  "client-2026-07-28": { host: {} },
  // As a client that somebody has to sign in, which sign-in.mjs drives.
  "sign-in-2025-03-26": { host: {} },
  "sign-in-2025-11-25": { host: {} },
  "sign-in-2026-07-28": { host: {} },
  tasks: {
    direct: { start: tasks.direct, isDirect: true },
    stdio: { start: tasks.stdio, like: "direct" },
    http: { start: tasks.http, like: "direct" },
  },
};
