import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { httpProcess, ROOT, temporary } from "../harness/hosts.ts";

const FOLDER = join(ROOT, "deploy/machine");
const FILE = join(FOLDER, "mcp-host.config.jsonc");
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const TOKEN = "a-token-of-the-scraper-alone";

let at: Home;
let tickets: Awaited<ReturnType<typeof httpProcess>>;
let running: Running;
let url: URL;
/** Of somebody who may do everything. */
let key: string;

/** The flags of every command: what is filled into .env.example, for this machine. */
const own = (): string[] => ["--config", FILE, "--env-file", join(at.path, "env")];

beforeAll(async () => {
  tickets = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "tickets", only: ["progress", "echo"] })]);
  at = home(undefined, { "files/note.txt": "here" });
  const values: Record<string, string> = {
    MODULES: join(ROOT, "node_modules"),
    STATE_FOLDER: at.path,
    FILES_FOLDER: join(at.path, "files"),
    TICKETS_URL: tickets.url,
    TICKETS_TOKEN: "t",
    MCP_HOST_PEPPER: "a-pepper-that-only-tests-know",
    METRICS_TOKEN: TOKEN,
  };
  const filled = read(".env.example").replace(/^(\w+)=.*$/gm, (line, name: string) => (name in values ? `${name}=${values[name]}` : line));
  writeFileSync(join(at.path, "env"), filled, { mode: 0o600 });
  const [, words = ""] = /^mcp (auth keys add .*) --env-file env$/m.exec(read("README.md")) ?? [];
  const added = await run(at, [...words.split(" "), ...own()]);
  expect(added.code, added.stderr).toBe(0);
  key = added.stdout.trim();
  running = start(at, ["start", "http", ...own(), "--set", "listen.port=0", "--log-format", "json"]);
  url = await urlOf(running);
}, 60_000);

afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
  await tickets.stop();
  at[Symbol.dispose]();
});

describe("the config", () => {
  test("is valid with .env.example filled in, and is told what is missing without", async () => {
    expect(await run(at, ["validate", "--connect", ...own()])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("2 servers, 5 plugins"),
    });
    const bare = await run(at, ["validate", "--config", FILE, "--env-file", join(FOLDER, ".env.example")]);
    expect(bare.code).toBe(3);
    for (const place of ["apiKeys.pepper", "options.token"]) expect(bare.stderr).toContain(place);
  });

  test("refers to the variables of .env.example, and .env.example has no other", () => {
    const names = (text: string, form: RegExp): string[] => [...new Set([...text.matchAll(form)].map(([, name = ""]) => name))].sort();
    const used = names(read("mcp-host.config.jsonc").replace(/^ *\/\/.*$/gm, ""), /\$\{(\w+)/g);
    expect(names(read(".env.example"), /^(\w+)=/gm)).toEqual(used.filter((name) => name !== "BREAKERS"));
  });

  test("serves who has a key what the key's roles say, the scraper its figures, and nobody else anything", async () => {
    const client = sdkClient();
    await client.connect(httpTransport(url, { authorization: `Bearer ${key}` }));
    await vi.waitFor(async () => {
      const names = (await client.listTools()).tools.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(["files__write_file", "tickets__echo"]));
    });
    const { content } = await client.callTool({ name: "files__read_text_file", arguments: { path: join(at.path, "files/note.txt") } });
    expect(content).toMatchObject([{ text: "here" }]);
    await client.close();
    const status = async (path: string, token?: string): Promise<number> => {
      const response = await fetch(new URL(path, url), { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
      await response.body?.cancel();
      return response.status;
    };
    expect(await Promise.all([status("/metrics"), status("/metrics", TOKEN), status("/mcp"), status("/readyz")])).toEqual([
      401, 200, 401, 200,
    ]);
  });
});

describe("the unit", () => {
  const settings = (text: string): Map<string, string[]> => {
    const found = new Map<string, string[]>();
    for (const [, name = "", value = ""] of text.matchAll(/^([A-Z]\w+)=(.*)$/gm)) found.set(name, [...(found.get(name) ?? []), value]);
    return found;
  };

  test("is the one that `mcp-host service --harden` makes, but for places and its user", async () => {
    const { stdout } = await run(at, ["service", "systemd", "--system", "--harden", "--config", FILE]);
    const [made, kept] = [settings(stdout), settings(read("mcp-host.service"))];
    const OWN = [
      "ExecStart",
      "WorkingDirectory",
      "Environment",
      "EnvironmentFile",
      "TimeoutStopSec",
      "DynamicUser",
      "User",
      "ReadWritePaths",
    ];
    for (const name of OWN) {
      made.delete(name);
      kept.delete(name);
    }
    for (const name of ["StateDirectory", "StateDirectoryMode", "ProtectHome"]) {
      made.delete(name);
      expect(kept.get(name), name).toHaveLength(1);
      kept.delete(name);
    }
    expect(Object.fromEntries(kept)).toEqual(Object.fromEntries(made));
    // `drain` and 20 s.
    expect(read("mcp-host.service")).toContain("TimeoutStopSec=50s");
    expect(read("mcp-host.config.jsonc")).toContain('"drain": "30s"');
  });

  const isInstalled = spawnSync("systemd-analyze", ["--version"]).status === 0;
  test.skipIf(!isInstalled)(`is one that systemd takes${isInstalled ? "" : " (skipped: systemd-analyze is not installed)"}`, () => {
    using folder = temporary({ env: "" });
    const unit = join(folder.path, "mcp-host.service");
    writeFileSync(unit, read("mcp-host.service").replace("/usr/bin/node", process.execPath));
    chmodSync(unit, 0o644);
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--system", "--man=no", unit], {
      env: { ...process.env, XDG_RUNTIME_DIR: folder.path },
      encoding: "utf8",
    });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: "" });
  });
});

