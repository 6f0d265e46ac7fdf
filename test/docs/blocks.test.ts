import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Config, Plugin } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { afterAll, describe, expect, test, vi } from "vitest";
import { HOOKS } from "../../packages/host/dist/plugin/hooks.js";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { home, run, start } from "../harness/cli.ts";
import { httpProcess, MARKED, ROOT, startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { bearer } from "../harness/wire.ts";

const HERE = "test/docs/blocks.test.ts";
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** Every page that users read. */
const PAGES = [
  ...["README.md", "CONTRIBUTING.md", "AGENTS.md", "deploy/README.md"],
  ...["docs", "docs/guides", "docs/hooks"].flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`)),
  ...["packages", "examples", "examples/servers", "deploy"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}/README.md`),
  ),
].filter((file) => file.endsWith(".md") && existsSync(join(ROOT, file)));

/** A block of a page: fenced, indented or not. */
interface Block {
  readonly language: string;
  readonly text: string;
}
const blocksOf = (page: string): Block[] =>
  Array.from(read(page).matchAll(/^( *)(`{3,}|~{3,})(\w*)[^\n]*\n(.*?)^\1\2 *$/gms), ([, , , language = "", text = ""]) => ({
    language,
    text,
  }));
const block = (page: string, part: string): string =>
  blocksOf(page).find(({ text }) => text.includes(part))?.text ?? expect.fail(`${page} has no block with ${part}`);

/** The plugins' READMEs say how they are configured. */
const plugin = (name: string): string => `packages/plugin-${name}/test/readme.test.ts`;

/**
 * Who runs each block, in the order of the page: a test file, or a group of blocks of one language in it. Where a block cannot be run, why.
 * A page without blocks is not in here.
 */
const LEDGER: Record<string, Record<string, { count: number; by: string; but?: string }>> = {
  ...Object.fromEntries(Object.keys(HOOKS).map((name) => [`docs/hooks/${name}.md`, { ts: { count: 1, by: "test/docs/hooks.test.ts" } }])),
  "README.md": {
    sh: {
      count: 3,
      by: "test/docs/readme.test.ts",
      but: "`claude` is not installed here; its command is compared with what `npm start` prints",
    },
    json: { count: 1, by: "test/docs/readme.test.ts" },
    ts: { count: 2, by: "test/docs/readme.test.ts" },
    "": { count: 1, by: "test/docs/readme.test.ts", but: "a drawing" },
  },
  "CONTRIBUTING.md": {
    sh: { count: 2, by: "test/plugins/packages.test.ts", but: "they make a release; what it would publish is packed and installed" },
  },
  "AGENTS.md": { "": { count: 1, by: "test/layout.test.ts", but: "a map of the tree" } },
  "docs/cli.md": {
    "": { count: 1, by: "test/docs/generated.test.ts", but: "forms of a command line" },
    sh: { count: 0, by: "test/docs/cli.test.ts" },
    text: { count: 0, by: "test/docs/generated.test.ts", but: "usage, generated from the commands" },
  },
  "docs/config.md": {
    jsonc: { count: 4, by: "test/config/forms.test.ts" },
    ts: { count: 1, by: "test/config/forms.test.ts" },
    json: { count: 2, by: "test/config/forms.test.ts" },
  },
  "docs/embedding.md": { ts: { count: 9, by: "test/docs/embedding.test.ts" } },
  "docs/errors.md": { json: { count: 1, by: HERE } },
  "docs/getting-started.md": {
    sh: { count: 12, by: "test/docs/getting-started.test.ts" },
    json: { count: 3, by: "test/docs/getting-started.test.ts" },
    text: { count: 2, by: "test/docs/getting-started.test.ts" },
  },
  "docs/migrating.md": {
    sh: { count: 2, by: "test/cli/config-migrate.test.ts" },
    jsonc: { count: 1, by: "test/cli/config-migrate.test.ts" },
  },
  "docs/operations.md": {
    sh: { count: 9, by: "test/docs/operations.test.ts" },
    json: { count: 1, by: "test/docs/operations.test.ts" },
    "": { count: 1, by: "test/docs/operations.test.ts", but: "they need systemd as root has it" },
  },
  "docs/deployment.md": {
    sh: { count: 6, by: "test/deploy/logs.test.ts", but: "they need Docker, a cluster and journald; those that make secrets are run" },
    yaml: { count: 1, by: "test/deploy/kubernetes.test.ts" },
  },
  "docs/guides/shared-gateway.md": {
    sh: { count: 10, by: "test/docs/shared-gateway.test.ts" },
    json: { count: 2, by: "test/docs/shared-gateway.test.ts" },
    text: { count: 1, by: "test/docs/shared-gateway.test.ts" },
  },
  "docs/guides/sign-in.md": {
    sh: { count: 6, by: "test/docs/sign-in.test.ts" },
    json: { count: 2, by: "test/docs/sign-in.test.ts" },
    text: { count: 1, by: "test/docs/sign-in.test.ts" },
  },
  "docs/performance.md": { "": { count: 1, by: "test/bench.test.ts", but: "the benchmark takes minutes; a short one is run" } },
  "docs/pipeline.md": { "": { count: 1, by: "test/docs/generated.test.ts", but: "a drawing" } },
  "docs/plugins.md": {
    sh: { count: 1, by: "test/create/new-plugin.test.ts" },
    ts: { count: 17, by: HERE },
    json: { count: 1, by: HERE },
  },
  "docs/architecture.md": {
    "": { count: 1, by: "test/layout.test.ts", but: "a drawing; the floors beside it are compared with the folders" },
  },
  "docs/testing-plugins.md": { ts: { count: 9, by: "test/docs/testing-plugins.test.ts" } },
  "docs/writing-a-plugin.md": {
    ts: { count: 7, by: "test/docs/writing-a-plugin.test.ts" },
    json: { count: 3, by: "test/docs/writing-a-plugin.test.ts" },
    sh: { count: 8, by: "test/docs/writing-a-plugin.test.ts", but: "what `npm install` brings is there in the tests" },
    text: { count: 5, by: "test/docs/writing-a-plugin.test.ts" },
  },
  "docs/troubleshooting.md": { sh: { count: 1, by: "test/docs/cli.test.ts" } },
  "packages/host/README.md": {
    sh: { count: 1, by: "test/docs/getting-started.test.ts" },
    json: { count: 1, by: HERE },
  },
  "packages/cel/README.md": { ts: { count: 1, by: "packages/cel/test/readme.test.ts" } },
  "packages/create-plugin/README.md": {
    sh: { count: 2, by: "test/create/new-plugin.test.ts", but: "npm has it after the first release; what it writes is tried" },
  },
  "packages/plugin-admin/README.md": { json: { count: 2, by: plugin("admin") }, sh: { count: 2, by: plugin("admin") } },
  "packages/plugin-alerts/README.md": {
    json: { count: 1, by: plugin("alerts") },
    ts: { count: 1, by: plugin("alerts") },
    "": { count: 1, by: plugin("alerts") },
  },
  "packages/plugin-approval/README.md": {
    json: { count: 1, by: plugin("approval") },
    text: { count: 1, by: plugin("approval") },
    "": { count: 1, by: plugin("approval") },
  },
  "packages/plugin-audit/README.md": {
    json: { count: 1, by: plugin("audit") },
    sh: { count: 1, by: plugin("audit") },
    "": { count: 2, by: plugin("audit") },
  },
  "packages/plugin-auth/README.md": { json: { count: 1, by: plugin("auth") }, sh: { count: 2, by: plugin("auth") } },
  "packages/plugin-cache/README.md": {
    json: { count: 1, by: plugin("cache") },
    "": { count: 1, by: "test/plugins/cache.test.ts", but: "forms of a command line" },
  },
  "packages/plugin-metrics/README.md": { json: { count: 2, by: plugin("metrics") }, yaml: { count: 1, by: plugin("metrics") } },
  "packages/plugin-namespace/README.md": { json: { count: 1, by: plugin("namespace") } },
  "packages/plugin-oauth/README.md": {
    json: { count: 3, by: plugin("oauth") },
    sh: { count: 1, by: "test/cli/login.test.ts", but: "its server is made up" },
  },
  "packages/plugin-tool-search/README.md": {
    json: { count: 1, by: plugin("tool-search") },
    ts: { count: 1, by: plugin("tool-search") },
    text: { count: 1, by: plugin("tool-search") },
  },
  "packages/plugin-otel/README.md": { json: { count: 6, by: plugin("otel") } },
  "packages/plugin-profiles/README.md": { json: { count: 1, by: plugin("profiles") } },
  "packages/plugin-rate-limit/README.md": { json: { count: 1, by: plugin("rate-limit") }, "": { count: 1, by: plugin("rate-limit") } },
  "packages/plugin-routing/README.md": {
    json: { count: 1, by: plugin("routing") },
    "": { count: 1, by: "test/plugins/routing.test.ts", but: "forms of a command line" },
  },
  "packages/plugin-resilience/README.md": { json: { count: 1, by: plugin("resilience") } },
  "packages/plugin-sqlite/README.md": {
    json: { count: 1, by: plugin("sqlite") },
    "": { count: 1, by: plugin("sqlite") },
  },
  "packages/plugin-vault/README.md": {
    json: { count: 1, by: plugin("vault") },
    sh: { count: 1, by: plugin("vault") },
    "": { count: 1, by: plugin("vault"), but: "forms of a command line" },
  },
  "packages/plugin-webhooks/README.md": {
    json: { count: 5, by: plugin("webhooks") },
    python: { count: 1, by: plugin("webhooks") },
    js: { count: 1, by: plugin("webhooks") },
  },
  "packages/plugin-compact/README.md": { json: { count: 1, by: plugin("compact") }, "": { count: 1, by: plugin("compact") } },
  "packages/plugin-transform/README.md": { json: { count: 2, by: plugin("transform") }, ts: { count: 1, by: HERE } },
  "examples/all-plugins/README.md": {
    sh: { count: 3, by: "test/examples/npm-start.test.ts", but: "`claude` is not installed here; the key in its command calls a tool" },
  },
  "examples/chat-backend/README.md": {
    sh: { count: 1, by: "test/examples/chat-backend.test.ts" },
    js: { count: 1, by: "test/examples/chat-backend.test.ts" },
  },
  "examples/servers/clock-py/README.md": { sh: { count: 1, by: HERE } },
  "examples/servers/notes-ts/README.md": { sh: { count: 1, by: HERE } },
  "examples/servers/table-ts/README.md": { sh: { count: 1, by: HERE } },
  "examples/own-entries/README.md": { sh: { count: 1, by: HERE } },
  "examples/plugins/README.md": { sh: { count: 1, by: "test/examples/plugins/cookbook.test.ts" } },
  "deploy/machine/README.md": {
    sh: { count: 2, by: "test/deploy/machine.test.ts", but: "they set up a machine as root; its files and the key's line are tried" },
  },
  "examples/workflow/README.md": { sh: { count: 1, by: HERE } },
  "examples/socket-transport/README.md": { sh: { count: 1, by: HERE } },
};

describe("every code block of every page", () => {
  test("is run by a test, or it is said why it cannot be", () => {
    for (const page of PAGES) {
      const counts: Record<string, number> = {};
      for (const { language } of blocksOf(page)) counts[language] = (counts[language] ?? 0) + 1;
      const told = Object.entries(LEDGER[page] ?? {}).map(([language, { count }]) => [language, count === 0 ? counts[language] : count]);
      expect(counts, page).toEqual(Object.fromEntries(told));
    }
    expect(Object.keys(LEDGER).filter((page) => !PAGES.includes(page))).toEqual([]);
  });

  test("is run by a test that reads the page", () => {
    for (const [page, groups] of Object.entries(LEDGER))
      for (const { by, but } of Object.values(groups)) {
        const folder = page.split("/").slice(0, -1).join("/");
        const name = folder === "docs/hooks" ? folder : (page.split("/").at(-1) ?? page); // one test has all pages of hooks
        if (by !== "test/docs/generated.test.ts" && !but) expect(read(by), `${by} has nothing of ${page}`).toContain(name);
        else expect(existsSync(join(ROOT, by))).toBe(true);
      }
  });
});

test("no page has leftovers of a merge", () => {
  for (const page of PAGES) expect(read(page), page).not.toMatch(/^(<{7} |>{7} |={7}$)/m);
});

// Below the repository, where what is installed can be imported; git ignores it.
const FOLDER = join(ROOT, "test", ".tmp", `blocks-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** Writes a plugin of a page into a file, and gives its name. */
function written(name: string, text: string): string {
  writeFileSync(join(FOLDER, name), text);
  return `./${name}`;
}

/** What a page leaves to its reader: the plugin around some lines of it. */
const around = (lines: string, imports = ""): string => `
import { definePlugin, refuse } from "mcp-host";
${imports}
export default definePlugin({ name: "around", host: "^1.0.0", apply(host) {
${lines}
host.hooks.settled.tap("around", () => {});
} });`;

describe("the blocks of docs/plugins.md", () => {
  const PAGE = "docs/plugins.md";

  test("figures: what a plugin counts and measures is published", async () => {
    const file = written("figures.ts", around(`const size = 7;\n${block(PAGE, "host.meter.counter")}`));
    await using running = await startHost(
      { mcpServers: { up: upstream({ only: ["echo"] }) }, plugins: [file, "@host/plugin-metrics"] },
      { folder: FOLDER },
    );
    const text = await (await fetch(new URL("/metrics", running.url))).text();
    expect(text).toMatch(/cache_hits_total\{[^}]*upstream="files"[^}]*\} 1/);
    expect(text).toMatch(/cache_bytes(\{[^}]*\})? 7/);
  });

  test("entries of its own: each of the page's is there and answers", async () => {
    const file = written("weather.ts", block(PAGE, "host.offer("));
    await using running = await startHost({ mcpServers: {}, plugins: [file], listen: null }, { folder: FOLDER });
    const { host } = running;
    expect((await host.callTool("forecast", { city: "Oslo" })).structuredContent).toEqual({ degrees: [22, 23, 24] });
    for (const args of [{ city: "Rome" }, { city: "Oslo", days: 8 }])
      expect(await host.callTool("forecast", args)).toMatchObject({ isError: true });
    expect(JSON.stringify(await host.getPrompt("pack", { city: "Oslo" }))).toContain("What do I pack for Oslo?");
    const ref = { type: "ref/prompt", name: "pack" } as const;
    expect((await host.complete(ref, { name: "city", value: "O" })).completion.values).toEqual(["Oslo"]);
    expect((await host.readResource("weather:///cities")).contents).toMatchObject([{ text: "Oslo", mimeType: "text/plain" }]);
    expect((await host.readResource("weather:///city/Oslo")).contents).toMatchObject([{ text: "21" }]);
    await expect(host.readResource("weather:///city/Rome")).rejects.toThrow("nobody measures there");
  });

  test("stores: a bucket gives as many tokens as it holds, and one of several does the work", async () => {
    const tries = `const jobs: string[] = [];
host.hooks.ready.tap("around", async () => {
  const taken = await Promise.all(Array.from({ length: 12 }, () => take("ada")));
  const work = (who: string) => alone("report", async () => void (jobs.push(who), await new Promise(setImmediate)));
  await Promise.all([work("one"), work("other")]);
  await work("later");
  host.operator.report(() => ({ taken: taken.filter(Boolean).length, jobs }));
});`;
    const file = written("buckets.ts", around(`${block(PAGE, "store.lease(")}\n${tries}`));
    await using running = await startHost({ mcpServers: {}, plugins: [file], listen: null }, { folder: FOLDER });
    expect(running.host.reports()).toMatchObject({ around: { taken: 10, jobs: ["one", "later"] } });
  });

  test("stores for secrets: without a provider the plugin says what becomes of its tokens", async () => {
    const file = written("signed-in.ts", block(PAGE, "SECRET_STORE"));
    await using running = await startHost({ mcpServers: {}, plugins: [file], listen: null }, { folder: FOLDER });
    expect(running.logs.filter(({ message }) => String(message).includes("kept in memory until the host stops"))).toHaveLength(1);
  });

  test("values for configs: a reference has what the options say, or its server is unconfigured in the words of the page", async () => {
    const plugins = [["./demo-values.ts", { values: { A: "b" } }]];
    const server = (name: string) => ({ command: process.execPath, args: [`\${demo:${name}}`] });
    using at = home({ mcpServers: { one: server("A"), two: server("B") }, plugins });
    writeFileSync(join(at.path, "demo-values.ts"), block(PAGE, "demo-values"));
    symlinkSync(join(ROOT, "node_modules"), join(at.path, "node_modules"));
    const { stdout } = await run(at, ["config", "show", "--json"]);
    expect(stdout).toContain("[redacted]");
    expect(stdout).toContain('args[0]: the value B is not set; add it to \\"values\\" of demo-values');
  });

  test("services: a plugin judges by what another provides, until it goes", async () => {
    written("services.ts", block(PAGE, "defineService<"));
    const { moderation, badWords } = (await import(join(FOLDER, "services.ts"))) as Record<"moderation" | "badWords", () => Plugin>;
    const up = fakeUpstream({ tools: { say: ({ text }) => String(text) } });
    await using running = await createTestHost({ plugins: [badWords(), moderation()], upstreams: { up } });
    await running.client.callTool("say", { text: "well" });
    await expect(running.client.callTool("say", { text: "blast" })).rejects.toMatchObject({ message: "the arguments are rude" });
    await running.host.reload({ mcpServers: { up: { transport: up.transport } }, plugins: [moderation()] });
    expect(await running.client.callTool("say", { text: "blast" })).toMatchObject({ content: [{ text: "blast" }] });
  });

  test("routes: one for clients and one for everybody", async () => {
    const file = written("board.ts", around(block(PAGE, "publicApp").replace('tap("board"', 'tap("around"')));
    await using running = await startHost({ mcpServers: {}, plugins: [file, bearer()] }, { folder: FOLDER });
    const get = (path: string, authorization = "") => fetch(new URL(path, running.url), { headers: { authorization } });
    expect((await get("/board")).status).toBe(401);
    expect(await (await get("/board", "Bearer alice")).json()).toMatchObject({ upstreams: [] });
    expect(await (await get("/board/logo.svg")).text()).toBe("<svg/>");
  });

  test("at the edge: who makes trouble is turned away, and an endpoint shows what readers may use", async () => {
    const file = written("gate.ts", around(block(PAGE, "hooks.admit").replaceAll('"gate"', '"around"')));
    const transport = () => inProcessTransport({ only: ["echo", "change"] });
    await using running = await startHost({ mcpServers: { up: { transport } }, plugins: [file] }, { folder: FOLDER });
    const reader = await RawHttp.open(new URL("/mcp/p/reading", running.url));
    const everybody = await RawHttp.open(running.url);
    const all = await everybody.tools();
    expect([all, await reader.tools()]).toEqual([["echo", "change"], ["echo"]]);
    const statuses: number[] = [];
    for (let turn = 0; turn < 22; turn++) statuses.push((await fetch(new URL("/nowhere", running.url))).status);
    expect(statuses.filter((status) => status === 404)).toHaveLength(20);
    expect(statuses.slice(20)).toEqual([429, 429]);
    expect(running.logs.filter(({ message }) => message === "a request was turned away")).toHaveLength(20);
    for (const client of [reader, everybody]) await client.close();
  });

  test("the fields of a payload: every text is shouted, and the compiler agrees with the settings of the page", async () => {
    const file = written("shout.ts", around(block(PAGE, '"shout"').replace('tap("shout"', 'tap("around"')));
    await using running = await startHost(
      { mcpServers: { up: upstream({ only: ["echo"] }) }, plugins: [file], listen: null },
      { folder: FOLDER },
    );
    const [content] = (await running.host.callTool("echo")).content;
    expect(content).toMatchObject({ type: "text", text: expect.stringMatching(/!$/) });
    written("package.json", JSON.stringify({ type: "module" }));
    written("tsconfig.json", JSON.stringify({ ...JSON.parse(block(PAGE, '"compilerOptions"')), files: ["shout.ts"] }));
    const child = spawn(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", FOLDER], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => void (said += chunk));
    expect(await new Promise((done) => child.once("close", done)), said).toBe(0);
  });

  test("operations and commands: the command that a plugin carries reaches the host that runs", async () => {
    written("reset-command.ts", block(PAGE, "callRunningHost("));
    const text = block(PAGE, "host.operator.operation").replace("definePlugin(", "export default definePlugin(");
    const file = written(
      "reset.ts",
      `import { definePlugin } from "mcp-host";\nimport { z } from "zod";\nconst reset = async (principal: string) => [principal];\n${text}`,
    );
    using at = home();
    const config = join(FOLDER, "reset.config.json");
    writeFileSync(config, JSON.stringify({ mcpServers: {}, plugins: [file] }));
    await using running = start(at, ["start", "--port", "0", "--log-format", "json", "--config", config]);
    await expect.poll(() => running.stderr()).toContain("the host listens");
    const { code, stdout, stderr } = await run(at, ["quota", "reset", "ada", "--config", config]);
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "{ reset: [ 'ada' ] }\n" });
  });

  test("operators: a route has operations done for whom it knows, and both are told", async () => {
    const given = `const audit: unknown[] = [];
const lines: unknown[] = [];
const operatorOf = (header: string | undefined) => (header === "Bearer alice" ? "alice" : undefined);
host.operator.operation("audit", () => ({ audit, lines }), { reads: true });`;
    const file = written("admin.ts", around(`${given}\n${block(PAGE, "hooks.operated").replaceAll('tap("admin"', 'tap("around"')}`));
    await using running = await startHost({ mcpServers: {}, plugins: [file] }, { folder: FOLDER });
    const ask = async (name: string, authorization: string): Promise<unknown> =>
      (await fetch(new URL(`/admin/operations/${name}`, running.url), { method: "POST", headers: { authorization }, body: "{}" })).json();
    const listed = (await (await fetch(new URL("/admin/operations", running.url))).json()) as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(["status", "reload", "around:audit"]));
    expect(await ask("reload", "Bearer bob")).toEqual({ error: "who are you?" });
    expect(await ask("reload", "Bearer alice")).toMatchObject({ plugins: { kept: ["around"] } });
    expect(await ask("reconnect", "Bearer alice")).toEqual({ error: expect.stringContaining("params.upstream") });
    running.host.log.info("is not heard");
    running.host.log.warn("is heard", { part: 1 });
    expect(await running.host.operator.run("around:audit")).toEqual({
      audit: [
        { who: "admin:alice", operation: "reload", params: {}, outcome: "ok" },
        { who: "admin:alice", operation: "reconnect", params: {}, outcome: expect.stringContaining("params.upstream") },
      ],
      lines: [{ time: expect.any(String), level: "warn", message: "is heard", fields: { part: 1 } }],
    });
  });

  test("credentials: each principal's call carries its own, and who has none is refused", async () => {
    const vault = `const vault = { tokenOf: async (id: string) => (id === "ada" ? { value: "ada's token", expires: undefined } : undefined) };`;
    const file = written("vault.ts", around(block(PAGE, "hooks.credentials"), vault));
    const tickets = await httpProcess("upstream", ["http", "--options", JSON.stringify({ only: ["headers"] })]);
    await using running = await startHost(
      { mcpServers: { tickets: { url: tickets.url } }, plugins: [file], listen: null },
      { folder: FOLDER },
    );
    const of = (id: string) => running.host.callTool("headers", {}, { principal: { id, roles: [] } });
    expect((await of("ada")).structuredContent).toMatchObject({ headers: { authorization: "Bearer ada's token" } });
    await expect(of("bob")).rejects.toThrow();
    await running.host.close();
    await tickets.stop();
  });

  test("calls and questions of a plugin's own: the person is asked, and what was found by several tools is one answer", async () => {
    const file = written("both.ts", around(block(PAGE, "exchange.ask(").replace('tap("both"', 'tap("around"')));
    const up = fakeUpstream({
      tools: { search_all: () => "", search: ({ q }) => `found ${q}`, search_archive: ({ q }) => `found old ${q}` },
    });
    await using running = await createTestHost({
      plugins: [file],
      upstreams: { up },
      folder: FOLDER,
      client: { capabilities: { elicitation: {} } },
    });
    const texts = async (action: string) => {
      running.client.on("elicitation/create", () => ({ action, content: {} }));
      const { content } = await running.client.callTool("search_all", { q: "cats" });
      return (content as { text: string }[]).map(({ text }) => text);
    };
    expect(await texts("decline")).toEqual(["found cats"]);
    expect(await texts("accept")).toEqual(["found cats", "found old cats"]);
  });

  test("transports: a server is reached over the one that the plugin brings", async () => {
    const fixture = JSON.stringify(join(ROOT, "test/fixtures/upstream.mjs"));
    const transport = `import { HOOKS } from "../../packages/host/dist/plugin/hooks.js";
import { inProcessTransport } from ${fixture};
export class NatsTransport { constructor(url: string, subject: string) { return inProcessTransport({ name: subject + " at " + url, only: ["echo"] }); } }`;
    written("nats-transport.ts", transport);
    const file = written("nats.ts", block(PAGE, "NatsTransport"));
    const nats = { type: "nats", options: { url: "nats://127.0.0.1" } };
    await using running = await startHost({ mcpServers: { one: nats }, plugins: [file], listen: null }, { folder: FOLDER });
    expect((await running.host.callTool("echo")).structuredContent).toMatchObject({
      payload: expect.stringMatching(/^mcp\.one at nats:\/\/127\.0\.0\.1\//),
    });
  });
});

