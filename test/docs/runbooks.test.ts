import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type Home, home, type Output, run } from "../harness/cli.ts";
import { lives, startDaemon } from "../harness/daemons.ts";
import { BIN, MARKED, ROOT, upstream } from "../harness/hosts.ts";

const FOLDER = join(ROOT, "docs/runbooks");
const files = upstream({ only: ["echo"] });
const broken = { command: process.execPath, args: ["-e", 'console.error("no key in the environment"); process.exit(1)'] };
const served = (servers: object, plugins: unknown[] = []) => ({ listen: { port: 0 }, mcpServers: servers, plugins });

/** What happens when somebody follows a page: each line of its `sh` blocks with its exit code and words that it prints. */
interface Course {
  readonly config: unknown;
  /** Whether a host runs in the background. */
  readonly runs?: boolean;
  readonly before?: (at: Home) => Promise<unknown>;
  readonly lines: readonly (readonly [line: string, code: number, words: RegExp])[];
}

const COURSES: Record<string, Course> = {
  "disk-full.md": {
    config: served({ files }, [["@host/plugin-sqlite", { file: "state.sqlite" }]]),
    runs: true,
    lines: [
      ["df -h .", 0, /%/],
      ["mcp-host status", 0, /^files +ready/m],
      ["mcp-host sqlite check", 0, /state\.sqlite/],
      ["mcp-host sqlite vacuum", 0, /before, .* after/],
    ],
  },
  "lost-replica.md": {
    config: { ...served({ files }), stateKey: "a key that all hosts have" },
    // It has died as one does that the system kills.
    before: async (at) => {
      const { pid } = await startDaemon(at);
      process.kill(pid, "SIGKILL");
      await vi.waitFor(() => expect(lives(pid)).toBe(false));
    },
    lines: [
      ["mcp-host status", 5, /no host of this user is running/],
      ["mcp-host support lost.json", 0, /^ {2}logs +\d+ bytes/m],
      ["mcp-host validate --connect", 0, /is valid/],
      ["mcp-host start --daemon", 0, /runs in the background/],
      ["mcp-host status", 0, /^files /m],
    ],
  },
  "memory.md": {
    config: served({ files }),
    runs: true,
    lines: [
      ["ps -A -o pid,ppid,rss,args", 0, /PPID +RSS/],
      ["mcp-host reconnect files", 0, /files/],
      ["mcp-host status", 0, /0 sessions, 0 requests in flight/],
      ["mcp-host logs --level warn --no-follow --since 1h", 0, /^/],
      ["mcp-host validate", 0, /is valid/],
      ["mcp-host restart", 0, /runs in the background/],
      ["mcp-host support memory.json --lines 2000", 0, /^ {2}limits +\d+ bytes/m],
    ],
  },
  "refused.md": {
    config: served({ files }, [
      ["@host/plugin-auth", { apiKeys: { pepper: "${file:pepper}", file: "keys.json" }, rules: [{ allow: { servers: ["*"] } }] }],
    ]),
    runs: true,
    before: (at) => run(at, ["auth", "keys", "add", "ada"]),
    lines: [
      ["mcp-host auth keys list", 0, /^ada/m],
      ["mcp-host logs --level warn --no-follow --since 1h", 0, /^/],
      ["mcp-host auth keys rotate ada", 0, /^\S{20,}$/m],
      ["mcp-host credentials check", 0, /pepper/],
    ],
  },
  "restore.md": {
    config: served({ files }),
    before: async (at) => {
      await run(at, ["backup", "saved"]);
      rmSync(join(at.path, "mcp-host.config.json"));
    },
    lines: [
      ["mcp-host restore saved --dry-run", 0, /^config .*would be put there/m],
      ["mcp-host restore saved", 0, /^config .*put there/m],
      ["mcp-host validate --connect", 0, /is valid/],
      ["mcp-host start --daemon", 0, /runs in the background/],
      ["mcp-host status", 0, /^files /m],
    ],
  },
  "server-down.md": {
    config: served({ files: broken, other: files }),
    runs: true,
    lines: [
      ["mcp-host status", 0, /Last words of files:\n +no key in the environment/],
      ["mcp-host logs --server files --level warn --no-follow", 0, /could not be connected/],
      ["mcp-host reconnect files", 1, /no key in the environment/],
      ["mcp-host disable files", 0, /files/],
      ["mcp-host enable files", 0, /files/],
    ],
  },
  "slow.md": {
    config: served({ files }),
    runs: true,
    lines: [
      ["mcp-host status", 0, /LATENCY/],
      ["mcp-host trace --count 5", 0, /tools\/call/],
      ["mcp-host logs --level warn --no-follow --since 1h", 0, /^/],
    ],
  },
  "upgrade.md": {
    config: served({ files }),
    runs: true,
    lines: [
      ["mcp-host backup before-upgrade", 0, /^config /m],
      ["mcp-host validate --connect", 0, /is valid/],
      ["mcp-host restart", 0, /runs in the background/],
      ["mcp-host status", 0, /^files /m],
      ["mcp-host stop", 0, /^stopped/m],
      ["mcp-host restore before-upgrade --force", 0, /^config .*same/m],
      ["mcp-host start --daemon", 0, /runs in the background/],
    ],
  },
  "will-not-start.md": {
    config: { mcpServers: { files: { ...files, comand: "x" } }, plugins: ["@host/plugin-nope"] },
    before: (at) => run(at, ["init", "--force", "--yes", "--import", "none"]).then(() => breakAgain(at)),
    lines: [
      ["mcp-host validate", 3, /unknown key \(did you mean "command"\?\)[\s\S]*is not installed/],
      ["mcp-host doctor --offline", 1, /plugin-broken/],
      ["mcp-host config history", 0, /^1 /m],
      ["mcp-host config restore 1 --dry-run", 0, /^/],
    ],
  },
};

