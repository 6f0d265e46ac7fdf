import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { run as runIn, runProcess } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { ROOT, upstream } from "../harness/hosts.ts";

const FOLDER = join(ROOT, "test/fixtures/gateways");
const CONFIG = "mcp-host.config.json";

/** Secrets of the fixtures, each of which may be in the new config and in the credentials file, and nowhere that is printed. */
const CANARIES = [
  ...["sk-files-0123456789abcdefghijkl", "s3cret-pass", Buffer.from("ada:s3cret-pass").toString("base64"), "query-secret-0123"],
  ...[
    "oauth-secret-0123456789",
    "fetch-key-0123456789",
    "browser-bearer-0123456789",
    "access-token-0123456789",
    "refresh-token-0123456789",
  ],
  ...["openapi-secret-0123", "hash-of-the-admin-password", "bearer-key-0123456789", "old-bearer-0123456789", "openai-key-0123456789"],
  ...["surprise-token-0123456789", "proxy-pass-0123", "api-key-of-the-proxy-0123", "company-token-0123456789", "tickets-secret-0123456789"],
  "arg-secret-0123456789",
];

/** What the references of the fixtures need. */
const VALUES = {
  ...{ DATA_FOLDER: "/tmp", FILES_MODE: "x", SEARCH_KEY: "key-of-search", DB_PASSWORD: "pass-of-db", OLD_STYLE: "old" },
  ...{ FALLBACK_VAR: "f", REMOTE_DOMAIN: "remote.example.com", REMOTE_TOKEN: "token-of-remote", MCP_HOST_INPUT_REMOTE_KEY: "asked-for" },
};

interface Fixture {
  readonly from: string;
  readonly files: readonly string[];
  /** Where the gateway keeps it. */
  readonly kept: string;
}

const FIXTURES: readonly Fixture[] = [
  { from: "1mcp", files: ["1mcp/mcp.json5", "1mcp/config.toml", "1mcp/presets.json"], kept: "~/.config/1mcp" },
  { from: "mcphub", files: ["mcp_settings.json"], kept: "." },
  { from: "mcp-hub", files: ["servers.json5"], kept: "~/.config/mcphub" },
  { from: "mcpproxy", files: ["mcp_config.json"], kept: "~/.mcpproxy" },
];

interface Report {
  readonly file: string;
  readonly text?: string;
  readonly servers: string[];
  readonly backup?: string;
  readonly credentials?: { path: string; names: string[] };
  readonly notes: readonly { outcome: string; at: string; told: string; instead?: string }[];
  readonly hints: readonly string[];
  readonly missing: readonly { variable: string }[];
}

function put(at: Desk, { files, kept }: Fixture): string {
  const [path = ""] = files.map((file) =>
    at.write(join(kept, basename(file).replace("json5", "json")), readFileSync(join(FOLDER, file), "utf8")),
  );
  return path;
}

const configOf = (at: Desk) => JSON.parse(at.read(CONFIG) ?? "") as { mcpServers: Record<string, object>; plugins: unknown[] };

async function migrated(at: Desk, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await at.run("migrate", ...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const canary of CANARIES) expect(stdout).not.toContain(canary);
  return JSON.parse(stdout) as Report;
}

