import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../packages/host/dist/cli/commands.js";
import { home, run } from "../harness/cli.ts";
import { ROOT, temporary } from "../harness/hosts.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const ZSH = join(ROOT, "test/fixtures/complete.zsh");

/** Asks bash as readline does: the words of the line, the last one is being written. */
const BASH = `source "$1"; COMP_WORDS=("\${@:2}"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _mcp_host; printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What a real shell that has read the script offers after a line, sorted. */
function offers(shell: Shell, script: string, line: string, cwd: string): string[] {
  // Readline cuts words at "=", too.
  const words = line.split(/ +|(?==)|(?<==)/);
  const args = {
    bash: ["--norc", "-c", BASH, "bash", script, ...(line.endsWith("=") ? [...words.slice(0, -1), "="] : words)],
    zsh: ["-f", ZSH, script, line],
    fish: ["--no-config", "-c", `source ${script}; complete -C "${line}"`],
  };
  const { stdout, stderr, status } = spawnSync(shell, args[shell], {
    cwd,
    encoding: "utf8",
    timeout: 20_000,
    env: { ...process.env, HOME: cwd },
  });
  expect({ status, stderr: shell === "bash" ? stderr : "" }).toEqual({ status: 0, stderr: "" });
  const found =
    shell === "zsh"
      ? [...stdout.matchAll(/@offer:(.*?):\r?\n/g)].map(([, offer = ""]) => offer)
      : stdout.split("\n").map((offer) => (offer.split("\t")[0] ?? "").replace(/^--[\w-]+=/, ""));
  return [...new Set(found.filter((offer) => offer !== ""))].sort();
}

for (const shell of SHELLS) {
  const isInstalled = spawnSync(shell, ["--version"]).status === 0;
  describe.skipIf(!isInstalled)(`completion in ${shell}${isInstalled ? "" : ` (skipped: ${shell} is not installed)`}`, () => {
    test.each([
      ["a command", "mcp-host st", ["start", "status", "stop"]],
      ["the first word of two", "mcp-host cre", ["credentials"]],
      ["the second word of two", "mcp-host config h", ["history"]],
      ["no second word where there are both", "mcp-host config path h", []],
      ["a flag of a command of two words", "mcp-host config restore --dry", ["--dry-run"]],
      ["a file after a command of two words", "mcp-host credentials check --config mcp-host.c", ["mcp-host.config.json"]],
      ["an argument with a closed set of words", "mcp-host list p", ["prompts"]],
      ["the shell of a script", "mcp-host completion f", ["fish"]],
      ["a flag", "mcp-host logs --li", ["--lines"]],
      ["a flag's opposite", "mcp-host logs --no", ["--no-follow"]],
      ["a value of a flag", "mcp-host start --log-level ", ["debug", "error", "info", "silent", "warn"]],
      ["a value behind =", "mcp-host start --log-format=j", ["json"]],
      ["a file", "mcp-host start --config mcp-host.c", ["mcp-host.config.json"]],
      ["nothing where anything may be written", "mcp-host start --port ", []],
      ["nothing after a command that is not there", "mcp-host strat --lo", []],
      ["nothing after a second word that is not there", "mcp-host config histroy --js", []],
    ])("it offers %s", async (_what, line, expected) => {
      using at = home({ mcpServers: {} });
      const { code, stdout, stderr } = await run(at, ["--completion", shell]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      using folder = temporary({ script: stdout });
      expect(offers(shell, join(folder.path, "script"), line, at.path)).toEqual(expected);
    });

    test("it offers every command and every flag of each", async () => {
      using at = home();
      using folder = temporary({ script: (await run(at, ["completion", shell])).stdout });
      const script = join(folder.path, "script");
      const names = Object.keys(COMMANDS).map((name) => name.split(" "));
      expect(offers(shell, script, "mcp-host ", at.path)).toEqual(expect.arrayContaining(names.map(([word]) => word)));
      for (const group of new Set(names.filter(({ length }) => length > 1).map(([word]) => word))) {
        const seconds = names.filter(([word, second]) => word === group && second !== undefined).map(([, second]) => second);
        const offered = offers(shell, script, `mcp-host ${group} `, at.path).filter((word) => word !== "--help");
        expect(offered, group).toEqual(seconds.sort());
      }
      for (const [name, load] of Object.entries(COMMANDS)) {
        const { args } = await load();
        const flags = Object.entries(args ?? {}).flatMap(([flag, { type }]) => (type === "positional" ? [] : [`--${flag}`]));
        expect(offers(shell, script, `mcp-host ${name} --`, at.path), name).toEqual(expect.arrayContaining(flags));
      }
    });
  });
}

test.each([
  [["--completion"], "`--completion` needs <shell>"],
  [["completion", "tcsh"], 'shell: "tcsh" is not one of bash, zsh, fish'],
])("`mcp-host %j` is a usage error", async (args, message) => {
  using at = home();
  expect(await run(at, args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(message) });
});
