// Tests on other versions of Node than the one that `npm test` runs on: every wire, both ways, and what is made of Node's own parts. The binaries
// come from npm, for Linux on x64.
//
//   npm run test:nodes -- [22|24] [FILES...]

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { installLocked } from "../harness/locked.mjs";

/** What differs from Node to Node: streams, HTTP, TLS, child processes, timers, native modules, what a process has loaded. */
const FILES = [
  "test/fidelity/smoke",
  "test/fidelity/stdio-in",
  "test/fidelity/http-in",
  "test/front/edge.test",
  "test/front/edge-stdio",
  "test/front/tls",
  "test/front/websocket",
  "test/front/sse",
  "test/upstream/url-wires",
  "test/upstream/transports",
  "test/embedding/embedded",
  "test/embedding/guard",
  "test/embedding/loading",
  "test/examples/embedding",
  "test/cli/logs",
  "test/cli/start",
  "packages/host/test/contract.test",
  "packages/plugin-sqlite/test/contract",
  "packages/plugin-vault/test/store",
  "packages/plugin-vault/test/keyring",
];
/** In the two that have every row for every wire: what all rows have in common is that texts come through whole, whatever is in them. */
const ROWS = "tools/call|resources/read|notifications/progress|^(?!.*with (stdio|http|memory|sse|websocket) in)";

const HERE = import.meta.dirname;
const ROOT = join(HERE, "../..");
const { dependencies } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8"));
const known = Object.keys(dependencies).map((name) => name.slice("node".length));

const given = process.argv.slice(2);
const chosen = known.filter((version) => given.includes(version));
const files = given.filter((word) => !known.includes(word));

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error("There are binaries for Linux on x64 only: elsewhere install another Node and run `npm test` with it.");
  process.exit(1);
}
installLocked(HERE);
for (const version of chosen.length > 0 ? chosen : known) {
  const bin = join(HERE, "node_modules", `node${version}`, "bin");
  const args = files.length > 0 ? files : [...FILES, "--testNamePattern", ROWS];
  console.log(`Node ${version}:`);
  // Programs of the tests that are started by name get this Node, too.
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const { status, error } = spawnSync(join(bin, "node"), [vitest, "run", ...args], { cwd: ROOT, env, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exitCode = 1;
}
