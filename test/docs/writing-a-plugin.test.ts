import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { home } from "../harness/cli.ts";
import { MARKED, ROOT } from "../harness/hosts.ts";

/** A block of the page, with the file that the text before it names. */
interface Block {
  readonly step: number;
  readonly language: string;
  readonly text: string;
  readonly file: string | undefined;
}

const PAGE = readFileSync(join(ROOT, "docs/writing-a-plugin.md"), "utf8");
const BLOCKS: readonly Block[] = PAGE.split(/^## (?=\d+\. )/m)
  .slice(1)
  .flatMap((section, at) => {
    const pieces = section.split(/^```(\w+)\n([\s\S]*?)^```$/m);
    return Array.from({ length: (pieces.length - 1) / 3 }, (_, index): Block => {
      const [before = "", language = "", text = ""] = pieces.slice(index * 3, index * 3 + 3);
      return {
        step: at + 1,
        language,
        text: text.trimEnd(),
        file: before
          .match(/`([\w.-]+\.(?:ts|json))`/g)
          ?.at(-1)
          ?.replaceAll("`", ""),
      };
    });
  });

const at = home();
// Not below the repository, whose vitest.config.ts would be the reader's.
const FOLDER = join(at.path, "quota");
afterAll(() => at[Symbol.dispose]());

/** Milliseconds of one line, on a busy machine. */
const PATIENCE = 100_000;

/** Runs a line as a shell does, with nothing of the runner's own in its environment. @param until ends it once it has printed this */
async function shell(line: string, until?: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|MCP_HOST_|NODE_V8_COVERAGE|TEST$|NODE_ENV$|FORCE_COLOR$)/.test(name),
  );
  const patient = line.includes("vitest") ? { MCP_HOST_TEST_WAIT: "30000" } : {}; // the host would take it for a key of its config
  const env = { ...Object.fromEntries(own), ...MARKED, ...at.env, ...patient, NO_COLOR: "1" };
  const child = spawn("sh", ["-c", line], { cwd: FOLDER, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  const end = (signal: NodeJS.Signals): boolean => child.pid !== undefined && process.kill(-child.pid, signal);
  const timer = setTimeout(() => end("SIGKILL"), PATIENCE);
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk) => {
      said[stream] += chunk;
      if (until === undefined || !said.stdout.includes(until)) return;
      until = undefined; // once: a second signal is another thing
      end("SIGTERM");
    });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  clearTimeout(timer);
  return { code, ...said };
}
const onPage = (text: string): string => text.replaceAll(realpathSync(FOLDER), "/home/ada/quota").trim();

test("from an empty folder to a tested plugin, as docs/writing-a-plugin.md says", async () => {
  mkdirSync(FOLDER, { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(FOLDER, "node_modules")); // what the page installs
  expect(new Set(BLOCKS.map(({ step }) => step))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
  const ran: string[] = [];
  for (const [index, { step, language, text, file }] of BLOCKS.entries()) {
    const next = BLOCKS[index + 1];
    const printed = next?.language === "text" && next.step === step ? next.text : undefined;
    if (language === "ts" || language === "json")
      writeFileSync(join(FOLDER, file ?? expect.fail(`step ${step} names no file`)), `${text}\n`);
    if (language !== "sh" || text.startsWith("npm install")) continue;
    ran.push(text.split(" ").slice(1, 3).join(" "));
    if (text.includes(" dev ")) {
      const { stdout, stderr } = await shell(text, printed);
      expect(stdout).toContain(printed);
      if (step === 3) expect(stderr).toMatch(/a tool was called .*tool=echo who=local/);
      continue;
    }
    const { code, stdout, stderr } = await shell(text);
    expect({ code, said: code === 0 ? "" : stdout + stderr }, text).toEqual({ code: 0, said: "" });
    if (printed !== undefined) expect(onPage(stdout)).toBe(printed);
    if (text.includes("vitest")) expect(stdout).toMatch(step === 8 ? /Tests.* 2 passed/ : /Tests.* 1[0-9] passed/);
    if (text.includes("validate")) await mistaken(BLOCKS[index + 2]?.text ?? "");
  }
  expect(ran).toEqual(["mcp-host dev", "mcp-host dev", "tsc", "mcp-host validate", "mcp-host call", "vitest run", "vitest run"]);
}, 240_000);

/** The misspelt key of step 6 is told in the words of the page. */
async function mistaken(words: string): Promise<void> {
  const config = join(FOLDER, "mcp-host.config.json");
  const text = readFileSync(config, "utf8");
  writeFileSync(config, text.replace("perDay", "perday"));
  expect(onPage((await shell("npx mcp-host validate")).stderr)).toBe(words);
  writeFileSync(config, text);
}
