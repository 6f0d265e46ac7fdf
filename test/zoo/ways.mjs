// The ways to a server: directly, or through a host, without plugins or with all of them.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { createHost, createLogger } from "mcp-host";
import { SERVER, visit } from "./visit.mjs";

const STDERR_KEPT = 64 * 1024;
const START_MS = 60_000;

const stores = mkdtempSync(join(tmpdir(), "mcp-host-zoo-"));
process.once("exit", () => rmSync(stores, { recursive: true, force: true }));

/** A port that no server has. */
const NOBODY = "http://127.0.0.1:9/";

/** Every plugin of packages/, so that nothing changes for the one client of one server. */
const PLUGINS = {
  "plugin-admin": { calls: 5 },
  "plugin-approval": { rules: [] },
  "plugin-alerts": { receivers: [{ name: "nobody", url: NOBODY }] },
  "plugin-audit": { file: false, details: [{ arguments: "redacted", results: "whole" }] },
  "plugin-auth": { default: "allow" },
  "plugin-cache": {},
  "plugin-compact": { limit: false, form: "as-is" },
  "plugin-metrics": {},
  "plugin-namespace": { strategy: "conflict" },
  "plugin-oauth": {},
  // Nobody listens there: it is dropped.
  "plugin-otel": { endpoint: NOBODY, traces: { ratio: 1 } },
  "plugin-profiles": { profiles: { everything: {} }, default: "everything" },
  "plugin-rate-limit": { rules: [{ name: "often", per: ["principal"], requests: 1_000_000, window: "1m" }] },
  "plugin-resilience": {},
  "plugin-routing": { coalesce: [{ match: ["*"] }] },
  "plugin-sqlite": { file: join(stores, "store.sqlite") },
  "plugin-tool-search": { show: "list" },
  "plugin-transform": {},
  "plugin-vault": { folder: join(stores, "vault"), keyFile: join(stores, "vault.key") },
  // Nobody answers there, so that its circuit opens and everything goes on without it.
  "plugin-webhooks": {
    hooks: ["permit", "transform", "respond"].map((at) => ({ name: at, at, url: NOBODY, retries: 0, onFailure: "open" })),
  },
};

/** Directly: the account, or what stderr said of the failure. */
export async function direct({ command, args, env, cwd }, asks, startTimeout = START_MS) {
  const transport = new StdioClientTransport({ command, args, env, cwd, stderr: "pipe" });
  let stderr = "";
  transport.stderr.on("data", (chunk) => {
    stderr = (stderr + chunk).slice(-STDERR_KEPT);
  });
  try {
    return { account: await visit(transport, asks, { patience: startTimeout }) };
  } catch (error) {
    return { failed: `${error.message}\n${stderr}` };
  } finally {
    await transport.close(); // A client that never was connected does not.
  }
}

export const throughHost = (child, asks, startTimeout) => through(child, asks, startTimeout, []);

export async function throughPlugins(child, asks, startTimeout) {
  const names = readdirSync(join(import.meta.dirname, "../../packages")).filter((name) => name.startsWith("plugin-"));
  const plugins = names.map((name) => {
    if (!Object.hasOwn(PLUGINS, name)) throw new Error(`${name} has no options here; add it to PLUGINS in test/zoo/ways.mjs`);
    return [`@host/${name}`, PLUGINS[name]];
  });
  return through(child, asks, startTimeout, plugins);
}

/** Through a host that has this one server: the account, or the reason that the host gives. */
async function through(child, asks, startTimeout = START_MS, plugins) {
  const { command, args, env, cwd } = child;
  const config = { mcpServers: { [SERVER]: { command, args, env, cwd, startTimeout } }, plugins, wait: startTimeout };
  const host = createHost(config, { folder: import.meta.dirname, log: createLogger({ level: "silent" }) });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  try {
    await host.connect(theirs);
    let upstream;
    const leaving = async () => {
      upstream = await settled(host, startTimeout);
    };
    const account = await visit(ours, asks, { patience: 2 * startTimeout, leaving });
    const { state, reason } = upstream;
    // Degraded is one whose lists are not whole; the account says which.
    return state === "ready" || state === "degraded" ? { account } : { failed: reason ?? `it is ${state}, without a reason`, account };
  } finally {
    await host.close();
  }
}

/** How the server stands, once no connection to it is under way: one that failed is tried again and again. */
async function settled(host, startTimeout) {
  const deadline = Date.now() + 2 * startTimeout;
  for (;;) {
    const [upstream] = host.status().upstreams;
    if (upstream.state !== "connecting" || Date.now() > deadline) return upstream;
    await delay(50);
  }
}
