import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Home, home, type Output } from "../harness/cli.ts";
import { startDaemon } from "../harness/daemons.ts";
import { BIN, MARKED, ROOT } from "../harness/hosts.ts";

const PAGE = readFileSync(join(ROOT, "docs/operations.md"), "utf8");

/** The blocks of a section that are written in `language`. */
function blocks(section: string, language: string): string[] {
  const [, text = ""] = PAGE.split(`\n## ${section}\n`);
  const [own = ""] = text.split("\n## ");
  return Array.from(own.matchAll(/^```(\w+)\n(.*?)^```$/gms)).flatMap(([, tag, block = ""]) => (tag === language ? [block] : []));
}

/** A place in which \`mcp-host\` is on PATH and the user's home is its own. */
function place(): Home {
  const at = home({ listen: { port: 0 }, mcpServers: {} });
  mkdirSync(join(at.path, "bin"));
  writeFileSync(join(at.path, "bin/mcp-host"), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
  chmodSync(join(at.path, "bin/mcp-host"), 0o700);
  return at;
}

/** Runs a block as a shell does, and ends at the first command that fails. */
function shell(at: Home, block: string): Promise<Output> {
  const PATH = `${join(at.path, "bin")}:${process.env.PATH}`;
  const child = spawn("/bin/sh", ["-e", "-c", block], { cwd: at.path, env: { ...process.env, ...MARKED, ...at.env, PATH, HOME: at.path } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((done) => child.once("close", (code) => done({ code, stdout, stderr })));
}

/** What a section's blocks print, run one after the other. Those of one section leave no host running. */
async function printed(at: Home, texts: readonly string[]): Promise<string> {
  let all = "";
  for (const text of texts) {
    const { code, stdout, stderr } = await shell(at, text);
    expect({ code, stderr }, text).toMatchObject({ code: 0 });
    all += stdout;
  }
  return all;
}

test("every command block of docs/operations.md is run here", () => {
  const sections = ["In the background", "As a service", "Behind a proxy", "Several hosts side by side", "Watch", "Upgrade and back up"];
  expect(sections.map((section) => blocks(section, "sh").length)).toEqual([2, 1, 1, 1, 1, 3]);
  expect(PAGE.match(/^```sh$/gm)).toHaveLength(9);
});

test("in the background: start, status, restart, stop; the log goes on when it was moved", async () => {
  using at = place();
  const text = await printed(at, blocks("In the background", "sh"));
  expect(text.match(/^mcp-host runs in the background$/gm)).toHaveLength(3);
  expect(text.match(/^stopped http/gm)).toHaveLength(3);
  expect(readFileSync(join(at.path, "host.log.old"), "utf8")).toContain("the host listens");
  expect(readFileSync(join(at.path, "host.log"), "utf8")).toContain("the host stops");
});

test("as a service: the unit is where the page puts it", async () => {
  using at = place();
  await printed(at, blocks("As a service", "sh"));
  expect(readFileSync(join(at.path, ".config/systemd/user/mcp-host.service"), "utf8")).toContain("ExecStart=");
});

test("behind a load balancer: a host that drains says so, and serves until it is stopped", async () => {
  using at = place();
  await using daemon = await startDaemon(at);
  // The exit code of `status` says that the host is not ready, which it is to say.
  const text = await printed(
    at,
    blocks("Behind a proxy", "sh").map((block) => block.replace("mcp-host status", "! mcp-host status")),
  );
  expect(text).toMatch(/drain/);
  expect(text).toContain(`stopped ${daemon.url.href}, pid ${daemon.pid}\n`);
});

test("several hosts side by side", async () => {
  using at = place();
  for (const folder of ["work", "private"]) {
    mkdirSync(join(at.path, folder));
    writeFileSync(join(at.path, folder, "mcp-host.config.json"), '{"mcpServers":{}}');
  }
  // Ports of the page may be taken here.
  const text = await printed(
    at,
    blocks("Several hosts side by side", "sh").map((block) => block.replace(/--port \d+/g, "--port 0")),
  );
  expect(text).toMatch(new RegExp(`^config ${at.path}/work/mcp-host.config.json$`, "m"));
  expect(text.match(/^stopped http/gm)).toHaveLength(2);
});

test("the health check answers for a host, and not for none; after an upgrade the config is checked and the daemon restarted; what is kept is copied and put back", async () => {
  using at = place();
  await using daemon = await startDaemon(at);
  const [check = ""] = blocks("Watch", "sh").map((block) => block.replace("127.0.0.1:3000", daemon.url.host));
  expect(await shell(at, check)).toMatchObject({ code: 0 });
  const [upgrade = "", save = "", putBack = ""] = blocks("Upgrade and back up", "sh");
  const text = await printed(at, [upgrade, save, "mcp-host stop", putBack]);
  expect(text).toContain("is valid");
  expect(text).toContain(`stopped ${daemon.url.href}, pid ${daemon.pid}\n`);
  expect(text).toMatch(/^config +\S+ +is the same already$/m);
  expect(await shell(at, check)).toMatchObject({ code: 1 });
});

test("behind a proxy the public name is accepted when the config has it", async () => {
  const [config = ""] = blocks("Behind a proxy", "json");
  using at = home(JSON.parse(config), { "keys.json": "[]" });
  await using daemon = await startDaemon(at, ["--set", "MCP_HOST_PEPPER=a pepper of sixteen"]);
  const status = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const request = http.get(new URL("/readyz", daemon.url), { headers: { host } }, (response) => resolve(response.resume().statusCode));
      request.once("error", reject);
    });
  expect(await status("mcp.example.com")).toBe(200);
  expect(await status("other.example.com")).toBe(403);
  // Without an auth plugin it does not start under that name.
  const { plugins, ...open } = JSON.parse(config);
  using bare = home(open);
  await expect(startDaemon(bare)).rejects.toThrow("no auth plugin is loaded");
});
