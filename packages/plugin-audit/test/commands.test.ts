import { createPublicKey } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { audit } from "@host/plugin-audit";
import { definePlugin, refuse } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { type Home, home, run } from "../../../test/harness/cli.ts";
import { hashOf, NOTHING, nextLine } from "../dist/chain.js";
import { question } from "../dist/question.js";
import { csvRow, tableOf } from "../dist/shown.js";
import { logIn, type Recorded, rawLines } from "./log.ts";

const config = { mcpServers: {}, plugins: ["@host/plugin-audit"] };

const quota = definePlugin({
  name: "quota",
  host: "^1.0.0",
  apply(host) {
    host.hooks.transform.for("tools/call").tap("quota", (params, { principal }) => {
      if (principal.id === "key:bob") throw refuse("rate_limited", "bob has asked too often", { rule: "10/m" });
      return params;
    });
  },
});

/** A log of two people, one of whom is refused. */
async function used(at: Home): Promise<void> {
  await using running = await createTestHost({
    plugins: [audit(), quota()],
    upstreams: { up: fakeUpstream({ tools: { add: () => "1", sub: () => "2" }, prompts: { greet: { get: () => "hi" } } }) },
    folder: at.path,
    client: false,
  });
  const ann = await running.connect({ principal: { id: "key:ann", roles: ["dev"] } });
  const bob = await running.connect({ principal: { id: "key:bob", roles: [] } });
  await ann.callTool("add");
  await ann.callTool("sub");
  await ann.getPrompt("greet");
  await bob.callTool("add").catch(() => {});
  await running.host.operator.run("reconnect", { upstream: "up" }, "admin:eve");
  await vi.waitFor(() => expect((running.host.reports().audit as Recorded).buffered).toBe(0));
}