describe.each(FIXTURES)("$from", (fixture) => {
  test("is found where it is kept, known by its form, and comes to a config that is valid", async () => {
    using at = desk();
    const file = put(at, fixture);
    const found = await migrated(at, "--dry-run");
    expect(found).toMatchObject({ from: fixture.from, file, written: false });
    expect(existsSync(join(at.path, CONFIG))).toBe(false);

    const report = await migrated(at, file, "--credentials");
    expect(report).toMatchObject({ from: fixture.from, written: true });
    expect(statSync(join(at.path, CONFIG)).mode & 0o777).toBe(0o600);
    // No secret that has a place of its own stands in the config any more.
    const written = at.read(CONFIG) ?? "";
    for (const canary of CANARIES.filter((each) => !/^(query-secret|arg-secret)/.test(each))) expect(written).not.toContain(canary);

    await runIn(at, ["secret", "set", "files_token"], {}, "token-in-the-vault\n");
    const { code, stdout, stderr } = await runIn(at, ["validate"], VALUES);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining("is valid") });
  });

  test("prints no secret, neither of the file nor of what is left out", async () => {
    using at = desk();
    put(at, fixture);
    const { code, stdout, stderr } = await runProcess(at, ["migrate", "--dry-run"]);
    expect(code).toBe(0);
    for (const canary of CANARIES) expect(stdout + stderr).not.toContain(canary);
    expect(() => JSON.parse(stdout)).not.toThrow();
    for (const title of ["Carried over:", "Changed:", "Not carried over:"]) expect(stderr).toContain(title);
  });

  test("tells of every key that it does not know, with its place", async () => {
    using at = desk();
    const path = put(at, fixture);
    const { default: json5 } = await import("json5");
    const places: string[] = [];
    const odd = withOddKeys(json5.parse(readFileSync(path, "utf8")), "", places);
    at.write("odd.json", JSON.stringify(odd));
    const { notes } = await migrated(at, "odd.json", "--from", fixture.from, "--dry-run");
    const left = notes
      .filter(({ outcome }) => outcome === "left")
      .map((note) => note.at)
      .filter((at) => at !== "mcpServers"); // said of all servers
    const told = places.filter((place) =>
      left.some((each) => place === each || place.startsWith(`${each}.`) || place.startsWith(`${each}[`)),
    );
    expect(told).toEqual(places);
    expect(left).toContain("oddKey");
    expect(left.filter((place) => place.endsWith(".oddKey")).length).toBeGreaterThan(1);
  });
});

/** Maps whose keys are names, and lists that are looked at as a whole. */
const NAMES =
  /(^|\.)(env|headers|mcpServers|tools|prompts|resources|custom_vars|extra_params|toolDescriptionOverrides|presets|mcpTemplates|envFilter)$/;

/** The same with a key in every object that no gateway has. @param places gets where */
function withOddKeys(value: unknown, at: string, places: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => withOddKeys(item, `${at}[${index}]`, places));
  if (typeof value !== "object" || value === null) return value;
  const inner = Object.entries(value).map(([key, item]) => [key, withOddKeys(item, placeOf(at, key), places)]);
  if (NAMES.test(at)) return Object.fromEntries(inner);
  places.push(placeOf(at, "oddKey"));
  return Object.fromEntries([...inner, ["oddKey", 1]]);
}

const placeOf = (at: string, key: string): string => (at === "" ? key : `${at}.${key}`);

const told = ({ notes }: Report, outcome: string): string[] =>
  notes.filter((note) => note.outcome === outcome).map(({ at, told }) => `${at}: ${told}`);

