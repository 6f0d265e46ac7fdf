import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { BIN, temporary } from "../harness/hosts.ts";
import { noting } from "../harness/loaded-modules.ts";

/** Everything that a command line loads. */
function loadedBy(args: readonly string[]): string[] {
  using folder = temporary({});
  const notes = noting(folder.path);
  execFileSync(process.execPath, [...notes.args, BIN, ...args], { env: { ...process.env, ...notes.env }, timeout: 20_000 });
  return notes.loaded();
}

/** What a command works with, and no command line needs to be understood. These files of the config and of operators load nothing else in turn. */
const WORK =
  /dist\/(config\/(?!(documentation|locate|nearest)\.)|operator\/(?!(host-choice|usage-error)\.)|exchange|upstream|plugin|pipeline|session|front|host|testing)/;
const PACKAGES = /node_modules\/(?!citty\/|consola\/)/;

// --help reads the definition of every command.
test.each([["--version"], ["--help"], ["call --help"]])("`mcp-host %s` loads no host and no config", (line) => {
  const loaded = loadedBy(line.split(" "));
  expect(loaded).toContainEqual(expect.stringMatching(/dist\/cli\/main\.js$/));
  expect(loaded.filter((name) => WORK.test(name) || PACKAGES.test(name))).toEqual([]);
});

test("a command loads no other", () => {
  const commands = loadedBy(["version"]).filter((name) => /dist\/cli\/[\w-]+\.js$/.test(name));
  expect(commands.map((name) => name.replace(/^.*\//, ""))).toEqual(["main.js", "commands.js", "version.js"]);
});
