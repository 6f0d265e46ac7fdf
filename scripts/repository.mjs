// Before packages are published: writes where they come from into each package.json. The job that publishes says so
// (GITHUB_REPOSITORY), elsewhere the address of the clone's `origin` does; npm takes provenance only where both are the same.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `https://host/owner/name` of whatever git calls it. */
function page(remote) {
  const [, host, path] = /^(?:[a-z+]+:\/\/)?(?:[^@/]+@)?([^:/]+)(?::\d+(?=\/))?[:/](.+?)(?:\.git)?\/?$/.exec(remote) ?? [];
  if (!host) throw new Error(`"${remote}" is no address of a repository; set GITHUB_REPOSITORY to owner/name`);
  return `https://${host}/${path}`;
}

function address() {
  const { GITHUB_SERVER_URL = "https://github.com", GITHUB_REPOSITORY } = process.env;
  if (GITHUB_REPOSITORY) return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  return page(execFileSync("git", ["remote", "get-url", "origin"], { encoding: "utf8" }).trim());
}

const url = address();
for (const name of readdirSync("packages")) {
  const file = join("packages", name, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  if (manifest.private) continue;
  const directory = `packages/${name}`;
  Object.assign(manifest, {
    repository: { type: "git", url: `git+${url}.git`, directory },
    homepage: `${url}/tree/main/${directory}#readme`,
    bugs: `${url}/issues`,
  });
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}
process.stdout.write(`packages/*/package.json name ${url}\n`);
