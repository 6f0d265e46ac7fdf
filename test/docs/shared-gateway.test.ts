import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Home, home, type Output } from "../harness/cli.ts";
import { BIN, MARKED, ROOT } from "../harness/hosts.ts";

const PAGE = readFileSync(join(ROOT, "docs/guides/shared-gateway.md"), "utf8");
const BLOCKS = Array.from(PAGE.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, language = "", text = ""]) => ({ language, text }));

/** A place in which `mcp-host` is on PATH, and so is an `npx` that downloads nothing: the servers are those of this clone. */
function place(): Home {
  const at = home();
  const script = (name: string, lines: string): void => {
    writeFileSync(join(at.path, "bin", name), `#!/bin/sh\n${lines}\n`);
    chmodSync(join(at.path, "bin", name), 0o700);
  };
  mkdirSync(join(at.path, "bin"));
  script("mcp-host", `exec '${process.execPath}' '${BIN}' "$@"`);
  script("npx", `server=$2; shift 2; exec '${process.execPath}' "${ROOT}/node_modules/$server/dist/index.js" "$@"`);
  return at;
}

function shell(at: Home, text: string, cwd: string): Promise<Output> {
  const PATH = `${join(at.path, "bin")}:${process.env.PATH}`;
  const env = { ...process.env, ...MARKED, ...at.env, PATH, HOME: at.path };
  const child = spawn("/bin/sh", ["-e", "-c", text], { cwd, env });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((done) => child.once("close", (code) => done({ code, stdout, stderr })));
}

/** The page's is 3000, which may be taken. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((done) =>
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number }; // it listens on one
      server.close(() => done(port));
    }),
  );
}

/** How long a day still is makes no difference. */
const atAnyTime = (text = ""): string => text.replaceAll(/try again in \d+ \w+/g, "try again");

test("each block of docs/guides/shared-gateway.md does what the page says, one after the other", async () => {
  using at = place();
  const folder = join(at.path, "gateway");
  const file = join(folder, "mcp-host.config.json");
  const port = String(await freePort());
  /** What each block printed. */
  const printed = new Map<string, string>();
  /** Variables and functions of one block are there in the next, as in a terminal. */
  let before = "";
  try {
    for (const { language, text: written } of BLOCKS) {
      const text = written.replaceAll("3000", port);
      if (language === "text") expect(atAnyTime([...printed.values()].at(-1))).toContain(atAnyTime(text).trim());
      else if (language === "json" && text.includes("mcpServers")) writeFileSync(file, text);
      else if (language === "json") {
        const config = JSON.parse(readFileSync(file, "utf8"));
        const [, options] = config.plugins.find(([name]: [string]) => name === "@host/plugin-audit");
        Object.assign(options, JSON.parse(text));
        writeFileSync(file, JSON.stringify(config));
      } else {
        const isFirst = text.includes("cd gateway");
        const { code, stdout, stderr } = await shell(at, before + text, isFirst ? at.path : folder);
        expect(code, `${text}\n${stdout}\n${stderr}`).toBe(0);
        printed.set(text, stdout + stderr);
        before += text
          .split("\n")
          .filter((line) => /^export |^\w+\(\) \{/.test(line))
          .map((line) => `${line}\n`)
          .join("");
      }
    }
  } finally {
    await shell(at, "mcp-host stop", folder);
  }
  const by = (command: string): string => [...printed].find(([text]) => text.includes(command))?.[1] ?? expect.fail(`no ${command}`);
  const calls = by("bob list");
  const questions = by("audit query --since yesterday --method tools/call");
  const verified = by("audit verify");
  // Bob's list has what he may read, and nothing that writes.
  expect(calls).toContain("files__read_text_file");
  expect(calls).not.toMatch(/^files__write_file/m);
  expect(calls).toContain("What everybody may read.");
  // Who called what, what was refused and why, in one answer.
  expect(questions).toMatch(/key:ada +127\.0\.0\.1 +tools\/call notes__create_entities +ok/);
  expect(questions).toMatch(/key:bob +127\.0\.0\.1 +tools\/call notes__read_graph +refused .*rate-limit \(call, readers\): rate_limited/);
  expect(verified).toContain("nothing was removed, changed or moved");
}, 180_000);
