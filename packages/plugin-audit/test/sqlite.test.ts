import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AuditOptions, audit } from "@host/plugin-audit";
import { DatabaseSync } from "@photostructure/sqlite";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { logIn, type Recorded, rawLines } from "./log.ts";

const OPTIONS: AuditOptions = { sqlite: "audit.sqlite" };
const config = { mcpServers: {}, plugins: [["@host/plugin-audit", OPTIONS]] };
const fileIn = ({ path }: { path: string }) => join(path, "audit.sqlite");

async function used(folder: { path: string }, calls: number, options: AuditOptions = OPTIONS): Promise<void> {
  await using running = await createTestHost({
    plugins: [audit(options)],
    upstreams: { up: fakeUpstream({ tools: { add: () => "1", sub: () => "2" } }) },
    folder: folder.path,
    client: { principal: { id: "key:ann", roles: [] } },
  });
  for (let call = 0; call < calls; call++) {
    await running.client.callTool(call % 2 === 0 ? "add" : "sub");
    if (call % 20 === 19) await vi.waitFor(() => expect((running.host.reports().audit as Recorded).buffered).toBe(0));
  }
  await vi.waitFor(() => expect(running.host.reports().audit).toMatchObject({ buffered: 0, sqlite: { behind: 0 } }));
}

function rows(folder: { path: string }): string[] {
  const database = new DatabaseSync(fileIn(folder), { readOnly: true });
  try {
    return (database.prepare("select line from lines order by n").all() as { line: string }[]).map(({ line }) => line);
  } finally {
    database.close();
  }
}

test("the file has all lines of the log, over starts of the host; one that is removed is filled anew", async () => {
  using at = home(config);
  await used(at, 10);
  await used(at, 10);
  expect(rows(at)).toEqual(rawLines(logIn(at)));
  expect(statSync(fileIn(at)).mode & 0o777).toBe(0o600);
  for (const name of ["", "-wal", "-shm"]) rmSync(`${fileIn(at)}${name}`, { force: true });
  await used(at, 1);
  expect(rows(at)).toEqual(rawLines(logIn(at)));
});

test("what the log does not keep any longer goes from the file, too", async () => {
  using at = home(config);
  await used(at, 300, { ...OPTIONS, rotate: { size: "4kb", keep: 2 } });
  await used(at, 1, { ...OPTIONS, rotate: { size: "4kb", keep: 2 } });
  const first = Number(/"n":(\d+)/.exec(rows(at)[0] ?? "")?.[1]);
  expect(first).toBeGreaterThan(1);
  expect(rows(at).slice(-20)).toEqual(rawLines(logIn(at)).slice(-20));
});

test("a query finds the same with the file and without it, and what the file does not have yet", async () => {
  using at = home(config);
  await used(at, 20);
  const found = async (...flags: string[]) => (await run(at, ["audit", "query", "--json", "--limit", "0", ...flags])).stdout;
  const questions = [
    [],
    ["--tool", "add"],
    ["--who", "key:*", "--outcome", "ok"],
    ["--type", "session,head"],
    ["--since", "1h", "--limit", "3"],
    ["--until", "yesterday"],
  ];
  const plain: string[] = [];
  for (const flags of questions) plain.push(await found("--file", logIn(at), ...flags));
  for (const [index, flags] of questions.entries()) expect(await found(...flags)).toBe(plain[index]);
  // Lines that came since.
  const database = new DatabaseSync(fileIn(at));
  database.exec("delete from lines where n > 8");
  database.close();
  for (const [index, flags] of questions.entries()) expect(await found(...flags)).toBe(plain[index]);
});

test("a database of somebody else is left alone, and so is what is none", async () => {
  using at = home(config);
  const database = new DatabaseSync(fileIn(at));
  database.exec("create table theirs (a)");
  database.close();
  await expect(used(at, 1)).rejects.toThrow("it is a database of another program; name another file");
  writeFileSync(fileIn(at), "no database ".repeat(1_000));
  await expect(used(at, 1)).rejects.toThrow(/audit\.sqlite: .*not a database/);
  expect(readFileSync(fileIn(at), "utf8")).toBe("no database ".repeat(1_000));
  await expect(used(at, 1, { sqlite: "no/such/folder.sqlite" })).rejects.toThrow("ENOENT");
});
