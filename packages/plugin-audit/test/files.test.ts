import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type AuditOptions, audit } from "@host/plugin-audit";
import { type Config, createHost } from "mcp-host";
import { createTestHost, FakeClock, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { home, run, start, urlOf } from "../../../test/harness/cli.ts";
import { ROOT, temporary } from "../../../test/harness/hosts.ts";
import { RawHttp } from "../../../test/harness/raw-http.ts";
import { type Head, HeadCheck } from "../dist/chain.js";
import { rotated } from "../dist/files.js";
import { logIn, type Recorded, rawLines, recordsOf } from "./log.ts";

const config = { mcpServers: {}, plugins: ["@host/plugin-audit"] };
const up = () => fakeUpstream({ tools: { add: () => "1" } });

const host = (folder: { path: string }, options: AuditOptions = {}, more: Partial<Parameters<typeof createTestHost>[0]> = {}) =>
  createTestHost({ plugins: [audit(options)], upstreams: { up: up() }, folder: folder.path, ...more });

const configWith =
  ({ transport }: ReturnType<typeof up>) =>
  (options: AuditOptions): Config =>
    ({ drain: 0, mcpServers: { up: { transport } }, plugins: [audit(options)] }) as Config; // the transport of a test

const refusal = async (folder: { path: string }, options: AuditOptions = {}): Promise<string> => {
  try {
    await using _host = await host(folder, options);
    return "it started";
  } catch (error) {
    return String(error);
  }
};

test("a file that is full is put aside, the chain goes on in the next, the oldest go, and the log says which", async () => {
  using at = home(config);
  {
    await using running = await host(at, { rotate: { size: "4kb", keep: 3 } });
    for (let round = 0; round < 12; round++) {
      for (let call = 0; call < 15; call++) await running.client.callTool("add");
      const before = statSync(logIn(at)).ino;
      await vi.waitFor(() => expect(statSync(logIn(at), { throwIfNoEntry: false })?.ino).not.toBe(before));
    }
  }
  const files = rotated(logIn(at));
  expect(files).toHaveLength(3);
  for (const { path, first } of files) {
    expect(JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? "").n).toBe(first);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }
  const records = recordsOf(logIn(at));
  expect(records.map(({ n }) => n)).toEqual(records.map((_, index) => (records[0]?.n ?? 0) + index));
  const removed = records.filter(({ type }) => type === "removed");
  expect(removed.at(-1)).toMatchObject({ files: [expect.stringMatching(/^audit-\d{12}\.jsonl$/)], first: files[0]?.first });
  const { code, stdout } = await run(at, ["audit", "verify", "--json"]);
  expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ ok: true, first: files[0]?.first, lines: records.length })]);
  expect((await run(at, ["audit", "query", "--tool", "add", "--json", "--limit", "0"])).stdout.trim().split("\n")).toHaveLength(
    records.filter(({ name }) => name === "add").length,
  );
});

test("a file that is removed while the host writes it is begun anew, and the log and the host say so", async () => {
  using at = home(config);
  await using running = await host(at);
  await running.client.callTool("add");
  await vi.waitFor(() => expect(recordsOf(logIn(at)).some(({ name }) => name === "add")).toBe(true));
  const lines = rawLines(logIn(at)).length;
  rmSync(logIn(at));
  await running.client.callTool("add");
  await vi.waitFor(() => expect(recordsOf(logIn(at)).some(({ type }) => type === "removed")).toBe(true));
  const records = recordsOf(logIn(at));
  expect(records[0]).toMatchObject({ n: lines + 1 });
  expect(records.find(({ type }) => type === "removed")).toMatchObject({ files: ["audit.jsonl"], first: lines + 1 });
  expect(statSync(logIn(at)).mode & 0o777).toBe(0o600);
  expect(JSON.stringify(running.log)).toContain("was removed or put elsewhere while it was written");
  expect(JSON.parse((await run(at, ["audit", "verify", "--json"])).stdout)).toMatchObject({ first: lines + 1 });
});

test("a file that somebody puts in its place is not written to: calls are refused until it is gone", async () => {
  using at = home(config);
  await using running = await host(at);
  await running.client.callTool("add");
  await vi.waitFor(() => expect(recordsOf(logIn(at)).some(({ name }) => name === "add")).toBe(true));
  rmSync(logIn(at));
  writeFileSync(logIn(at), "theirs\n");
  await vi.waitFor(async () =>
    expect((await running.client.request("tools/call", { name: "add" }).catch(String)).toString()).toContain("EEXIST"),
  );
  expect(readFileSync(logIn(at), "utf8")).toBe("theirs\n");
  rmSync(logIn(at));
  await vi.waitFor(async () => expect(await running.client.callTool("add")).toMatchObject({ content: [{ text: "1" }] }), {
    timeout: 5_000,
  });
});

