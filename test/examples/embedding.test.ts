import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { httpTransport, modernHttpTransport, modernSdkClient, sdkClient } from "../harness/clients.ts";
import { MARKED, ROOT } from "../harness/hosts.ts";

const FOLDER = join(ROOT, "examples/embedding");
const PROGRAMS = ["http", "express", "fastify", "hono"];

/** Servers of the examples that run. They inherit few variables, so their command tells them. Reads /proc, so only Linux counts. */
function servers(): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(FOLDER, "server.mjs"));
    } catch {
      return false; // gone meanwhile
    }
  });
}

test("every program of examples/embedding is run here", () => {
  expect(readdirSync(FOLDER).sort()).toEqual([...PROGRAMS, "host", "in-process", "server"].map((name) => `${name}.mjs`).sort());
});

test("examples/embedding/in-process.mjs has a client of its own, of the newest version, and ends by itself", async () => {
  const program = spawn(process.execPath, ["in-process.mjs"], { cwd: FOLDER, env: { ...process.env, ...MARKED } });
  let printed = "";
  for (const stream of [program.stdout, program.stderr]) stream.on("data", (chunk) => (printed += chunk));
  const code = await new Promise((done) => program.once("exit", done));
  expect({ code, printed }).toEqual({ code: 0, printed: "Hello, reader (MCP 2026-07-28)\n" });
  expect(servers()).toEqual([]);
});

test.each(PROGRAMS)("examples/embedding/%s.mjs serves MCP clients and itself, and ends with everything it started", async (name) => {
  const program = spawn(process.execPath, [`${name}.mjs`], {
    cwd: FOLDER,
    env: { ...process.env, ...MARKED, PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  let said = "";
  program.stdout.on("data", (chunk) => (printed += chunk));
  program.stderr.on("data", (chunk) => (said += chunk));
  const exited = new Promise((done) => program.once("exit", (code, signal) => done({ code, signal })));
  try {
    await expect.poll(() => printed + said).toMatch(/^http:\S+\/mcp$/m);
    const url = new URL(printed.trim());
    const client = sdkClient();
    await client.connect(httpTransport(url));
    await expect.poll(async () => (await client.listTools()).tools.map((tool) => tool.name)).toEqual(["greet"]); // once it has started
    expect(await client.callTool({ name: "greet", arguments: { name: "Ada" } })).toEqual({
      content: [{ type: "text", text: "Hello, Ada" }],
    });
    const modern = modernSdkClient();
    await modern.connect(modernHttpTransport(url));
    expect((await modern.listTools()).tools.map((tool) => tool.name)).toEqual(["greet"]);
    expect(await modern.callTool({ name: "greet", arguments: { name: "Ada" } })).toMatchObject({ content: [{ text: "Hello, Ada" }] });
    await modern.close();
    expect(await (await fetch(new URL("/hello", url))).text()).toBe("Hello, reader");
    const foreign = await fetch(url, { method: "POST", headers: { origin: "https://evil.example" } });
    expect([foreign.status, ((await foreign.json()) as { error: { code: number } }).error.code]).toEqual([403, -31403]);
    await client.close();
    if (process.platform === "linux") expect(servers()).toHaveLength(1);
  } finally {
    program.kill("SIGTERM");
  }
  expect(await exited).toEqual({ code: 0, signal: null });
  expect(printed.trim().split("\n")).toHaveLength(1); // the host prints nothing
  expect(servers()).toEqual([]);
});
