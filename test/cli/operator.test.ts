import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { callRunningHost, type OperatedEvent } from "mcp-host";
import { afterEach, expect, test, vi } from "vitest";
import { type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";

/** A plugin with routes for operators, which tells on request what it was told: of `operated`, and of the log. */
const PLUGIN = `
import { definePlugin } from "${join(ROOT, "packages/host/dist/index.js")}";
export default definePlugin({
  name: "admin",
  host: "^1.0.0",
  apply(host) {
    const told = [];
    const lines = [];
    host.hooks.operated.tap("admin", (event) => {
      told.push(event);
      host.log.info("operated", event);
    });
    host.log.listen((line) => void lines.push(line));
    host.operator.operation("told", () => ({ told }), { reads: true });
    host.operator.operation("lines", () => ({ lines }), { reads: true });
    host.hooks.http.tap("admin", (app) => {
      app.get("/admin", (context) => context.json(host.operator.list()));
      app.post("/admin/:name", async (context) => {
        try {
          return context.json(await host.operator.run(context.req.param("name"), await context.req.json(), "admin:alice"));
        } catch (error) {
          return context.json({ error: error.message }, 400);
        }
      });
    });
  },
});
`;

function workplace(): Home {
  const at = home({ mcpServers: {}, plugins: ["./admin.mjs"] }, { "admin.mjs": PLUGIN });
  vi.stubEnv("XDG_RUNTIME_DIR", at.env.XDG_RUNTIME_DIR); // this process asks its hosts too
  return at;
}

afterEach(() => vi.unstubAllEnvs());

/** Starts a host, and gives the origin of its routes. */
async function started(at: Home, ...flags: string[]): Promise<Running & { origin: string }> {
  const running = start(at, ["start", "--port", "0", "--log-format", "json", ...flags]);
  const { origin } = await urlOf(running);
  return Object.assign(running, { origin });
}

/** What the plugin was told so far. */
async function told(): Promise<OperatedEvent[]> {
  return (await callRunningHost("admin", "told")).told as OperatedEvent[];
}

test("a plugin's route has done what the socket can, as the operator that it names", async () => {
  using at = workplace();
  await using running = await started(at);
  const ask = async (name: string, params = {}): Promise<unknown> =>
    (await fetch(`${running.origin}/admin/${name}`, { method: "POST", body: JSON.stringify(params) })).json();
  const listed = (await (await fetch(`${running.origin}/admin`)).json()) as { name: string }[];
  expect(listed.map(({ name }) => name)).toEqual([
    "status",
    "reload",
    "reconnect",
    "stop",
    "drain",
    "resume",
    "health",
    "stats",
    "pipeline",
    "catalog",
    "clients",
    "end-client",
    "enable",
    "disable",
    "config",
    "config-change",
    "config-history",
    "config-restore",
    "admin:told",
    "admin:lines",
  ]);

  const status = JSON.parse((await run(at, ["status", "--json"])).stdout) as object;
  expect(await ask("status")).toEqual({ ...status, uptime: expect.any(Number) });
  // The config is read from its file, as by `mcp-host reload`.
  writeFileSync(
    join(at.path, "mcp-host.config.json"),
    JSON.stringify({ mcpServers: { gone: { command: "./none" } }, plugins: ["./admin.mjs"] }),
  );
  expect(await ask("reload")).toMatchObject({ upstreams: { added: ["gone"] }, plugins: { kept: ["admin"] } });
  expect(await ask("reconnect", { upstream: "gone" })).toEqual({
    error: expect.stringContaining('upstream "gone" could not be connected'),
  });
  expect(await ask("invocation")).toEqual({ error: '"invocation" is for the control socket alone: what it gives may hold secrets' });
  expect((await told()).map(({ who, via, operation, outcome }) => [who, via, operation, outcome.slice(0, 15)])).toEqual([
    ["admin:alice", "admin", "reload", "ok"],
    ["admin:alice", "admin", "reconnect", 'upstream "gone"'],
  ]);
  expect(await ask("stop")).toEqual({ drain: 10_000 });
  expect(await running.exited).toMatchObject({ code: 0 });
});

test("what the socket, signals and --watch do is told, with what came of it", async () => {
  using at = workplace();
  await using running = await started(at, "--watch");
  expect(await run(at, ["reload"])).toMatchObject({ code: 0 });
  await run(at, ["status"]); // a read
  running.child.kill("SIGHUP");
  await vi.waitFor(async () => expect(await told()).toHaveLength(2));
  writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify({ mcpServers: 3, plugins: ["./admin.mjs"] }));
  await vi.waitFor(async () => expect(await told()).toHaveLength(3));
  expect(await run(at, ["reload"])).toMatchObject({ code: 1 });
  const events = await told();
  expect(events.map(({ who, via, operation, params, outcome }) => [who, via, operation, params, outcome === "ok"])).toEqual([
    ["socket", undefined, "reload", {}, true],
    ["signal", undefined, "reload", {}, true],
    ["watch", undefined, "reload", {}, false],
    ["socket", undefined, "reload", {}, false],
  ]);
  expect(events.at(-1)?.outcome).toMatch(/cannot be used: mcpServers: must be an object, not a number/);
  expect(events.every(({ at: when }) => Math.abs(when - Date.now()) < 60_000)).toBe(true);
  running.child.kill("SIGTERM");
  const { stderr } = await running.exited;
  const last = stderr.split("\n").findLast((line) => line.includes('"operated"')) ?? "{}";
  expect(JSON.parse(last)).toMatchObject({ who: "signal", operation: "stop", params: {}, outcome: "ok", plugin: "admin" });
});

test("a plugin hears the lines of a running host, as its log has them", async () => {
  using at = workplace();
  await using running = await started(at);
  expect(await run(at, ["reload"])).toMatchObject({ code: 0 });
  const { lines } = (await callRunningHost("admin", "lines")) as { lines: Record<string, unknown>[] };
  const written = running
    .stderr()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ message }) => message)).toEqual(["the host listens", "the config was read again"]);
  for (const { time: _, ...line } of lines) expect(written).toContainEqual({ ...line, time: expect.any(String) });
});