test("what is signed from now on is vouched for at once, with all that was before", async () => {
  using at = home({ listen: { port: 0 }, ...config });
  await using running = start(at, ["start"]);
  await urlOf(running);
  await run(at, ["audit", "new-key", "secret.pem"]);
  const signing = { key: "${file:secret.pem}" };
  const signed = { listen: { port: 0 }, mcpServers: {}, plugins: [["@host/plugin-audit", { signing }]] };
  writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify(signed));
  await run(at, ["reload"]);
  await vi.waitFor(() => expect(recordsOf(logIn(at)).some(({ type }) => type === "head")).toBe(true));
  const { code, stdout } = await run(at, ["audit", "verify", "--public-key", "secret.pem.pub"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("nothing was removed, changed or moved")]);
});

test("with another key all is signed anew at once, whether anything is new or not", async () => {
  using at = home(config);
  const [first, second] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  const signing = (key: KeyObject, every: string) => ({ signing: { key: key.export({ type: "pkcs8", format: "pem" }) as string, every } });
  const shared = up();
  await using running = await host(at, signing(first.privateKey, "100ms"), { upstreams: { up: shared } });
  await vi.waitFor(() => expect(recordsOf(logIn(at)).at(-1)?.type).toBe("head"));
  await running.host.reload(configWith(shared)(signing(second.privateKey, "1h")));
  const check = new HeadCheck(second.publicKey.export({ type: "spki", format: "pem" }) as string);
  const heads = () => recordsOf(logIn(at)).filter((record) => record.type === "head" && record.key === check.id);
  await vi.waitFor(() => expect(heads()).toHaveLength(1));
  expect(check.isGenuine(heads()[0] as unknown as Head)).toBe(true); // as it was recorded
});

test("a file that is old is put aside with the next record; a host that is started when only those are there goes on behind them", async () => {
  using at = home(config);
  const clock = new FakeClock();
  {
    await using running = await host(at, { rotate: { every: "1h" } }, { clock });
    await vi.waitFor(() => expect(recordsOf(logIn(at)).length).toBeGreaterThan(0));
    clock.advance(3_600_001);
    await running.client.callTool("add");
    await vi.waitFor(() => expect(rotated(logIn(at))).toHaveLength(1));
  }
  const { length } = rawLines(logIn(at));
  {
    await using _again = await host(at, { rotate: { every: "1h" } });
  }
  expect(rawLines(logIn(at)).length).toBeGreaterThan(length);
  expect(JSON.parse((await run(at, ["audit", "verify", "--json"])).stdout)).toMatchObject({ ok: true, first: 1 });
});

test("a reload with other options goes on in the same file and loses nothing, and so does one that is refused", async () => {
  using at = home(config);
  const shared = up();
  const configOf = configWith(shared);
  {
    await using running = await createTestHost({ plugins: [audit()], upstreams: { up: shared }, folder: at.path });
    let calls = 0;
    let isOver = false;
    const load = (async () => {
      for (; !isOver; calls++) {
        await running.client.callTool("add");
        await new Promise(setImmediate); // a client in memory leaves the event loop no turn
      }
    })();
    for (const options of [{ stderr: false, rotate: { size: 8_192 } }, { fsync: "always" as const }, { skip: [] }, {}]) {
      const before = calls;
      await running.host.reload(configOf(options));
      await vi.waitFor(() => expect(calls).toBeGreaterThan(before + 20));
    }
    await expect(running.host.reload({ ...configOf({}), plugins: [audit({ buffer: "1mb" }), audit()] } as Config)).rejects.toThrow();
    await expect(running.host.reload(configOf({ sqlite: "no/such/folder.sqlite" }))).rejects.toThrow("folder.sqlite");
    const before = calls;
    await vi.waitFor(() => expect(calls).toBeGreaterThan(before + 20));
    isOver = true;
    await load;
    await vi.waitFor(() =>
      expect(recordsOf(logIn(at)).filter(({ type, name }) => type === "request" && name === "add")).toHaveLength(calls),
    );
  }
  const records = recordsOf(logIn(at));
  expect(records.filter(({ type }) => type === "started")).toHaveLength(1);
  expect(records.filter(({ operation }) => operation === "reload").map(({ outcome }) => outcome)).toEqual([
    "ok",
    "ok",
    "ok",
    "ok",
    "error",
    "error",
  ]);
  expect(records.at(-1)?.type).toBe("stopped");
  expect(JSON.parse((await run(at, ["audit", "verify", "--json"])).stdout)).toMatchObject({ ok: true, kills: 0 });
});

