import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyRepository } from "./harness/copy.ts";
import { ROOT, temporary } from "./harness/hosts.ts";

const folder = temporary();
const clone = join(folder.path, "mcp-host");
const FILE = "packages/cel/src/index.ts";
const env = {
  ...process.env,
  ...Object.fromEntries(["AUTHOR", "COMMITTER"].flatMap((who) => [`GIT_${who}_NAME`, `GIT_${who}_EMAIL`].map((name) => [name, "test"]))),
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
};

/** Runs a command in the clone; gives what it said, and whether it went well. */
function tried(command: string, ...args: string[]): { ok: boolean; said: string } {
  try {
    return { ok: true, said: execFileSync(command, args, { cwd: clone, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }) };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }; // of a process that failed
    return { ok: false, said: stdout + stderr };
  }
}
const commits = (): number => Number(tried("git", "rev-list", "--count", "HEAD").said);

beforeAll(() => {
  copyRepository(clone);
  for (const args of [
    ["init", "--quiet"],
    ["add", "--all"],
    ["commit", "--quiet", "--no-verify", "-m", "all"],
  ])
    expect(tried("git", ...args)).toMatchObject({ ok: true });
  expect(tried("npm", "run", "hooks")).toMatchObject({ ok: true });
});
afterAll(() => folder[Symbol.dispose]());

test("what is staged is checked, and not what the work tree has besides", () => {
  const before = readFileSync(join(clone, FILE), "utf8");
  appendFileSync(join(clone, FILE), "/** Said in a test. */\nexport const said: string = 'in a test';\n");
  tried("git", "add", FILE);
  // In the work tree it is well already, but what would be committed is not.
  writeFileSync(join(clone, FILE), `${before}/** Said in a test. */\nexport const said: string = "in a test";\n`);
  expect(tried("git", "commit", "-m", "quotes")).toMatchObject({
    ok: false,
    said: expect.stringMatching(/npm run format[\s\S]*nothing was committed/),
  });
  expect(commits()).toBe(1);
  tried("git", "add", FILE);
  // And now the other way round.
  appendFileSync(join(clone, FILE), "export const wrong: string = 1;\n");
  expect(tried("git", "commit", "-m", "fine")).toMatchObject({ ok: true });
  expect(commits()).toBe(2);
}, 300_000);

test("types are checked in the whole tree: who uses what has changed, too", () => {
  tried("git", "checkout", "--", FILE);
  writeFileSync(join(clone, "test/uses-it.ts"), 'import { said } from "@host/cel";\n\nexport const length: number = said;\n');
  tried("git", "add", "test/uses-it.ts");
  expect(tried("git", "commit", "-m", "wrong")).toMatchObject({
    ok: false,
    said: expect.stringMatching(/uses-it\.ts.*TS2322[\s\S]*nothing was committed/),
  });
  expect(commits()).toBe(2);
  expect(tried("git", "commit", "--no-verify", "-m", "wrong, and known to be")).toMatchObject({ ok: true });
}, 300_000);

test("the hook is what git runs, and CONTRIBUTING.md tells of it", () => {
  expect(tried("git", "config", "core.hooksPath").said.trim()).toBe(".githooks");
  expect(readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8")).toContain("`npm run hooks`");
});