test("1MCP: defaults, references, filters, tags and presets become what does the same", async () => {
  using at = desk();
  put(at, FIXTURES[0] as Fixture);
  const report = await migrated(at);
  const { mcpServers, plugins } = configOf(at);
  expect(mcpServers.files).toEqual({
    command: "npx",
    args: ["-y", "@modelcontextprotocol/server-filesystem", "${DATA_FOLDER}", "${DATA_FOLDER}/more", "$${not a name}"],
    env: { HTTP_PROXY: "${HTTP_PROXY:-}", LOG_LEVEL: "warn", FILES_TOKEN: "sk-files-0123456789abcdefghijkl", MODE: "${FILES_MODE}" },
    startTimeout: "20s",
    timeout: "45s",
    tools: { exclude: ["write_file", "odd\\*name"] },
  });
  expect(mcpServers.search).toMatchObject({
    url: "https://search.example.com/mcp?api_key=query-secret-0123",
    headers: { Authorization: `Basic ${Buffer.from("ada:s3cret-pass").toString("base64")}`, "X-Key": "${SEARCH_KEY}" },
    timeout: "900s",
    maxTimeout: "900s",
  });
  expect(mcpServers.notes).toMatchObject({ type: "sse", disabled: true, headers: { "X-Team": "blue" } });
  expect(mcpServers["list-env"]).toMatchObject({ env: { A: "1", HOME_TOKEN: "${HOME_TOKEN:-}" } });
  expect(plugins).toContainEqual(["@host/plugin-namespace", { separator: "_1mcp_", maxLength: 128 }]);
  expect(plugins).toContainEqual([
    "@host/plugin-profiles",
    {
      profiles: {
        files: { description: "Servers with the tag files.", servers: ["files"] },
        local: { description: "Servers with the tag local.", servers: ["files"] },
        web: { description: "Servers with the tag web.", servers: ["search"] },
        offline: { description: "Nothing of the web.", servers: ["files"] },
      },
    },
  ]);
  const app = { clientId: "wiki-app", clientSecret: "oauth-secret-0123456789", scopes: ["read"] };
  const callback = { host: "localhost", port: 9000, path: "/cb" };
  expect(plugins).toContainEqual(["@host/plugin-oauth", { servers: { wiki: { ...app, callback } } }]);
  expect(plugins).toContainEqual([
    "@host/plugin-transform",
    { rules: [{ match: ["files:read_file"], kind: "tool", description: "Reads $${one} file." }] },
  ]);
  expect(told(report, "left")).toEqual(
    expect.arrayContaining([
      "mcpServers.notes.oauth: no plugin may name a server that is switched off",
      expect.stringContaining("mcpTemplates.project: is a template"),
      expect.stringContaining("serverDefaults.colour: is not known here"),
      expect.stringContaining("config.toml.auth.enabled: has clients sign in"),
      expect.stringContaining("presets.json.presets.odd.tagQuery: asks in a way"),
    ]),
  );
  expect(report.hints[0]).toMatch(/^The gateway asked its clients for a key; this config asks nobody/);
  expect(report.hints).toContain("mcpServers.search.url: holds a secret; write a reference such as ${NAME} in its place");
  expect(report.missing.map(({ variable }) => variable)).toEqual(["DATA_FOLDER", "FILES_MODE", "SEARCH_KEY"]);
});

test("MCPHub: groups are profiles, overrides are filters and rules, and what guards it is told of", async () => {
  using at = desk();
  put(at, FIXTURES[1] as Fixture);
  const report = await migrated(at);
  const { mcpServers, plugins } = configOf(at);
  expect(mcpServers.slack).toEqual({
    command: "npx",
    args: ["-y", "@modelcontextprotocol/server-slack", "--team=${SLACK_TEAM:-}", "costs $5"],
    env: { npm_config_registry: "https://npm.example.com", SLACK_BOT_TOKEN: "${SLACK_BOT_TOKEN:-}" },
    ...{ timeout: "90s", maxTimeout: "1200s", progress: false, start: "lazy", idleTimeout: "300s" },
    tools: { exclude: ["post_message"] },
  });
  expect(mcpServers.bobs).toMatchObject({ enabled: false });
  expect(told(report, "changed")).toContainEqual(expect.stringContaining("mcpServers.bobs.owner: is bob, who is no administrator"));
  expect(mcpServers.browser).toMatchObject({ type: "http", isolation: "session", healthInterval: "60s", enabled: false });
  expect(plugins).toContainEqual([
    "@host/plugin-profiles",
    {
      profiles: {
        reading: {
          description: "To read.",
          servers: ["fetch", "slack"],
          tools: ["fetch:*", "slack:list_channels"],
          prompts: ["fetch:*", "slack:*"],
          resources: ["fetch:*", "slack:*"],
        },
        "all-of-it": { servers: ["fetch"] },
      },
    },
  ]);
  expect(told(report, "left")).toEqual(
    expect.arrayContaining([
      expect.stringContaining("mcpServers.petstore: is made of an OpenAPI document"),
      expect.stringContaining('groups[0]: names the server "gone"'),
      expect.stringContaining("bearerKeys[0]: is the key of ci"),
      expect.stringContaining("systemConfig.routing.enableBearerAuth: asks clients for a key"),
    ]),
  );
});