test("two hosts cannot have one file, of one process or of two; nor can two plugins of one host; the first goes on", async () => {
  using at = home({ listen: { port: 0 }, ...config });
  {
    await using first = await host(at);
    expect(await refusal(at)).toMatch(/options\.file: .*audit\.jsonl is being written by another host of this process; name another file/);
    await first.client.callTool("add");
  }
  const two = { use: "@host/plugin-audit", id: "second" };
  await using both = createHost({ mcpServers: {}, plugins: ["@host/plugin-audit", two] }, { folder: at.path });
  await expect(both.start()).rejects.toThrow('is being written by plugin "audit" of this process');
  await both.close();
  await using running = start(at, ["start", "--log-format", "json"]);
  await RawHttp.open(await urlOf(running));
  expect(await refusal(at)).toMatch(
    new RegExp(`is being written by the process ${running.child.pid}; stop that one, or name another file`),
  );
  running.child.kill("SIGKILL");
  await running.exited;
  expect(existsSync(`${logIn(at)}.lock`)).toBe(true);
  expect(await refusal(at)).toBe("it started");
  expect(existsSync(`${logIn(at)}.lock`)).toBe(false);
  expect(readdirSync(at.path).filter((name) => name.includes(".lock"))).toEqual([]);
  expect(JSON.parse((await run(at, ["audit", "verify", "--json"])).stdout)).toMatchObject({ ok: true });
});

test("what a command starts beside a running host runs without the file: lists and checks go on, and a call is refused that could not be recorded", async () => {
  const server = join(ROOT, "test/fixtures/offering-plugin.mjs");
  const entry = (options: Recorded) => ({ listen: { port: 0 }, mcpServers: {}, plugins: [server, ["@host/plugin-audit", options]] });
  using at = home(entry({}));
  await using running = start(at, ["start", "--log-format", "json"]);
  await RawHttp.open(await urlOf(running));
  const doctor = JSON.parse((await run(at, ["doctor", "--json"])).stdout) as { findings: { level: string }[] };
  expect(doctor.findings.filter(({ level }) => level === "problem")).toEqual([]);
  expect((await run(at, ["list", "--fresh"])).stdout).toContain("shout");
  const call = ["call", "shout", "--args", '{"text":"loud"}'];
  expect(await run(at, [...call, "--fresh"])).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/no call is sent that cannot be recorded: .*audit\.jsonl is being written by the process \d+/),
  });
  expect(await run(at, call)).toMatchObject({ code: 0, stdout: "LOUD\n" }); // of the running host
  expect((await run(at, ["audit", "query", "--tool", "shout", "--json"])).stdout.trim().split("\n")).toHaveLength(1);
});

test("a lock counts while its owner lives: by its start on this machine, by a sign of life on another", async () => {
  using at = home(config);
  const lock = (owner: Recorded | string) => writeFileSync(`${logIn(at)}.lock`, typeof owner === "string" ? owner : JSON.stringify(owner));
  lock({ pid: process.ppid, machine: hostname() });
  expect(await refusal(at)).toContain(`is being written by the process ${process.ppid}`);
  if (process.platform === "linux") {
    lock({ pid: process.ppid, started: "another", machine: hostname() });
    expect(await refusal(at)).toBe("it started");
  }
  lock({ pid: 1, machine: "elsewhere" });
  expect(await refusal(at)).toMatch(/the process 1 of elsewhere, which gave a sign of life \d+ s ago/);
  utimesSync(`${logIn(at)}.lock`, new Date(0), new Date(0));
  expect(await refusal(at)).toBe("it started");
  for (const text of ["", "{}", "nothing"]) {
    lock(text);
    expect(await refusal(at)).toBe("it started");
  }
});

test("what is no audit log is left alone, and so is what cannot be written", async () => {
  using at = home(config);
  writeFileSync(logIn(at), "a diary\n");
  expect(await refusal(at)).toMatch(/options\.file: .*audit\.jsonl is no audit log; name another file/);
  expect(readFileSync(logIn(at), "utf8")).toBe("a diary\n");
  expect(await refusal(at, { file: "." })).toContain("EISDIR");
  expect(readdirSync(at.path).filter((name) => name.endsWith(".lock"))).toEqual([]);
});

test("what a host does after its log was closed is at its end, and the log counts as closed", async () => {
  using folder = temporary();
  const running = await host(folder);
  await running.client.callTool("add");
  await running.host.operator.run("stop", {}, "admin:eve");
  await running.close();
  await vi.waitFor(() => expect(recordsOf(logIn(folder)).some(({ operation }) => operation === "stop")).toBe(true));
  {
    await using _again = await host(folder);
  }
  expect(recordsOf(logIn(folder)).filter(({ type }) => type === "started")).toMatchObject([{ after: "nothing" }, { after: "stop" }]);
});

test("a process that ends without closing anything has written what waited", async () => {
  using at = home(
    { listen: { port: 0 }, mcpServers: {}, plugins: ["@host/plugin-audit", "./end.mjs"] },
    {
      "end.mjs": `export default Object.assign(() => {}, { [Symbol.for("mcp-host.plugin")]: true, definition: {
      name: "end", host: "^1.0.0", apply(host) { host.hooks.settled.tap("end", ({ method }) => { if (method === "tools/list") process.exit(7); }); } } });`,
    },
  );
  await using running = start(at, ["start", "--log-format", "json"]);
  const client = await RawHttp.open(await urlOf(running));
  await client.tools().catch(() => {});
  expect((await running.exited).code).toBe(7);
  expect(recordsOf(logIn(at)).at(-1)).toMatchObject({ method: "tools/list", outcome: "ok" });
});
