import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { FakeClock } from "mcp-host/testing";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { run } from "../../../test/harness/cli.ts";
import { SETUP_MS, Setup } from "../dist/setup.js";
import { type AdminHost, adminHost, ask } from "./running.ts";

let admin: AdminHost;

beforeAll(async () => {
  admin = await adminHost();
}, 60_000);

afterAll(() => admin[Symbol.asyncDispose](), 30_000);

const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const program = { edits: [{ path: ["mcpServers", "new"], value: { command: process.execPath, args: ["--version"], disabled: true } }] };

/** The ticket that the command line hands out. */
async function ticket(): Promise<string> {
  const { stdout, code, stderr } = await run(admin.at, ["open", "--setup", "--no-browser"], admin.env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("Good once") });
  const [address, found] = stdout.trim().split("#setup=");
  expect(address).toBe(new URL("docs", admin.base).href);
  return found as string;
}

test("`open` tells where the page is, and that no host runs where none does", async () => {
  const { stdout } = await run(admin.at, ["open", "--no-browser"], admin.env);
  expect(stdout.trim()).toBe(new URL("docs", admin.base).href);
  expect((await ask(new URL(stdout.trim()), "GET", "")).status).toBe(200);
  const other = join(admin.at.path, "other.json");
  writeFileSync(other, readFileSync(admin.file));
  const refused = await run(admin.at, ["open", "--no-browser", "--config", other], admin.env);
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain("no host runs with this config");
});

test("a ticket is good once, and its token lets this machine change what starts programs", async () => {
  const first = await ticket();
  const { status, body } = await admin.ask("POST", "setup", as(first));
  expect({ status, body }).toEqual({ status: 200, body: { token: expect.any(String), seconds: expect.any(Number) } });
  expect(body.seconds).toBeLessThanOrEqual(SETUP_MS / 1_000);
  const token = String(body.token);
  expect(await admin.ask("POST", "setup", as(first))).toMatchObject({
    status: 401,
    body: { detail: expect.stringContaining("`mcp-host open --setup` gives another") },
  });
  expect((await admin.ask("GET", "whoami", as(token))).body).toEqual({ who: "admin:setup", scope: "configure", allowCommands: true });
  expect((await admin.ask("POST", "config/change", "configure", program)).status).toBe(403);
  expect((await admin.ask("POST", "config/change", as(token), { ...program, commands: false })).status).toBe(400);
  expect((await admin.ask("POST", "config/change", as(token), program)).body).toMatchObject({ written: true });
  expect(JSON.parse(readFileSync(admin.file, "utf8")).mcpServers).toHaveProperty("new");
  // It outlives the reload that the change brought.
  expect((await admin.ask("GET", "whoami", as(token))).status).toBe(200);
  await vi.waitFor(() => expect(admin.running.stderr()).toMatch(/"operation":"config-change"/));
  const told = admin.running.stderr();
  expect(told).toMatch(/"who":"admin:setup","via":"admin","operation":"config-change"/);
  expect(told).toMatch(/"who":"socket".*"operation":"admin:setup"/);
  expect(told).not.toContain(token);
  expect(told).not.toContain(first);
  // Whoever opens it anew ends the one before.
  const second = await ticket();
  expect((await admin.ask("GET", "whoami", as(token))).status).toBe(401);
  expect((await admin.ask("POST", "setup", as(second))).status).toBe(200);
}, 60_000);

test("neither ticket nor token is good from elsewhere, and nobody else can open a set-up", async () => {
  const given = await ticket();
  const from = (path: string, method: string, bearer: string, more: Record<string, string>): Promise<number> =>
    new Promise((done, failed) => {
      const { hostname, port, host } = admin.base;
      const headers = { host, authorization: `Bearer ${bearer}`, ...more };
      request({ hostname, port, method, path: `/admin/api/v1/${path}`, headers }, (response) => {
        response.resume();
        done(response.statusCode ?? 0);
      })
        .on("error", failed)
        .end();
    });
  const elsewhere: Record<string, string>[] = [
    { "x-forwarded-for": "10.0.0.1" },
    { via: "1.1 proxy" },
    { "sec-fetch-site": "cross-site" },
    { origin: "http://127.0.0.1:1" },
  ];
  for (const headers of elsewhere) expect([401, 403], JSON.stringify(headers)).toContain(await from("setup", "POST", given, headers));
  const { body } = await admin.ask("POST", "setup", as(given));
  for (const headers of elsewhere)
    expect([401, 403], JSON.stringify(headers)).toContain(await from("whoami", "GET", String(body.token), headers));
  expect((await admin.ask("POST", "plugins/admin/setup", "configure")).status).toBe(404);
}, 60_000);

test("after ten minutes both are good for nothing", () => {
  const clock = new FakeClock();
  const setup = new Setup(() => clock.now());
  expect(setup.has("")).toBe(false);
  const { token: unused } = setup.open();
  expect(setup.redeem(`${unused}x`)).toBeUndefined();
  clock.advance(SETUP_MS);
  expect(setup.redeem(unused)).toBeUndefined();
  const { token: used, until } = setup.open();
  const handed = setup.redeem(used);
  expect(handed?.until).toBe(until);
  const token = String(handed?.token);
  clock.advance(SETUP_MS - 1);
  expect([setup.has(token), setup.has(used)]).toEqual([true, false]);
  clock.advance(1);
  expect(setup.has(token)).toBe(false);
});