test("mcp-hub: JSON5, references to its own env, and programs whose output is a value", async () => {
  using at = desk();
  put(at, FIXTURES[2] as Fixture);
  const report = await migrated(at);
  const { mcpServers, plugins } = configOf(at);
  expect(mcpServers.local).toEqual({
    command: `${at.user}/bin/server`,
    args: [
      "--token",
      "${cmd:echo token-of-a-program}",
      "--db",
      "postgresql://user:${DB_PASSWORD}@localhost/app",
      "${OLD_STYLE}",
      "${cmd:echo from a program}",
    ],
    env: {
      API_TOKEN: "${cmd:echo token-of-a-program}",
      DB_URL: "postgresql://user:${DB_PASSWORD}@localhost/app",
      PIPED: "$${cmd: cat x | head -1}",
      FALLBACK_VAR: "${FALLBACK_VAR}",
    },
    cwd: expect.stringMatching(/\/project\/data$/),
    tools: { exclude: ["drop_table"] },
    resources: { exclude: ["db://big", "db://{table}/{id}"] },
  });
  expect(mcpServers.remote).toMatchObject({
    headers: { Authorization: "Bearer ${REMOTE_TOKEN}", "X-Ask": "${input:remote-key}" },
    disabled: true,
  });
  expect(plugins).toContainEqual(["@host/plugin-vault", { commands: ["echo"] }]);
  expect(told(report, "left")).toContainEqual(expect.stringContaining("mcpServers.local.env.PIPED: is what a shell makes of a line"));
});

test("mcpproxy: what the top says for all, quarantine, isolation and keyrings", async () => {
  using at = desk();
  put(at, FIXTURES[3] as Fixture);
  const report = await migrated(at);
  const { mcpServers, plugins } = configOf(at);
  expect(mcpServers.files).toEqual({
    command: "npx",
    args: ["-y", "@modelcontextprotocol/server-filesystem", "$${DATA}", "${DATA_FOLDER}"],
    env: {
      SSH_AUTH_SOCK: "${SSH_AUTH_SOCK:-}",
      REGION: "eu",
      COMPANY_TOKEN: "company-token-0123456789",
      FILES_TOKEN: "${secret:files_token}",
      OTHER: "$${op:vault/item}",
    },
    cwd: "/tmp",
    ...{ timeout: "150s", startTimeout: "90s", healthInterval: "0s", concurrency: 1, enabled: true },
    tools: { exclude: ["write_file"] },
    prompts: { include: [] },
  });
  expect(mcpServers.tickets).toMatchObject({ type: "http", concurrency: 4, enabled: false });
  expect(plugins).toContainEqual(["@host/plugin-profiles", { profiles: { dev: { servers: ["files"] } } }]);
  expect(told(report, "left")).toEqual(
    expect.arrayContaining([
      expect.stringContaining("mcpServers[2]: runs the program in isolation (docker)"),
      expect.stringContaining("listen: is beyond this machine"),
      expect.stringContaining("require_mcp_auth: asks clients for a key"),
    ]),
  );
  expect(report.notes).toContainEqual(
    expect.objectContaining({ at: "mcpServers[1].quarantined", instead: "Look at it, and then `mcp-host enable tickets`." }),
  );
});

test("a config that is there is replaced with --force alone, and kept", async () => {
  using at = desk();
  put(at, FIXTURES[1] as Fixture);
  at.write(CONFIG, '{ "mcpServers": {} }');
  const refused = await at.run("migrate");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain(`there is a config already: ${join(at.path, CONFIG)}; --force replaces it and keeps a copy`);
  const { backup = "" } = await migrated(at, "--force");
  expect(readFileSync(backup, "utf8")).toBe('{ "mcpServers": {} }');
});

test("--config says where, and in which form; the file that is read is not written", async () => {
  using at = desk();
  const file = put(at, FIXTURES[1] as Fixture);
  expect(await at.run("migrate", "--config", "new.yaml")).toMatchObject({ code: 0 });
  expect(at.read("new.yaml")).toContain("# The servers behind the host, by name.\nmcpServers:\n");
  expect((await at.run("migrate", "--config", "new.toml")).stderr).toContain(
    "a new config is written as .json, .jsonc, .yaml, not as .toml",
  );
  const own = await at.run("migrate", file, "--config", file, "--force");
  expect(own).toMatchObject({ code: 2 });
  expect(own.stderr).toContain("is the file that is read");
});

