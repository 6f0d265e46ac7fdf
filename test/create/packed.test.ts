import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KIND_NAMES } from "../../packages/host/dist/cli/new-plugin/kinds.js";
import { TOOLS } from "../../packages/host/dist/cli/new-plugin/manifest.js";
import { ROOT, temporary } from "../harness/hosts.ts";
import { type NpmUser, npmUser } from "../harness/npm-user.ts";

// Below the repository, where the tools of new packages are found as they are installed here; git ignores it.
const WANTED = join(ROOT, "test", ".tmp", `packed-${process.pid}`);
const HOST = join(ROOT, "packages/host");
// Outside of the repository, where nothing is found but what is installed.
const work = temporary();
let user: NpmUser;
let tarballs: string;

/** Packs what somebody without a clone has, and writes a package of each kind with it, for an npm that downloads nothing. */
beforeAll(async () => {
  mkdirSync(WANTED, { recursive: true });
  writeFileSync(join(WANTED, "package.json"), JSON.stringify({ name: "wanted", version: "1.0.0", dependencies: TOOLS }));
  user = await npmUser([HOST, WANTED], true);
  await user.shell(`npm pack --pack-destination "${work.path}" "${HOST}" "${join(ROOT, "packages/create-plugin")}"`, ROOT);
  tarballs = `"${work.path}"/mcp-host-[0-9]*.tgz`;
  const create = join(work.path, "create");
  mkdirSync(create);
  await user.shell(`npm install ${tarballs} "${work.path}"/host-create-plugin-*.tgz`, create);
  for (const kind of KIND_NAMES) await user.shell(`create/node_modules/.bin/create-plugin a-${kind} --kind ${kind}`, work.path);
}, 300_000);

// What was installed is thousands of files; a busy machine takes its time to remove them.
afterAll(async () => {
  await user[Symbol.asyncDispose]();
  work[Symbol.dispose]();
  rmSync(WANTED, { recursive: true, force: true });
}, 300_000);

test.each(KIND_NAMES)(
  "a %s, with the packed host and nothing of this repository, installs, passes its tests and the compiler, and is packed",
  async (kind) => {
    const folder = join(work.path, `a-${kind}`);
    await user.shell(`npm install --prefer-offline --save-dev ${tarballs}`, folder);
    const locked = readFileSync(join(folder, "package-lock.json"), "utf8");
    expect(locked).toContain('"node_modules/mcp-host"');
    expect(locked).not.toContain(ROOT);
    const { stdout } = await user.shell("npm run typecheck && npm test -- --reporter=json --outputFile=told.json && npm pack", folder);
    const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(join(folder, "told.json"), "utf8")) as Record<string, number>;
    expect({ numFailedTests, passed: (numPassedTests ?? 0) > 5 }).toEqual({ numFailedTests: 0, passed: true });
    expect(stdout).toContain(`mcp-host-plugin-a-${kind}-0.1.0.tgz`);
  },
  300_000,
);
