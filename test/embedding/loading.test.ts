import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "mcp-host";
import { expect, test } from "vitest";
import { BIN, httpProcess, MARKED, ROOT, temporary, upstream } from "../harness/hosts.ts";
import { noting } from "../harness/loaded-modules.ts";

const FRONTS = /NativeModule https?$|node_modules\/ws\/|\/front\/(sse|websocket|tls)\.js$/;

/** What of {@link FRONTS} a host loads that listens. */
async function loadedByListening(listen: Config["listen"], files: Record<string, string> = {}): Promise<string[]> {
  using folder = temporary({ ...files, "mcp-host.config.json": JSON.stringify({ listen: { port: 0, ...listen } }) });
  const notes = noting(folder.path);
  const args = [...notes.args, BIN, "start", "--config", join(folder.path, "mcp-host.config.json")];
  const child = execFile(process.execPath, args, { env: { ...process.env, ...MARKED, ...notes.env }, timeout: 20_000 });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.stderr?.on("data", (text) => {
    if (String(text).includes("Stop with Ctrl-C")) child.kill("SIGTERM");
  });
  expect(await exited).toBe(0);
  return [...new Set(notes.loaded().flatMap((name) => FRONTS.exec(name)?.[0].replace("/front/", "") ?? []))].sort();
}

test("a start over HTTP loads no other way in than the config asks for", async () => {
  expect(await loadedByListening({})).toEqual(["NativeModule http"]);
  expect(await loadedByListening({ sse: true })).toEqual(["NativeModule http", "sse.js"]);
  expect(await loadedByListening({ websocket: true })).toContain("websocket.js");
  const pem = (name: string): string => readFileSync(join(ROOT, "test/fixtures/tls", name), "utf8");
  const tls = { cert: "cert.pem", key: "cert.key" };
  const secure = await loadedByListening({ tls }, { "cert.pem": pem("first.pem"), "cert.key": pem("first.key") });
  expect(secure).toEqual(["NativeModule http", "NativeModule https", "tls.js"]);
});

/** Everything that `mcp-host start stdio` loads in a life with one server and one client that leaves at once. */
async function loadedBy(server: object): Promise<string[]> {
  using folder = temporary({ "mcp-host.config.json": JSON.stringify({ mcpServers: { one: server } }) });
  const notes = noting(folder.path);
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
  };
  const stdout = await new Promise<string>((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [...notes.args, BIN, "start", "stdio", "--config", join(folder.path, "mcp-host.config.json")],
      { env: { ...process.env, ...MARKED, ...notes.env }, timeout: 20_000 },
      (error, out) => (error ? reject(error) : resolve(out)),
    );
    const list = { jsonrpc: "2.0", id: 2, method: "tools/list" };
    child.stdin?.end(`${JSON.stringify(initialize)}\n${JSON.stringify(list)}\n`);
  });
  expect(stdout).toContain('"echo"');
  return notes.loaded();
}

test("a start over stdio with a stdio server loads no HTTP, SSE, WebSocket, Hono or OAuth code", async () => {
  const loaded = await loadedBy(upstream());
  expect(loaded).toContainEqual(expect.stringMatching(/upstream\/stdio\.js$/));
  expect(
    loaded.filter((name) =>
      /hono|undici\/|jose|client\/auth|_http_|NativeModule https?$|\/ws\/|\/(front|upstream)\/(http|sse|websocket|url)|wire\/sse|sdk\//.test(
        name,
      ),
    ),
  ).toEqual([]);
});

test("with an HTTP server it loads what that needs, and no front", async () => {
  const server = await httpProcess("upstream", ["http"]);
  try {
    const loaded = await loadedBy({ url: server.url });
    expect(loaded).toContainEqual(expect.stringMatching(/undici\/lib\/dispatcher\/pool\.js$/));
    expect(loaded.filter((name) => /hono|jose|undici\/index|undici\/lib\/web|\/front\/http|upstream\/stdio/.test(name))).toEqual([]);
  } finally {
    await server.stop();
  }
});

test.each([
  ["sse", /upstream\/sse\.js$/, /hono|jose|\/ws\/|undici\/lib\/web|\/front\/http|upstream\/(stdio|http|url|websocket)\.js/],
  ["websocket", /upstream\/websocket\.js$/, /hono|jose|node_modules\/undici\/|\/front\/http|wire\/sse|upstream\/(stdio|http|url|sse)\.js/],
] as const)("with a server over %s it loads that wire and no other", async (wire, own, others) => {
  const server = await httpProcess("upstream", [wire]);
  try {
    const loaded = await loadedBy({ type: wire, url: server.url });
    expect(loaded).toContainEqual(expect.stringMatching(own));
    expect(loaded.filter((name) => others.test(name))).toEqual([]);
  } finally {
    await server.stop();
  }
});

test("the package itself loads no command, no control socket's server, no way in over a network and no form of config", () => {
  using folder = temporary({});
  const notes = noting(folder.path);
  const url = pathToFileURL(join(ROOT, "packages/host/dist/index.js")).href;
  execFileSync(process.execPath, [...notes.args, "--input-type=module", "--eval", `await import(${JSON.stringify(url)})`], {
    env: { ...process.env, ...notes.env },
    timeout: 20_000,
  });
  const loaded = notes.loaded();
  expect(loaded).toContain(url);
  const needless =
    /dist\/cli\/|operator\/(control-server|log)|front\/(http|sse|stdio|websocket)|upstream\/(http|sse|stdio|websocket)\.js|sdk\/|jiti|yaml|toml|jsonc|citty|hono|node_modules\/undici\/|\/ws\/|NativeModule https?$/;
  expect(loaded.filter((name) => needless.test(name))).toEqual([]);
});