test("a file that does not say whose it is, our own, or none at all: the error says what to do", async () => {
  using at = desk();
  const none = await at.run("migrate");
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain(`Looked for ${join(at.user, ".config/1mcp/mcp.json")}`);

  at.write("plain.json", '{ "mcpServers": { "a": { "command": "true" } } }');
  expect((await at.run("migrate", "plain.json")).stderr).toContain("say it with --from 1mcp|mcphub|mcp-hub|mcpproxy");
  expect(await migrated(at, "plain.json", "--from", "1mcp", "--dry-run")).toMatchObject({ servers: ["a"] });

  at.write("ours.json", '{ "mcpServers": {}, "plugins": [] }');
  expect((await at.run("migrate", "ours.json")).stderr).toContain(" config migrate` writes one in the form of this version");

  at.write("broken.json", '{ "mcpServers": { "a": }');
  const broken = await at.run("migrate", "broken.json");
  expect(broken).toMatchObject({ code: 3 });
  expect(broken.stderr).toContain("value expected");

  put(at, FIXTURES[1] as Fixture);
  put(at, FIXTURES[3] as Fixture);
  expect((await at.run("migrate")).stderr).toContain("there are several configs; name one of");
});

test("values of a wrong form and servers that no config could have are left out, with the reason", async () => {
  using at = desk();
  const servers = {
    list: "npx",
    args: { command: "x", args: "one two", tags: "web" },
    nothing: {},
    bad: { type: "http", url: "not a url" },
    host: { command: "mcp-host", args: ["start", "stdio"] },
  };
  at.write("odd.json", JSON.stringify({ mcpServers: servers, serverDefaults: [] }));
  const report = await migrated(at, "odd.json", "--from", "1mcp", "--dry-run");
  expect(report.servers).toEqual(["args"]);
  expect(told(report, "left")).toEqual(
    expect.arrayContaining([
      "mcpServers.list: must be an object, so it was not taken over",
      "mcpServers.args.args: must be a list, so it was not taken over",
      "mcpServers.args.tags: must be a list of texts, so it was not taken over",
      "serverDefaults: must be an object, so it was not taken over",
      expect.stringMatching(/^mcpServers\.bad: was left out: url: must be an http/),
      expect.stringContaining("mcpServers.host: was left out: is mcp-host itself"),
    ]),
  );
  expect(told(report, "carried").filter((line) => line.startsWith("mcpServers.bad"))).toEqual([]);
});

test("the help keeps migrate and config migrate apart", async () => {
  using at = desk();
  const words = (text: string): string => text.replace(/\s+/g, " ");
  expect(words((await at.run("migrate", "--help")).stdout)).toContain(
    "from that of another gateway (one of an older mcp-host: `config migrate`)",
  );
  expect(words((await at.run("config", "migrate", "--help")).stdout)).toContain("(another gateway's: `migrate`)");
});

test("the lines of docs/migrating.md lead from another gateway's config to one that is valid", async () => {
  const page = readFileSync(join(ROOT, "docs/migrating.md"), "utf8");
  const [, block = ""] = /^## From another gateway\n[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const lines = block.trim().split("\n");
  expect(lines.length).toBe(3);
  using at = desk();
  at.write(
    "mcp_settings.json",
    JSON.stringify({ mcpServers: { up: upstream({ only: ["echo"] }) }, groups: [{ name: "all", servers: ["up"] }] }),
  );
  for (const line of lines) {
    const [, ...words] = line.split(" ");
    expect(await at.run(...words), line).toMatchObject({ code: 0 });
  }
  // Clients call tools as they did.
  expect(await at.run("call", "up-echo", "--args", '{"a":1}')).toMatchObject({ code: 0, stdout: expect.stringContaining('"a":1') });
  expect((await at.run("list", "--endpoint", "all")).stdout).toContain("up-echo");
});