test("the block of @host/plugin-transform's README adds a detector that rules can name", async () => {
  const text = block("packages/plugin-transform/README.md", "DETECTORS");
  const [, first = "", rest = ""] = /^(import .*?\n)(.*)$/s.exec(text) ?? [];
  const file = written("detector.ts", around(rest, first));
  const rules = [{ match: ["*"], redact: ["ticket"] }];
  await using running = await startHost(
    { mcpServers: { up: upstream({ only: ["echo"] }) }, plugins: [["@host/plugin-transform", { rules }], file], listen: null },
    { folder: FOLDER },
  );
  const answer = JSON.stringify(await running.host.callTool("echo", { about: "T-123456 and T-12" }));
  expect(answer).not.toContain("T-123456");
  expect(answer).toContain("T-12");
});

test("the error of docs/errors.md is what a client gets", async () => {
  const shown = JSON.parse(block("docs/errors.md", '"code"')) as { data: { requestId: string } };
  expect(shown.data.requestId).toMatch(/^[0-9a-f]{32}$/);
  // A server that was there once, so that its tools are known.
  let connections = 0;
  let open: ReturnType<typeof inProcessTransport> | undefined;
  const transport = () => {
    if (++connections > 1) throw new Error("it is gone");
    open = inProcessTransport({ only: ["echo"] });
    return open;
  };
  await using running = await startHost({ mcpServers: { files: { transport } } });
  const client = await RawHttp.open(running.url);
  expect(await client.tools()).toEqual(["echo"]);
  await open?.close();
  const { error } = await vi.waitFor(async () => {
    const answer = await client.call("echo");
    expect(answer.error.data.retryAfterMs).toBeUndefined();
    return answer;
  });
  expect({ ...error, data: { ...error.data, requestId: shown.data.requestId } }).toEqual(shown);
  expect(error.data.requestId).toMatch(/^[0-9a-f]{32}$/);
});

