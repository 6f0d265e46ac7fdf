import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type AdminHost, adminHost, CANARY, configWith } from "./running.ts";

let admin: AdminHost;

beforeEach(async () => {
  admin = await adminHost();
}, 60_000);

afterEach(() => admin[Symbol.asyncDispose](), 30_000);

const text = (): string => readFileSync(admin.file, "utf8");

const change = (edits: unknown, more: Record<string, unknown> = {}) => admin.ask("POST", "config/change", "configure", { edits, ...more });

test("a change is told before it is made, is backed up, and is what the host runs on; a backup brings it back", async () => {
  const before = text();
  const { body: seen } = await admin.ask("GET", "config", "read");
  const edits = [
    { path: ["mcpServers", "more"], value: { url: "http://127.0.0.1:9/mcp", start: "lazy" } },
    { path: ["mcpServers", "near", "timeout"], value: "20s" },
  ];
  const dry = await change(edits, { dry: true, expect: seen.fingerprint });
  expect(dry).toMatchObject({ status: 200, body: { written: false, fingerprint: seen.fingerprint } });
  expect(dry.body.changes).toEqual([
    { path: ["mcpServers", "near", "timeout"], after: "20s" },
    { path: ["mcpServers", "more"], after: { url: "http://127.0.0.1:9/mcp", start: "lazy" } },
  ]);
  expect(text()).toBe(before);

  const made = await change(edits, { expect: seen.fingerprint });
  expect(made).toMatchObject({ status: 200, body: { written: true, reload: { upstreams: { added: ["more"], changed: ["near"] } } } });
  expect(text()).toContain('"20s"');
  const { servers } = (await admin.ask("GET", "servers", "read")).body as { servers: { name: string }[] };
  expect(servers.map(({ name }) => name)).toEqual(["near", "far", "more"]);

  // Another tab, which saw the config of before.
  const late = await change([{ path: ["drain"], value: "1s" }], { expect: seen.fingerprint });
  expect(late).toMatchObject({
    status: 409,
    body: { type: "urn:mcp-host:error:conflict", detail: expect.stringContaining("look at it again") },
  });

  expect((await admin.ask("GET", "config/history", "read")).body).toMatchObject({ backups: [{ number: 1 }] });
  expect(await admin.ask("POST", "config/restore", "configure", { number: 1 })).toMatchObject({ status: 200, body: { written: true } });
  expect(text()).toBe(before);
  expect((await admin.ask("GET", "servers/more", "read")).status).toBe(404);
});

test("what the host could not run on is refused, in words, and changes nothing; nothing stays beside the file", async () => {
  const before = text();
  const cases: [unknown, string][] = [
    [[{ path: ["mcpServers", "near", "timeout"], value: "soon" }], "mcpServers.near.timeout"],
    [[{ path: ["mcpServers", "bad"], value: { url: "ftp://x" } }], "mcpServers.bad.url"],
    [[{ path: ["mcpServers", "bad"], value: 7 }], "mcpServers.bad"],
    [[{ path: ["mcpServers", "near", "tiemout"], value: 1 }], 'near.tiemout: no setting of a server (did you mean "timeout"?)'],
  ];
  for (const [edits, words] of cases) {
    const { status, body } = await change(edits);
    expect([400, 403], JSON.stringify(body)).toContain(status);
    expect(body.detail).toContain(words);
  }
  expect((await change([{ path: [], value: {} }])).status).toBe(400);
  expect((await change([])).status).toBe(400);
  expect(text()).toBe(before);
  expect(readdirSync(admin.at.path).filter((name) => name.includes("trial"))).toEqual([]);
  await vi.waitFor(async () => expect((await admin.ask("GET", "servers/near", "read")).body).toMatchObject({ state: "ready" }));
});

test("no command, plugin, reference or address for known credentials comes over the network", async () => {
  const before = text();
  const cases: [unknown, string][] = [
    [[{ path: ["mcpServers", "evil"], value: { command: "sh", args: ["-c", "id"] } }], "mcpServers.evil.command"],
    [[{ path: ["mcpServers", "near", "command"], value: "sh" }], "mcpServers.near.command"],
    [[{ path: ["mcpServers", "near", "env", "NODE_OPTIONS"], value: "--require=/tmp/x" }], "mcpServers.near.env"],
    [[{ path: ["servers"], value: { evil: { command: "sh" } } }], "servers.evil.command"],
    [[{ path: ["plugins", 2], value: "./evil.mjs" }], "plugins"],
    [[{ path: ["plugins", 1, 1, "allowCommands"], value: true }], "plugins"],
    [[{ path: ["listen"], value: { host: "0.0.0.0" } }], "listen"],
    [
      [{ path: ["mcpServers", "leak"], value: { url: "http://127.0.0.1:9", headers: { x: "${file:/etc/passwd}" } } }],
      "mcpServers.leak.headers.x",
    ],
    [[{ path: ["mcpServers", "far", "timeout"], value: "${cmd:touch /tmp/x}" }], "mcpServers.far.timeout"],
    [[{ path: ["mcpServers", "far", "url"], value: "http://evil.example/" }], "x-team"],
    [[{ path: ["inputs"], value: [{ id: "x", type: "command" }] }], "inputs"],
  ];
  for (const [edits, words] of cases) {
    const { status, body } = await change(edits);
    expect({ status, type: body.type }, String(body.detail)).toEqual({ status: 403, type: "urn:mcp-host:error:forbidden" });
    expect(body.detail).toContain(words);
  }
  // Nor does whoever asks get to say that it may.
  expect(await change([{ path: ["drain"], value: "1s" }], { commands: true })).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('"commands"') },
  });
  expect((await admin.ask("POST", "config/restore", "configure", { number: 1, commands: true })).status).toBe(400);
  expect(text()).toBe(before);

  // A backup that starts something else is no way around it.
  writeFileSync(admin.file, before.replace('"--version"', '"--help"'));
  expect((await change([{ path: ["drain"], value: "3s" }])).status).toBe(200);
  writeFileSync(admin.file, before);
  expect(await admin.ask("POST", "config/restore", "configure", { number: 1 })).toMatchObject({ status: 403 });
  expect(text()).toBe(before);
}, 60_000);

