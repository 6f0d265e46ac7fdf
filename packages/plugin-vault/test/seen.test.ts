import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { onLines } from "../../../test/fixtures/lines.mjs";
import { MARKED, temporary } from "../../../test/harness/hosts.ts";
import { OLDER, Report } from "../dist/report.js";
import { instanceOf, placesIn } from "./opened.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

test("what operators see of a vault that was just written to is no earlier copy, and one that is put back is", async () => {
  const places = placesIn(folder.path);
  const { vault, store } = instanceOf(places);
  const file = join(places.folder, "vault");
  const report = new Report(vault);
  await store("a").set("token", "first");
  const first = readFileSync(file);
  expect(await report.look()).toBeUndefined();
  expect(report.now()).toMatchObject({ has: "0 secrets, 1 store of plugins" });
  await store("a").set("token", "second");
  expect(report.now(), "as of the last look").not.toHaveProperty("problem");
  await report.look();
  expect(report.now()).not.toHaveProperty("problem");
  writeFileSync(file, first);
  await report.look();
  expect(report.now()).toMatchObject({ problem: OLDER });
});

test("whoever reads while another process writes is not told of an earlier copy", async () => {
  const places = placesIn(folder.path);
  const { vault, warnings } = instanceOf(places);
  const args = [join(import.meta.dirname, "writer.mjs"), places.folder, places.keyFile, join(places.root, "seen"), "a"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...MARKED } });
  const ended = new Promise((done) => child.once("exit", done));
  let written = 0;
  onLines(child.stdout, (line: string) => void (written = Number(line)));
  try {
    let older = 0;
    let readings = 0;
    while (written < 60) {
      const facts = await vault.read();
      if (facts?.isOlder) older++;
      if (facts) readings++;
      await new Promise((done) => setImmediate(done));
    }
    expect({ older, warnings }).toEqual({ older: 0, warnings: [] });
    expect(readings).toBeGreaterThan(10);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}, 60_000);