test("the config of the host package's README is valid", async () => {
  using at = home(JSON.parse(block("packages/host/README.md", "mcpServers")) as Config);
  expect(await run(at, ["validate"])).toMatchObject({ code: 0, stdout: expect.stringContaining("is valid") });
});

/** Runs a line of a page as a reader of the repository does, until it says `words`; then it is stopped. */
async function tried(
  line: string,
  env: Record<string, string>,
  cwd = ROOT,
  words?: RegExp,
): Promise<{ code: number | null; said: string }> {
  const PATH = `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env.PATH}`;
  const child = spawn("bash", ["-c", line], { cwd, env: { ...process.env, ...MARKED, ...env, PATH }, detached: true });
  child.stdin.end();
  let said = "";
  let stopped = false;
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
      if (stopped || !words?.test(said) || child.pid === undefined) return;
      stopped = true;
      process.kill(-child.pid, "SIGTERM");
    });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return { code, said };
}

test.each(["clock-py", "notes-ts", "table-ts"])(
  "the commands of examples/servers/%s run the server alone, and the host with it",
  async (name) => {
    using at = home();
    const [alone = "", together = "", ...more] = block(`examples/servers/${name}/README.md`, "npx mcp-host").trim().split("\n");
    expect(more).toEqual([]);
    expect(await tried(alone, at.env)).toMatchObject({ code: 0 });
    // On a free port, since 3001 may be taken.
    expect((await tried(`${together} --port 0 --log-format json`, at.env, ROOT, /the host listens/)).said).toContain("the host listens");
  },
);

