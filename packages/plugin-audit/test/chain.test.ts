import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AuditOptions, audit } from "@host/plugin-audit";
import { sqlite } from "@host/plugin-sqlite";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { type Home, home, run } from "../../../test/harness/cli.ts";
import { hashOf, NOTHING, nextLine, Signer } from "../dist/chain.js";
import { logIn, rawLines, recordsOf } from "./log.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const KEY = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const PUBLIC = publicKey.export({ type: "spki", format: "pem" }).toString();

const config = { mcpServers: {}, plugins: ["@host/plugin-audit"] };

/** Runs a host over a log, with so many calls. */
async function used(at: { path: string }, options: AuditOptions = {}, calls = 5): Promise<{ warnings: string[]; head: string }> {
  await using host = await createTestHost({
    plugins: [audit(options)],
    upstreams: { up: fakeUpstream({ tools: { add: () => "1" } }) },
    folder: at.path,
  });
  for (let call = 0; call < calls; call++) await host.client.callTool("add");
  const report = () => host.host.reports().audit as { head: string; buffered: number };
  await vi.waitFor(() => expect(report()).toMatchObject({ buffered: 0, head: expect.stringMatching(/^[1-9]/) }));
  const { head } = report();
  return { warnings: host.log.filter(({ level, plugin }) => level !== "debug" && plugin === "audit").map(({ message }) => message), head };
}

/** The verdict, and the exit code with it. */
async function verified(at: Home, ...flags: string[]) {
  const { code, stdout, stderr } = await run(at, ["audit", "verify", "--json", ...flags]);
  if (stderr !== "") throw new Error(stderr);
  return { code, ...JSON.parse(stdout) };
}

async function words(at: Home, ...flags: string[]): Promise<string> {
  return (await run(at, ["audit", "verify", ...flags])).stdout;
}

/** A log, and what becomes of it when its lines are changed so. */
async function changed(change: (lines: string[]) => string[], flags: string[] = []) {
  using at = home(config, { "audit.pub": PUBLIC });
  await used(at, { signing: { key: KEY } });
  const lines = rawLines(logIn(at));
  writeFileSync(
    logIn(at),
    change(lines)
      .map((line) => `${line}\n`)
      .join(""),
  );
  return await verified(at, "--public-key", join(at.path, "audit.pub"), ...flags);
}

const without = (line: number) => (lines: string[]) => lines.toSpliced(line - 1, 1);

test("a log is as it was written over starts of the host, and each line names the hash of the one before", async () => {
  using at = home(config, { "audit.pub": PUBLIC });
  for (let start = 0; start < 3; start++) await used(at, { signing: { key: KEY } });
  const lines = rawLines(logIn(at));
  for (const [index, line] of lines.entries()) expect(JSON.parse(line).prev).toBe(index === 0 ? "" : hashOf(lines[index - 1] ?? ""));
  const verdict = await verified(at, "--public-key", join(at.path, "audit.pub"));
  expect(verdict).toMatchObject({ code: 0, ok: true, lines: lines.length, first: 1, heads: 6, kills: 0, torn: [] });
  expect(verdict.vouched.line).toBe(lines.length - 1);
  expect(statSync(logIn(at)).mode & 0o777).toBe(0o600);
  expect(recordsOf(logIn(at)).filter(({ type }) => type === "started")).toMatchObject([
    { after: "nothing" },
    { after: "stop" },
    { after: "stop" },
  ]);
});

test("a line that was removed is found and named", async () => {
  expect(await changed(without(4))).toMatchObject({ code: 1, ok: false, findings: [{ line: 4, what: "is missing" }] });
  expect(await changed((lines) => lines.toSpliced(2, 3))).toMatchObject({ findings: [{ line: 3, what: "and those up to 5 are missing" }] });
  expect(await changed(without(1))).toMatchObject({ ok: true, first: 2 });
});

test("a line that was changed is found and named, with its place", async () => {
  const forged = (lines: string[]) => lines.with(3, (lines[3] ?? "").replace('"who":"local"', '"who":"other"'));
  expect(await changed(forged)).toMatchObject({
    code: 1,
    findings: [{ line: 4, what: "was changed: line 5 (audit.jsonl:5) names another hash" }],
  });
  expect(await changed((lines) => lines.with(3, "nothing of a log"))).toMatchObject({
    code: 1,
    findings: [
      { at: "audit.jsonl:4", line: 4, what: "is no line of a log: it was changed" },
      { line: 4, what: "is missing" },
    ],
  });
});

test("lines that were moved or doubled are found and named", async () => {
  const swapped = (lines: string[]) => lines.with(3, lines[4] ?? "").with(4, lines[3] ?? "");
  expect(await changed(swapped)).toMatchObject({
    code: 1,
    count: 1,
    findings: [{ at: "audit.jsonl:5", line: 4, what: "stands behind line 5: it was moved" }],
  });
  expect(await changed((lines) => lines.toSpliced(3, 0, lines[2] ?? ""))).toMatchObject({
    findings: [{ at: "audit.jsonl:4", line: 3, what: "is there twice" }],
  });
});