test("with allowCommands a command may come", async () => {
  await using open = await adminHost(configWith({ allowCommands: true }));
  const value = { command: process.execPath, args: ["--version"], start: "lazy" };
  const made = await open.ask("POST", "config/change", "configure", { edits: [{ path: ["mcpServers", "more"], value }] });
  expect(made).toMatchObject({ status: 200, body: { written: true, reload: { upstreams: { added: ["more"] } } } });
  expect((await open.ask("POST", "config/change", "operate", { edits: [{ path: ["drain"], value: "1s" }] })).status).toBe(403);
}, 60_000);

test("a server is switched on and off again, with its entry as it was", async () => {
  const off = await admin.ask("POST", "servers/near/disable", "operate");
  expect(off).toMatchObject({ status: 200, body: { written: true, reload: { upstreams: { removed: ["near"] } } } });
  expect((await admin.ask("POST", "servers/near/disable", "operate")).body).toMatchObject({ written: false, changes: [] });
  const on = await admin.ask("POST", "servers/near/enable", "operate");
  expect(on).toMatchObject({ status: 200, body: { reload: { upstreams: { added: ["near"] } } } });
  expect(await admin.ask("POST", "servers/none/enable", "operate")).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining("none") },
  });
});

test("a file that somebody has broken is named with the place", async () => {
  const before = text();
  writeFileSync(admin.file, `${before}broken`);
  const words = `${admin.file} cannot be used: ${before.split("\n").length}:`;
  expect(await admin.ask("GET", "config", "read")).toMatchObject({ status: 422, body: { detail: expect.stringContaining(words) } });
  expect(await change([{ path: ["drain"], value: "1s" }])).toMatchObject({ status: 422, body: { detail: expect.stringContaining(words) } });
});

test("what is shown in the place of a secret does not replace it", async () => {
  const before = text();
  const { body } = await admin.ask("GET", "config", "read");
  const { mcpServers } = body.config as { mcpServers: { off: object; far: { headers: object } } };
  const cases: [unknown, string][] = [
    [{ path: ["mcpServers", "far"], value: { ...mcpServers.far, timeout: "9s" } }, "mcpServers.far.headers.x-team"],
    [{ path: ["mcpServers", "far", "headers", "x-team"], value: "[redacted]" }, "mcpServers.far.headers.x-team"],
    [{ path: ["mcpServers", "renamed"], value: mcpServers.far }, "mcpServers.renamed.headers.x-team"],
  ];
  for (const [edit, place] of cases)
    expect(await change([edit])).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining(`${place}: is "[redacted]", which is shown in the place of a secret`) },
    });
  expect(text()).toBe(before);
});

test("no secret is shown anywhere: of the config, its changes and its history, calls, logs, status", async () => {
  await change([{ path: ["mcpServers", "off", "disabled"] }], { dry: true });
  await change([{ path: ["mcpServers", "off", "env", "HIDDEN"], value: `${CANARY}-new` }]);
  await admin.ask("POST", "servers/far/reconnect", "operate");
  const removed = await change([{ path: ["mcpServers", "off"] }], { dry: true });
  expect(removed.body.changes).toMatchObject([{ path: ["mcpServers", "off"], before: { env: { HIDDEN: "[redacted]" } } }]);
  expect(removed.text).not.toContain(CANARY);
  for (const path of [
    "config",
    "config/history",
    "status",
    "servers",
    "servers/far",
    "catalog?definitions=true",
    "calls",
    "logs?lines=500&level=debug",
    "pipeline",
    "reports",
    "health",
    "stats",
    "openapi.json",
  ]) {
    const { status, text: shown } = await admin.ask("GET", path, "configure");
    expect(status, path).toBe(200);
    expect(shown, path).not.toContain(CANARY);
    expect(shown, path).not.toMatch(/reader-0123|operator-0123|configurer-0123/);
  }
  expect((await admin.ask("GET", "config", "read")).body.config).toMatchObject({
    mcpServers: { far: { headers: { "x-team": "[redacted]", Authorization: "Bearer ${FAR}" } }, off: { env: { HIDDEN: "[redacted]" } } },
  });
  await change([
    { path: ["mcpServers", "off", "env", "HIDDEN"], value: `${CANARY}-refused` },
    { path: [], value: CANARY },
  ]);
  const told = admin.running.stderr();
  expect(told).not.toContain(CANARY);
  expect(told).toMatch(/"who":"admin:configure","via":"admin","operation":"config-change".*"value":"\[redacted\]"/);
});