test("the command of examples/socket-transport starts its host", async () => {
  using at = home();
  // On a free port, since 3000 may be taken.
  const line = block("examples/socket-transport/README.md", "npx mcp-host").trim();
  const { said } = await tried(`${line} --port 0 --log-format json`, at.env, ROOT, /the host listens/);
  expect(said).toContain("the host listens");
});

test("the command of examples/own-entries calls a tool that the plugin offers", async () => {
  using at = home();
  expect(await tried(block("examples/own-entries/README.md", "npx mcp-host").trim(), at.env)).toEqual({
    code: 0,
    said: '"Milk" is written\n',
  });
});

test("the command of examples/workflow runs the steps of a file, and cannot ask the person where it has none", async () => {
  using at = home();
  const own = join(FOLDER, "workflow");
  cpSync(join(ROOT, "examples/workflow"), own, { recursive: true });
  const config = join(own, "mcp-host.config.json");
  const moved = readFileSync(config, "utf8")
    .replaceAll("../../node_modules", join(ROOT, "node_modules"))
    .replace(/"MEMORY_FILE_PATH": "[^"]*"/, `"MEMORY_FILE_PATH": ${JSON.stringify(join(own, "memory.jsonl"))}`);
  writeFileSync(config, moved);
  const line = block("examples/workflow/README.md", "npx mcp-host").trim().replace("examples/workflow/mcp-host.config.json", config);
  expect(await tried(line, at.env)).toEqual({ code: 0, said: 'The note "milk" is in the shared folder and remembered.\n' });
  expect(readFileSync(join(own, "notes/milk.md"), "utf8")).toBe("two bottles");
  expect(await tried(line, at.env)).toMatchObject({ code: 4, said: expect.stringContaining("did not declare elicitation") });
});