/** Somebody edits the config that `init` has written. */
function breakAgain(at: Home): void {
  writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify(COURSES["will-not-start.md"]?.config));
}

/** The command lines of a page. */
function linesOf(page: string): string[] {
  const text = readFileSync(join(FOLDER, page), "utf8");
  return Array.from(text.matchAll(/^```sh\n(.*?)^```$/gms)).flatMap(([, block = ""]) => block.trim().split("\n"));
}

/** Runs a line as a shell does, with `mcp-host` on PATH. */
function shell(at: Home, line: string): Promise<Output> {
  const PATH = `${join(at.path, "bin")}:${process.env.PATH}`;
  const child = spawn("/bin/sh", ["-c", line], { cwd: at.path, env: { ...process.env, ...MARKED, ...at.env, PATH, HOME: at.path } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((done) => child.once("close", (code) => done({ code, stdout, stderr })));
}

async function callUntil(done: Promise<unknown>, at: Home): Promise<void> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  void done.then(end, end);
  while (!isOver) await run(at, ["call", "echo", "--args", '{"text":"hello"}']);
}

test("every runbook has a course", () => {
  expect(Object.keys(COURSES)).toEqual(readdirSync(FOLDER).sort());
});

test.each(Object.entries(COURSES))(
  "%s: each line does what the page says",
  async (page, { config, runs, before, lines }) => {
    expect(linesOf(page)).toEqual(lines.map(([line]) => line));
    using at = home(config, { pepper: "a-pepper-of-more-than-thirty-two-characters" });
    mkdirSync(join(at.path, "bin"));
    writeFileSync(join(at.path, "bin/mcp-host"), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
    chmodSync(join(at.path, "bin/mcp-host"), 0o700);
    await before?.(at);
    await using _daemon = runs ? await startDaemon(at) : undefined;
    try {
      for (const [line, code, words] of lines) {
        const follow = async (): Promise<void> => {
          const done = shell(at, line);
          if (line.includes("trace")) await callUntil(done, at); // it goes on until there were calls
          const { stdout, stderr, ...ended } = await done;
          expect(ended.code, `${line}\n${stdout}\n${stderr}`).toBe(code);
          expect(stdout + stderr, line).toMatch(words);
        };
        // A server may be on its way just then; whoever looks, looks again.
        if (/^mcp-host (?:status|logs)\b/.test(line)) await vi.waitFor(follow);
        else await follow();
      }
    } finally {
      await run(at, ["stop", "--all"]);
    }
  },
  180_000,
);
