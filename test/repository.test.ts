import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, temporary } from "./harness/hosts.ts";

const SCRIPT = join(ROOT, "scripts/repository.mjs");

/** The manifests as they are published from a copy of the repository. */
function published(env: Record<string, string>, remote?: string): Record<string, unknown>[] {
  using folder = temporary({});
  for (const name of readdirSync(join(ROOT, "packages"))) {
    mkdirSync(join(folder.path, "packages", name), { recursive: true });
    cpSync(join(ROOT, "packages", name, "package.json"), join(folder.path, "packages", name, "package.json"));
  }
  const git = (...args: string[]): unknown => execFileSync("git", args, { cwd: folder.path });
  git("init", "--quiet");
  if (remote !== undefined) git("remote", "add", "origin", remote);
  const { GITHUB_REPOSITORY: _, GITHUB_SERVER_URL: __, ...others } = process.env;
  execFileSync(process.execPath, [SCRIPT], { cwd: folder.path, env: { ...others, ...env }, stdio: "pipe" });
  return readdirSync(join(folder.path, "packages")).map((name) =>
    JSON.parse(readFileSync(join(folder.path, "packages", name, "package.json"), "utf8")),
  );
}

test("what is published says where it comes from, as the job that publishes says", () => {
  const manifests = published({ GITHUB_REPOSITORY: "someone/mcp-host" }).filter((manifest) => !manifest.private);
  const names = readdirSync(join(ROOT, "packages"));
  for (const { name, repository, homepage, bugs } of manifests) {
    const directory = `packages/${names.find((each) => String(name).endsWith(each)) ?? "host"}`;
    expect(repository).toEqual({ type: "git", url: "git+https://github.com/someone/mcp-host.git", directory });
    expect(homepage).toBe(`https://github.com/someone/mcp-host/tree/main/${directory}#readme`);
    expect(bugs).toBe("https://github.com/someone/mcp-host/issues");
  }
  expect(manifests.map(({ name }) => name)).toContain("mcp-host");
});

test.each([
  ["https://example.com/someone/fork.git", "https://example.com/someone/fork"],
  ["git@example.com:someone/fork.git", "https://example.com/someone/fork"],
  ["ssh://git@example.com:2222/someone/fork", "https://example.com/someone/fork"],
])("elsewhere it is the origin of the clone: %s", (remote, url) => {
  expect(published({}, remote)[0]).toMatchObject({ repository: { url: `git+${url}.git` }, bugs: `${url}/issues` });
});

test("without either nothing is written, and the reason is told", () => {
  expect(() => published({})).toThrow(/origin/);
  expect(() => published({}, "nowhere")).toThrow(/GITHUB_REPOSITORY/);
});