const lines = (text: string): Recorded[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** A log with these records, at times that are told. */
function written(at: Home, records: readonly Recorded[]): void {
  let last = NOTHING;
  const text = records.map((record) => {
    const line = nextLine(last, JSON.stringify(record));
    last = { n: last.n + 1, hash: hashOf(line) };
    return `${line}\n`;
  });
  writeFileSync(logIn(at), text.join(""));
}

test("query tells in one table who did what, from where, what was refused, and why", async () => {
  using at = home(config);
  await used(at);
  const { code, stdout } = await run(at, ["audit", "query", "--since", "today"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^TIME +WHO +FROM +WHAT +OUTCOME +MS +WHY$/m);
  expect(stdout).toMatch(/^\S+Z +key:ann +local +tools\/call add +ok +[\d.]+$/m);
  expect(stdout).toMatch(
    /^\S+Z +key:bob +local +tools\/call add +refused +[\d.]+ +quota \(transform, 10\/m\): rate_limited: bob has asked too often$/m,
  );
  expect(stdout).toMatch(/^\S+Z +admin:eve +- +reconnect +ok/m);
  const refused = await run(at, ["audit", "query", "--since", "yesterday", "--outcome", "refused"]);
  expect(refused.stdout.trim().split("\n")).toHaveLength(2);
});

test("query finds by person, tool, method, outcome, type and time, and gives the latest", async () => {
  using at = home(config);
  await used(at);
  const found = async (...flags: string[]) => lines((await run(at, ["audit", "query", "--json", ...flags])).stdout);
  expect((await found("--who", "key:ann", "--method", "tools/call")).map(({ name }) => name)).toEqual(["add", "sub"]);
  expect((await found("--who", "key:*", "--tool", "up:a*")).map(({ who }) => who)).toEqual(["key:ann", "key:bob"]);
  expect((await found("--who", "*:bob", "--tool", "add")).map(({ outcome }) => outcome)).toEqual(["refused"]);
  expect((await found("--method", "reconnect")).map(({ who }) => who)).toEqual(["admin:eve"]);
  expect((await found("--outcome", "refused,cancelled")).map(({ who }) => who)).toEqual(["key:bob"]);
  expect((await found("--type", "session")).map(({ event }) => event)).toContain("opened");
  expect((await found("--since", "1h")).length).toBeGreaterThan(5);
  expect(await found("--until", "yesterday")).toEqual([]);
  expect(await found("--since", "2999-01-01T00:00:00Z")).toEqual([]);
  const latest = await run(at, ["audit", "query", "--limit", "2"]);
  expect(latest.stdout.trim().split("\n")).toHaveLength(3);
  expect(latest.stderr).toContain("the latest 2 are shown; --limit 0 shows all");
  expect((await run(at, ["audit", "query", "--tool", "nothing"])).stdout).toBe("no record fits\n");
});

test.each([
  [["--since", "soon"], '--since: "soon" is none of 24h, today, yesterday'],
  [["--outcome", "well"], '--outcome: "well" is none of ok, tool_error'],
  [["--type", "call"], '--type: "call" is none of request, question'],
  [["--limit", "many"], '--limit: "many" is no number'],
  [["--file", "none.jsonl"], "there is no audit log"],
])("query %j is refused", async (flags, message) => {
  using at = home(config);
  await used(at);
  const { code, stderr } = await run(at, ["audit", "query", ...flags]);
  expect(code).toBeGreaterThan(0);
  expect(stderr).toContain(message);
});

test("days are those of this machine, and the end of a time is not part of it", () => {
  const now = new Date(2026, 10, 29, 13, 30).getTime();
  const at = (...day: [number, number, number]) => new Date(...day).getTime();
  expect(question({ since: "yesterday", until: "today" }, now)).toMatchObject({ since: at(2026, 10, 28), until: at(2026, 10, 29) });
  expect(question({ since: "2026-11-01", until: "90m" }, now)).toMatchObject({ since: at(2026, 10, 1), until: now - 5_400_000 });
  const { fits } = question({ until: "2026-11-29T12:00:00Z" }, now);
  const line = { n: 1, prev: "", type: "request" };
  expect([fits({ ...line, at: "2026-11-29T11:59:59.999Z" }), fits({ ...line, at: "2026-11-29T12:00:00.000Z" })]).toEqual([true, false]);
});

test("CSV is quoted, and holds nothing that a spreadsheet takes for a formula; a table holds nothing that moves the cursor", () => {
  expect(csvRow(["a", 1, undefined, 'say "hi", you', "=1+1", "-x", ["dev"], -1])).toBe(
    `a,1,,"say ""hi"", you",'=1+1,'-x,"[""dev""]",-1\r\n`,
  );
  const line = {
    n: 1,
    prev: "",
    type: "request",
    at: "2026-11-29T12:00:00.000Z",
    who: "a\u001b[2Jb\u202e",
    method: "tools/call",
    name: "x".repeat(100),
    outcome: "ok",
  };
  for (const sign of ["\u001b", "\u202e"]) expect(tableOf([line])).not.toContain(sign);
  expect(tableOf([line])).toContain("...");
});

test("export gives the lines as they are written: all of them, a time of them, or as CSV", async () => {
  using at = home(config);
  const request = (at: string, who: string) => ({ type: "request", at, who, method: "tools/call", outcome: "ok" });
  const times = [
    "2026-11-27T10:00:00.000Z",
    "2026-11-28T10:00:00.000Z",
    "2026-11-27T09:00:00.000Z",
    "2026-11-28T11:00:00.000Z",
    "2026-11-29T10:00:00.000Z",
  ];
  written(
    at,
    times.map((time, index) => request(time, `key:${index}`)),
  );
  const all = await run(at, ["audit", "export"]);
  expect(all.stdout).toBe(readFileSync(logIn(at), "utf8"));
  const part = await run(at, ["audit", "export", "--since", "2026-11-28T00:00:00Z", "--until", "2026-11-29T00:00:00Z"]);
  // A call that took long stands between those of the time: without it the chain would be broken.
  expect(lines(part.stdout).map(({ who }) => who)).toEqual(["key:1", "key:2", "key:3"]);
  writeFileSync(join(at.path, "part.jsonl"), part.stdout);
  expect(await run(at, ["audit", "verify", "--file", "part.jsonl"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("the log begins with line 2"),
  });
  const csv = await run(at, ["audit", "export", "--csv", "--since", "2026-11-29T00:00:00Z"]);
  expect(csv.stdout.split("\r\n")).toEqual([
    expect.stringMatching(/^n,at,type,who,/),
    expect.stringMatching(/^5,2026-11-29T10:00:00.000Z,request,key:4,/),
    "",
  ]);
  expect(lines((await run(at, ["audit", "export", "--type", "head"])).stdout)).toEqual([]);
});

test("new-key makes a pair, of which the private half signs and the public one checks, and overwrites nothing", async () => {
  using at = home(config);
  const { code, stdout } = await run(at, ["audit", "new-key", "audit.pem"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("audit.pem signs: keep it away from the log")]);
  const key = join(at.path, "audit.pem");
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(createPublicKey(readFileSync(`${key}.pub`)).asymmetricKeyType).toBe("ed25519");
  const again = await run(at, ["audit", "new-key", "audit.pem"]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("audit.pem is there already; name another file")]);
  expect(JSON.parse((await run(at, ["audit", "new-key", "other.pem", "--json"])).stdout)).toEqual({
    privateKey: join(at.path, "other.pem"),
    publicKey: join(at.path, "other.pem.pub"),
  });
  // As a config names it.
  writeFileSync(
    join(at.path, "mcp-host.config.json"),
    JSON.stringify({ mcpServers: {}, plugins: [["@host/plugin-audit", { signing: { key: "${file:audit.pem}" } }]] }),
  );
  {
    await using _host = await createTestHost({ plugins: [audit({ signing: { key: readFileSync(key, "utf8") } })], folder: at.path });
  }
  expect(rawLines(logIn(at)).at(-1)).toContain('"type":"head"');
  expect((await run(at, ["audit", "verify", "--public-key", `${key}.pub`])).stdout).toMatch(/signed up to line \d+ at/);
  expect(await run(at, ["audit", "verify"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/signed up to line \d+ at/) });
});

test("a config without a file has no log to read, unless one is named", async () => {
  using at = home({ mcpServers: {}, plugins: [["@host/plugin-audit", { file: false }]] });
  expect((await run(at, ["audit", "query"])).stderr).toContain("the config says that no file is written; name one with --file");
});