test("the commands of examples/all-plugins check the config, show its pipeline and make a key for it", async () => {
  using at = home();
  const page = "examples/all-plugins/README.md";
  const [validate = "", inspect = ""] = block(page, "npx mcp-host validate").split("\n");
  expect(await tried(validate, at.env)).toMatchObject({ code: 0, said: expect.stringContaining("3 servers, 16 plugins") });
  expect(await tried(inspect, at.env)).toMatchObject({ code: 0, said: expect.stringContaining("authenticate") });
  expect(await tried(block(page, "new-key"), at.env)).toMatchObject({ code: 0, said: expect.stringMatching(/^mcph_me_/m) });
});

// Until the first release (CONTRIBUTING.md): what these lines would fetch is somebody else's.
test("no page, config or message has npm fetch what is not published", () => {
  const sources = readdirSync(join(ROOT, "packages"), { recursive: true, encoding: "utf8" })
    .filter((name) => /^[^/]+\/(src|bin)\/.*\.[jt]s$/.test(name))
    .map((name) => join("packages", name));
  const fetching = [/\bnpm (i|install|add)( -\S+)* (mcp-host|@host\/)/, /\bnpx (-y|--yes|-p \S+) mcp-host/, /"npx", "args": \["mcp-host/];
  for (const file of [...PAGES, ...sources]) for (const form of fetching) expect(read(file), file).not.toMatch(form);
});