describe("the alerts", () => {
  const rules = (parse(read("../prometheus/alerts.yml")) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap(
    (group) => group.rules,
  );

  test("are about figures that the host gives", async () => {
    const response = await fetch(new URL("/metrics", url), { headers: { authorization: `Bearer ${TOKEN}` } });
    const text = await response.text();
    for (const { alert, expr } of rules)
      for (const [metric] of expr.matchAll(/\b(?:mcp|process)_\w+/g)) expect(text, alert).toMatch(new RegExp(`^# TYPE ${metric} `, "m"));
  });

  const isInstalled = spawnSync("promtool", ["--version"]).status === 0;
  const reason = isInstalled ? "" : " (not checked: promtool is not installed; it is in Debian's package prometheus)";
  test.skipIf(!isInstalled && process.env.CI !== "true")(`and what is scraped, are taken by promtool${reason}`, () => {
    const promtool = (...args: string[]): void => {
      const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: join(FOLDER, "../prometheus"), encoding: "utf8" });
      expect(status, isInstalled ? `${stdout}${stderr}` : `promtool is not installed${reason}`).toBe(0);
    };
    promtool("check", "rules", "alerts.yml");
    promtool("test", "rules", "alerts.test.yml");
    for (const { alert } of rules) expect(read("../prometheus/alerts.test.yml")).toContain(`"${alert}"`);
    using folder = temporary({
      "prometheus.yml": read("../prometheus/prometheus.yml")
        .replace(/credentials_file: \S+/, "credentials: x")
        .replace(/^rule_files:.*/ms, ""),
    });
    promtool("check", "config", join(folder.path, "prometheus.yml"));
  });

  test("come together with those of the package", () => {
    const { rule_files: files } = parse(read("../prometheus/prometheus.yml")) as { rule_files: string[] };
    const [, packaged = ""] = files;
    const from = packaged.replace("/opt/mcp-host/node_modules/@host/plugin-metrics", join(ROOT, "packages/plugin-metrics"));
    expect(parse(readFileSync(from, "utf8"))).toHaveProperty("groups");
  });
});
