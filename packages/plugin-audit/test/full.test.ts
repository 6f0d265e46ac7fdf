import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { audit } from "@host/plugin-audit";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { type Home, home, run, start, urlOf } from "../../../test/harness/cli.ts";
import { ROOT, temporary } from "../../../test/harness/hosts.ts";
import { RawHttp } from "../../../test/harness/raw-http.ts";
import { logIn, type Recorded, recordsOf } from "./log.ts";

const config = (options: Recorded) => ({
  listen: { port: 0 },
  mcpServers: {},
  plugins: [join(ROOT, "test/fixtures/offering-plugin.mjs"), ["@host/plugin-audit", options], "@host/plugin-metrics"],
});

async function report(at: Home): Promise<Recorded> {
  const { stdout } = await run(at, ["status", "--json"]);
  return JSON.parse(stdout)[0]?.reports?.audit ?? JSON.parse(stdout).reports.audit;
}

const shout = (client: RawHttp) => client.call("shout", { text: "loud" });
const HAS_FULL = process.platform === "linux";
/** Bounds the size of files that a running process writes, which is to it as a disk that is full. */
const HAS_PRLIMIT = spawnSync("prlimit", ["--version"]).status === 0;
const bound = (pid: number | undefined, bytes: number | "unlimited"): void =>
  void execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);

test.runIf(HAS_FULL)(
  "onFull refuse: on a full disk new calls are refused with the reason; lists, and what else does no harm, go on",
  async () => {
    using at = home(config({}));
    symlinkSync("/dev/full", logIn(at));
    await using running = start(at, ["start", "--log-format", "json"]);
    const client = await RawHttp.open(await urlOf(running));
    await vi.waitFor(async () => expect((await shout(client)).error).toBeDefined());
    const { error } = await shout(client);
    expect(error).toMatchObject({
      code: -31430,
      message: "no call is sent that cannot be recorded: the audit log cannot be written (ENOSPC)",
      data: { type: "overloaded", retryable: true, retryAfterMs: 1_000, sent: "no" },
    });
    expect(await client.tools()).toContain("shout");
    const { trouble, refused } = await report(at);
    expect(trouble).toBe("the audit log cannot be written (ENOSPC)");
    expect(refused).toBeGreaterThanOrEqual(2);
    const metrics = await (await fetch(new URL("/metrics", client.url))).text();
    expect(metrics).toMatch(/^mcp_host_audit_refused_total\{[^}]*\} [2-9]/m);
    expect(running.stderr().match(/the audit log cannot be written/g)).toHaveLength(1);
    running.child.kill("SIGTERM");
    expect((await running.exited).stderr).toMatch(/records of the audit log could not be written before the end, and are lost/);
  },
);

test.runIf(HAS_FULL)("onFull drop: on a full disk calls go on, and what is lost is counted in status and metrics", async () => {
  using at = home(config({ onFull: "drop", buffer: "64kb" }));
  symlinkSync("/dev/full", logIn(at));
  await using running = start(at, ["start", "--log-format", "json"]);
  const client = await RawHttp.open(await urlOf(running));
  for (let call = 0; call < 400; call++) expect((await shout(client)).result).toBeDefined();
  const { trouble, lost, buffered } = await report(at);
  expect(trouble).toContain("ENOSPC");
  expect(lost).toBeGreaterThan(50);
  expect(buffered).toBeLessThanOrEqual(64 * 1024);
  const metrics = await (await fetch(new URL("/metrics", client.url))).text();
  expect(metrics).toMatch(new RegExp(`^mcp_host_audit_lost_total\\{[^}]*\\} ${lost}`, "m"));
});

test.runIf(HAS_PRLIMIT)(
  "a disk that was full and is not any more: calls are taken again by themselves, the log is sound, and says what it lacks",
  async () => {
    using at = home(config({}));
    await using running = start(at, ["start", "--log-format", "json"]);
    const { pid } = running.child;
    const client = await RawHttp.open(await urlOf(running));
    await shout(client);
    await vi.waitFor(() => expect(recordsOf(logIn(at)).some(({ method }) => method === "tools/call")).toBe(true));
    // It is full in the middle of a line.
    bound(pid, statSync(logIn(at)).size + 100);
    await vi.waitFor(async () => expect((await shout(client)).error?.message).toContain("the audit log cannot be written (EFBIG)"), {
      timeout: 5_000,
    });
    expect(readFileSync(logIn(at), "utf8").endsWith("\n")).toBe(false);
    bound(pid, "unlimited");
    await vi.waitFor(async () => expect((await shout(client)).result).toBeDefined(), { timeout: 5_000 });
    expect(await report(at)).not.toHaveProperty("trouble");
    running.child.kill("SIGTERM");
    await running.exited;
    const { code, stdout } = await run(at, ["audit", "verify", "--json"]);
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ ok: true, torn: [], kills: 0, lost: 0 })]);
    const gap = recordsOf(logIn(at)).find(({ type }) => type === "gap");
    expect(gap).toMatchObject({ reason: "the audit log cannot be written (EFBIG)", lost: 0, refused: expect.any(Number) });
    expect(gap?.refused).toBeGreaterThan(0);
    expect((await run(at, ["audit", "query", "--type", "gap"])).stdout).toMatch(
      /0 lost, \d+ calls refused: the audit log cannot be written/,
    );
  },
);

test.runIf(HAS_PRLIMIT)("with drop, what was lost while the disk was full is a line of the log afterwards", async () => {
  using at = home(config({ onFull: "drop", buffer: "64kb" }));
  await using running = start(at, ["start", "--log-format", "json"]);
  const client = await RawHttp.open(await urlOf(running));
  bound(running.child.pid, 500);
  for (let call = 0; call < 400; call++) await shout(client);
  const { lost } = await report(at);
  bound(running.child.pid, "unlimited");
  await vi.waitFor(() => expect(readFileSync(logIn(at), "utf8")).toContain('"type":"gap"'), { timeout: 5_000 });
  running.child.kill("SIGTERM");
  await running.exited;
  const records = recordsOf(logIn(at));
  expect(records.find(({ type }) => type === "gap")).toMatchObject({ lost, refused: 0 });
  expect(records.filter(({ method }) => method === "tools/call").length + lost).toBeGreaterThanOrEqual(400);
  const { stdout } = await run(at, ["audit", "verify", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, lost });
});

test('with fsync "always" a call is begun before it is sent, and where that cannot be written it is refused', async () => {
  using folder = temporary();
  const seen: string[][] = [];
  const up = fakeUpstream({
    tools: {
      add: () => {
        seen.push(recordsOf(logIn(folder)).map(({ type, name }) => `${type} ${name}`));
        return "1";
      },
    },
  });
  {
    await using host = await createTestHost({ plugins: [audit({ fsync: "always" })], upstreams: { up }, folder: folder.path });
    await Promise.all([host.client.callTool("add"), host.client.callTool("add")]);
  }
  expect(seen).toHaveLength(2);
  for (const there of seen) expect(there).toContain("begun add");
  const records = recordsOf(logIn(folder)).filter(({ method }) => method === "tools/call");
  expect(records.map(({ type }) => type).sort()).toEqual(["begun", "begun", "request", "request"]);
  expect(new Set(records.map(({ id }) => id)).size).toBe(2);
});
