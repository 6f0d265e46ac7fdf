import { spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { httpProcess, ROOT, temporary } from "../harness/hosts.ts";

const FOLDER = join(ROOT, "examples/production");
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

  test("is the one that `mcp-host service` makes, but for places and its user", async () => {
    const { stdout } = await run(at, ["service", "systemd", "--system", "--config", FILE]);
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

describe("the proxy", () => {
  test("is set up alike in nginx and in Caddy: one path, one host, and the size that the host takes", () => {
    const nginx = read("nginx.conf");
    const caddy = read("Caddyfile");
    expect([...nginx.matchAll(/location (?:= )?(\S+) \{/g)].map(([, path]) => path)).toEqual(["/mcp", "/"]);
    expect(/@clients path (.*)$/m.exec(caddy)?.[1]).toBe("/mcp");
    expect(/proxy_pass http:\/\/(\S+);/.exec(nginx)?.[1]).toBe(/reverse_proxy (\S+)$/m.exec(caddy)?.[1]);
    const [, host = ""] = /server_name (\S+);/.exec(nginx) ?? [];
    expect(caddy).toMatch(new RegExp(`^${host} \\{$`, "m"));
    expect(read(".env.example")).toContain(`PUBLIC_HOST=${host}\n`);
    expect([/client_max_body_size (\d+)m;/.exec(nginx)?.[1], /max_size (\d+)MB/.exec(caddy)?.[1]]).toEqual(["4", "4"]);
  });

  const program = ["nginx", "/usr/sbin/nginx"].find((each) => spawnSync(each, ["-v"]).status === 0);
  const reason = program === undefined ? " (skipped: nginx is not installed; it is in Debian's package nginx-light)" : "";
  test.skipIf(program === undefined)(`nginx passes requests and events on as they come, and nothing else${reason}`, async () => {
    await using proxy = await nginx(program ?? "", url.port);
    const session = await proxy.ask("POST", "/mcp", {
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
    });
    expect(session.status).toBe(200);
    const id = String(session.headers["mcp-session-id"]);
    const call = {
      method: "tools/call",
      params: { name: "tickets__progress", arguments: { steps: 3, delayMs: 100 }, _meta: { progressToken: 1 } },
    };
    const answer = await proxy.ask("POST", "/mcp", call, { "mcp-session-id": id });
    expect(answer.chunks.join("")).toContain('"progress":3');
    // An event was there before the answer was.
    expect(answer.chunks[0]).not.toContain('"result"');
    expect(answer.chunks.at(-1)).toContain('"result"');
    for (const path of ["/metrics", "/stats", "/readyz", "/healthz", "/mcp/p/x", "/"])
      expect((await proxy.ask("GET", path)).status, path).toBe(404);
  });

  const hasCaddy = spawnSync("caddy", ["version"]).status === 0;
  test.skipIf(!hasCaddy)(`Caddy takes its file${hasCaddy ? "" : " (skipped: caddy is not installed)"}`, () => {
    const { status, stderr } = spawnSync("caddy", ["validate", "--adapter", "caddyfile", "--config", join(FOLDER, "Caddyfile")], {
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
  });
});

interface Proxied {
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  /** As they came. */
  readonly chunks: string[];
}

interface Nginx extends AsyncDisposable {
  ask(method: string, path: string, message?: object, headers?: Record<string, string>): Promise<Proxied>;
}

/** nginx with the example's file, on a socket of its own in the place of port 443. */
async function nginx(program: string, port: string): Promise<Nginx> {
  const folder = temporary();
  const tls = join(ROOT, "test/fixtures/tls");
  mkdirSync(join(folder.path, "temporary"));
  for (const [from, to] of [
    ["first.pem", "fullchain.pem"],
    ["first.key", "privkey.pem"],
  ] as const)
    copyFileSync(join(tls, from), join(folder.path, to));
  const socketPath = join(folder.path, "443.sock");
  const site = read("nginx.conf")
    .replace("listen 443 ssl", `listen unix:${socketPath} ssl`)
    .replaceAll("/etc/ssl/mcp-host", folder.path)
    .replace("127.0.0.1:3000", `127.0.0.1:${port}`);
  const temporaries = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder.path}/temporary;`);
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(join(folder.path, "site.conf"), site);
  writeFileSync(
    join(folder.path, "nginx.conf"),
    `daemon off; ${user} worker_processes 1; pid ${folder.path}/pid; error_log stderr; events {} http { access_log off; ${temporaries.join(" ")} include ${folder.path}/site.conf; }`,
  );
  const child = spawn(program, ["-p", folder.path, "-e", "stderr", "-c", join(folder.path, "nginx.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise((done) => child.once("close", done));
  const ask: Nginx["ask"] = (method, path, message, headers = {}) =>
    new Promise((resolve, reject) => {
      const request = https.request(
        {
          ...{ socketPath, method, path, ca: readFileSync(join(tls, "ca.pem")), servername: "localhost", agent: false },
          headers: {
            ...{ host: "mcp.example.com", authorization: `Bearer ${key}`, accept: "application/json, text/event-stream" },
            ...{ "content-type": "application/json", ...headers },
          },
        },
        (response) => {
          const chunks: string[] = [];
          response.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
          response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, chunks }));
        },
      );
      request.on("error", reject);
      request.end(message && JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }));
    });
  await vi.waitFor(
    async () => {
      expect(child.exitCode, said).toBeNull();
      await ask("GET", "/");
    },
    { timeout: 10_000 },
  );
  return {
    ask,
    async [Symbol.asyncDispose]() {
      child.kill("SIGQUIT");
      await ended;
      folder[Symbol.dispose]();
    },
  };
}

describe("the alerts", () => {
  const rules = (parse(read("alerts.yml")) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap(
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
      const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: FOLDER, encoding: "utf8" });
      expect(status, isInstalled ? `${stdout}${stderr}` : `promtool is not installed${reason}`).toBe(0);
    };
    promtool("check", "rules", "alerts.yml");
    promtool("test", "rules", "alerts.test.yml");
    for (const { alert } of rules) expect(read("alerts.test.yml")).toContain(`"${alert}"`);
    using folder = temporary({
      "prometheus.yml": read("prometheus.yml")
        .replace(/credentials_file: \S+/, "credentials: x")
        .replace(/^rule_files:.*/ms, ""),
    });
    promtool("check", "config", join(folder.path, "prometheus.yml"));
  });

  test("come together with those of the package", () => {
    const { rule_files: files } = parse(read("prometheus.yml")) as { rule_files: string[] };
    const [, packaged = ""] = files;
    const from = packaged.replace("/opt/mcp-host/node_modules/@host/plugin-metrics", join(ROOT, "packages/plugin-metrics"));
    expect(parse(readFileSync(from, "utf8"))).toHaveProperty("groups");
  });
});
