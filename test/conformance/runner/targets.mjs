// What the suite is run against. Each target starts what it needs and gives the URL of its endpoint.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const HERE = join(import.meta.dirname, "..");
const ROOT = join(HERE, "../..");
const HOST = join(ROOT, "packages/host/bin/mcp-host.js");
const FIXTURE = join(HERE, "fixture.mjs");
const TASKS = join(ROOT, "test/fixtures/tasks.mjs");
const OTHER = join(HERE, "other.mjs");

// A stdio connection that is one session's own can relay what the server asks of that session's client.
const stdioFixture = { command: process.execPath, args: [FIXTURE, "stdio"], isolation: "session", relayRoots: true };
const other = (name) => ({ command: process.execPath, args: [OTHER, name] });

/** A stream is closed while the fixture's slow call is under way: the suite has to come back for its answer, and does so once. */
const listen = { resume: { hold: "500ms", retry: "100ms" } };

/** `direct` shows that the fixture has everything; the others are compared with it, check by check. */
export const TARGETS = {
  direct: (processes) => startFixture(processes),

  stdio: (processes, folder) => startHost(processes, folder, { mcpServers: { fixture: stdioFixture } }),

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
        "@host/plugin-metrics",
        ["@host/plugin-transform", { rules: [{ match: ["*"], redact: true, strip: true }] }],
        ["@host/plugin-namespace", { strategy: "conflict" }],
        ["@host/plugin-profiles", { profiles: { everything: {} }, default: "everything" }],
        ["@host/plugin-cache", { tools: ["*"], store: true }],
        "@host/plugin-resilience",
        ["@host/plugin-sqlite", { file: "store.sqlite" }],
      ],
    });
  },
};

/** The same for the tasks extension, which a fixture of its own has. */
export const TASK_TARGETS = {
  direct: (processes) => startFixture(processes, TASKS),
  stdio: (processes, folder) =>
    startHost(processes, folder, { mcpServers: { fixture: { command: process.execPath, args: [TASKS, "stdio"] } } }),
  http: async (processes, folder) =>
    startHost(processes, folder, { mcpServers: { fixture: { url: await startFixture(processes, TASKS) } } }),
};

async function startFixture(processes, file = FIXTURE) {
  const fixture = processes.start("the fixture", process.execPath, [file, "http", "--port", "0"]);
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
