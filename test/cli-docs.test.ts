import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { COMMANDS } from "../packages/host/dist/cli/commands.js";
import { type Home, home, type Running, run, start } from "./harness/cli.ts";
import { httpProcess, MARKED, ROOT } from "./harness/hosts.ts";

const PAGE = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
const TROUBLESHOOTING = readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8");

/** The command lines of a page's `sh` blocks. */
function examples(text: string): string[] {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.trim().split("\n"));
}

const lines = [...new Set([PAGE, TROUBLESHOOTING].flatMap(examples))];

let at: Home;
let running: Running;
let server: { url: string; stop(): Promise<void> };

/** The server of the examples, in a process that all of them share, and a host that runs. */
beforeAll(async () => {
  server = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "notes", base: "note://" })]);
  at = home({ listen: { port: 0 }, mcpServers: { notes: { url: server.url } } });
  running = start(at, ["start", "--log-format", "json"]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"), { timeout: 15_000 });
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await server.stop();
  at[Symbol.dispose]();
});

/** What a reader does who tries an example that goes on: waits for its words, and acts. */
const ACTS: [RegExp, RegExp, (child: ChildProcessWithoutNullStreams) => unknown][] = [
  [/^mcp-host start(?! stdio)/, /Stop with Ctrl-C|the host listens/, (child) => child.kill("SIGTERM")],
  [/^mcp-host subscribe/, /subscribed to/, () => run(at, ["call", "touch", "--args", '{"uri":"note://text"}'])],
];

test.each(lines)("the example `%s` does what it says", async (line) => {
  const PATH = `${join(ROOT, "node_modules/.bin")}${delimiter}${process.env.PATH}`;
  const env = { ...process.env, ...MARKED, ...at.env, HOME: at.path, PATH, PID: String(running.child.pid) };
  const child = spawn("bash", ["-c", `exec ${line}`], { cwd: at.path, env });
  child.stdin.end();
  let said = "";
  let acts = ACTS.filter(([form]) => form.test(line));
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
      for (const [, words, act] of acts.filter(([, words]) => words.test(said))) {
        acts = acts.filter(([, others]) => others !== words);
        void act(child);
      }
    });
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code, said).toBe(0);
});

test("every command has an example, and every flag is in one", async () => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    const { args } = await load();
    const own = examples(PAGE).filter((line) => line.startsWith(`mcp-host ${name}`) || line.startsWith(`mcp-host --${name}`));
    expect(own, `docs/cli.md has no example of ${name}`).not.toEqual([]);
    for (const [flag, { type }] of Object.entries(args ?? {})) {
      if (type === "positional") continue;
      const shown = examples(PAGE).some((line) => line.split(/[ =]/).some((word) => word === `--${flag}` || word === `--no-${flag}`));
      expect(shown, `docs/cli.md has no example with --${flag} (of ${name})`).toBe(true);
    }
  }
});

test("every argument has its default and its meaning", () => {
  const rows = [...PAGE.matchAll(/^\| `([^`]*)` \| (.*?) \| (.*?) \|$/gm)];
  expect(rows.length).toBeGreaterThan(Object.keys(COMMANDS).length);
  for (const [row, , standard, meaning] of rows)
    expect({ row, standard, meaning }).toEqual({ row, standard: expect.stringMatching(/\S/), meaning: expect.stringMatching(/\S/) });
});