test("a chain that was made anew from a change on is found by the heads, which only the private key makes", async () => {
  const remade = (sign: boolean) => (lines: string[]) => {
    const signer = new Signer(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    let last = NOTHING;
    return lines.map((line) => {
      const { n: _n, prev: _prev, ...record } = JSON.parse(line);
      if (record.who === "local") record.who = "other";
      const text = record.type === "head" && sign ? signer.head(last, record.at, true) : JSON.stringify(record);
      const made = nextLine(last, text);
      last = { n: last.n + 1, hash: hashOf(made) };
      return made;
    });
  };
  expect(await changed(remade(false))).toMatchObject({
    code: 1,
    findings: [
      { what: expect.stringContaining("has a signature that is not genuine") }, // the head of the start
      { what: expect.stringContaining("has a signature that is not genuine") }, // that of the end
      { what: expect.stringContaining("no signed head") },
    ],
  });
  expect((await changed(remade(true))).findings[0].what).toMatch(/^is signed with the key [\w-]{16}, and not with [\w-]{16}$/);
});

test("an end that was cut off is found by the head that somebody remembers, and by what is not vouched for", async () => {
  using at = home(config, { "audit.pub": PUBLIC });
  const { head } = await used(at, { signing: { key: KEY, every: "100ms" } });
  const key = ["--public-key", join(at.path, "audit.pub")];
  expect(await verified(at, ...key, "--head", head)).toMatchObject({ code: 0, ok: true });
  const lines = rawLines(logIn(at));
  const [n = ""] = head.split(":");
  writeFileSync(
    logIn(at),
    lines
      .slice(0, Number(n) - 1)
      .map((line) => `${line}\n`)
      .join(""),
  );
  expect(await verified(at, "--head", head)).toMatchObject({
    code: 1,
    findings: [{ line: Number(n), what: "which --head names, is missing: the end of the log was removed" }],
  });
  expect(await words(at, ...key)).toContain("vouched for by no signed head");
  expect(await verified(at, "--head", `2:${head.split(":")[1]}`)).toMatchObject({
    code: 1,
    findings: [{ line: 2, what: "is not the line that --head names" }],
  });
});

test("the store remembers how far the log had come: an end that is cut off while no host runs is told at the next start", async () => {
  using at = home(config);
  const start = async () => {
    await using host = await createTestHost({
      plugins: [audit({ signing: { key: KEY } }), sqlite({ file: join(at.path, "store.sqlite") })],
      folder: at.path,
    });
    await host.client.listTools();
    return host.log.filter(({ plugin, level }) => plugin === "audit" && level === "error").map(({ message }) => message);
  };
  expect(await start()).toEqual([]);
  expect(await start()).toEqual([]);
  const lines = rawLines(logIn(at));
  writeFileSync(
    logIn(at),
    lines
      .slice(0, -3)
      .map((line) => `${line}\n`)
      .join(""),
  );
  expect(await start()).toEqual(["the audit log ends before the last line that the store remembers: its end was removed or changed"]);
  expect(recordsOf(logIn(at)).findLast(({ type }) => type === "started")).toMatchObject({ missing: { n: lines.length } });
});

test("a line that was being written when the host was killed stays, the next start names it, and it is not taken for a change", async () => {
  using at = home(config);
  await used(at);
  const { size } = statSync(logIn(at));
  truncateSync(logIn(at), size - 40);
  expect((await verified(at)).torn[0]).toMatch(/^audit\.jsonl:\d+: \d+ bytes of a line that is not whole/);
  const { warnings } = await used(at);
  expect(warnings).toEqual(["the audit log ends with a line that was being written when the host ended"]);
  const torn = await verified(at);
  expect(torn).toMatchObject({
    code: 0,
    ok: true,
    kills: 1,
    torn: [expect.stringContaining("of a line that was being written when the host was killed, as line")],
  });
  // Who changes what is torn is found all the same.
  const text = readFileSync(logIn(at), "utf8");
  const row = text.split("\n").findIndex((line) => line !== "" && !line.endsWith("}"));
  writeFileSync(logIn(at), text.split("\n").with(row, '{"n":9,"prev":"x').join("\n"));
  expect(await verified(at)).toMatchObject({
    code: 1,
    findings: [{ at: `audit.jsonl:${row + 1}`, what: "is no line of a log: it was changed" }],
  });
});

test("a last line whose line break is missing is a line, and one that NULs follow, as after a power cut, is followed by a start", async () => {
  using at = home(config);
  await used(at);
  truncateSync(logIn(at), statSync(logIn(at)).size - 1);
  expect((await used(at)).warnings).toEqual([]);
  appendFileSync(logIn(at), `${"\0".repeat(5_000)}\n${"\0".repeat(100)}`);
  expect((await used(at)).warnings).toHaveLength(1);
  expect(await verified(at)).toMatchObject({ code: 0, ok: true, torn: [expect.stringContaining("5101 bytes")] });
});

test("verify says in words what it found, and what it cannot tell", async () => {
  using at = home(config);
  await used(at);
  const lines = rawLines(logIn(at));
  const text = await words(at);
  expect(text).toContain(`${lines.length} lines in 1 file, of which the last is ${lines.length}:${hashOf(lines.at(-1) ?? "")}\n`);
  expect(text).toContain("the log is not signed: whoever can write the file could have made all of it anew");
  expect(text).toMatch(/nothing was removed, changed or moved\n$/);
  expect((await run(at, ["audit", "verify", "--head", "x"])).stderr).toContain('--head: "x" is not of the form n:hash');
  expect((await run(at, ["audit", "verify", "--public-key", "none.pem"])).stderr).toContain("--public-key: there is no file");
  expect((await run(at, ["audit", "verify", "--public-key", logIn(at)])).stderr).toContain("is no Ed25519 public key in PEM form");
  expect((await run(at, ["audit", "verify", "--file", "none.jsonl"])).stderr).toContain("there is no audit log");
});
