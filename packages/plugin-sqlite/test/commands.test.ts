import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { fileIn, opened } from "./opened.ts";
import { hostProcess } from "./process.ts";

const config = { mcpServers: {}, plugins: [["@host/plugin-sqlite", { file: "store.sqlite" }]] };
const TEXT = "x".repeat(1_000);

test("check tells whether the file is sound and what is in it, while a host has it open and afterwards", async () => {
  using at = home(config);
  const host = await hostProcess(fileIn(at));
  const store = host.store("a");
  await store.set("one", 1);
  await store.set("short", 1, 1);
  await store.lease("job", 60_000);
  await store.publish("news", "here");
  const found = { file: fileIn(at), ok: true, faults: [], values: 1, expired: 1, leases: 1, messages: 1 };
  const first = await run(at, ["sqlite", "check", "--json"]);
  expect([first.code, JSON.parse(first.stdout)]).toEqual([0, expect.objectContaining(found)]);
  await host.close();
  const { code, stdout } = await run(at, ["sqlite", "check"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /store\.sqlite is sound\n0\.\d MB, of which 0\.0 MB are free; 0\.0 MB in the log beside it\n1 values, 1 that are over/,
  );
});

test("vacuum gives back what is not needed, while a host goes on and afterwards", async () => {
  using at = home(config);
  const host = await hostProcess(fileIn(at));
  const store = host.store("a");
  await Promise.all(Array.from({ length: 2_000 }, (_, n) => store.set(`key ${n}`, TEXT, n < 1_900 ? 1 : undefined)));
  const adding = host.ask("add", { store: "b", key: "n", times: 200 });
  const { code, stdout } = await run(at, ["sqlite", "vacuum", "--json"]);
  expect(code).toBe(0);
  const { file, before, after } = JSON.parse(stdout);
  expect(file).toBe(fileIn(at));
  expect(after).toBeLessThan(before / 2);
  await adding;
  expect(await host.ask("get", { store: "b", key: "n" })).toBe(200);
  expect(await store.get("key 1950")).toBe(TEXT);
  await host.close();
  expect((await run(at, ["sqlite", "vacuum"])).stdout).toMatch(/store\.sqlite: \d\.\d MB before, \d\.\d MB after/);
  expect(statSync(fileIn(at)).size).toBeLessThan(1024 ** 2);
  await using again = await opened({ file: fileIn(at) });
  expect(await again.store("b").get("n")).toBe(200);
});

test("a damaged file is told by check with exit code 1, and by whoever uses it", async () => {
  using at = home(config);
  {
    await using host = await opened({ file: fileIn(at) });
    await Promise.all(Array.from({ length: 500 }, (_, n) => host.store("a").set(`key ${n}`, TEXT)));
  }
  const file = openSync(fileIn(at), "r+");
  for (let page = 8; page < 100; page++) writeSync(file, Buffer.alloc(4096, 7), 0, 4096, page * 4096);
  closeSync(file);
  const json = await run(at, ["sqlite", "check", "--json"]);
  expect([json.code, JSON.parse(json.stdout).ok]).toEqual([1, false]);
  const text = await run(at, ["sqlite", "check"]);
  expect(text.code).toBe(1);
  expect(text.stdout).toMatch(/Tree|page|row/);
  expect(text.stderr).toContain("is damaged; put a copy in its place, or remove it to begin anew");
  await using host = await opened({ file: fileIn(at) });
  await expect(Promise.all(Array.from({ length: 500 }, (_, n) => host.store("a").set(`key ${n}`, TEXT)))).rejects.toThrow("is damaged");
});

test.each(["check", "vacuum"])("%s says what is wrong where there is no file, or another's", async (command) => {
  using at = home(config);
  const none = await run(at, ["sqlite", command]);
  expect([none.code, none.stdout]).toEqual([1, ""]);
  expect(none.stderr).toContain(`there is no store file ${fileIn(at)} yet; a host makes it when it starts`);
  writeFileSync(fileIn(at), "");
  expect((await run(at, ["sqlite", command])).stderr).toContain("is empty: no host has used it yet");
  writeFileSync(fileIn(at), "no database ".repeat(1_000));
  expect((await run(at, ["sqlite", command])).stderr).toContain("is no SQLite database");
  expect(readFileSync(join(at.path, "store.sqlite"), "utf8")).toBe("no database ".repeat(1_000));
});
