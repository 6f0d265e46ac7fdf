import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { remoteServer } from "../fixtures/remote-server.mjs";
import type { Output } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { BIN, MARKED, ROOT } from "../harness/hosts.ts";

const PAGE = readFileSync(join(ROOT, "docs/guides/sign-in.md"), "utf8");
const BLOCKS = Array.from(PAGE.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, language = "", text = ""]) => ({ language, text }));

/** Somebody's machine, on which `mcp-host` is a command, and a browser that presses the one button of each page. */
function place(): Desk & { shell(text: string): Promise<Output> } {
  const at = desk();
  const bin = join(at.user, "bin");
  mkdirSync(bin);
  const script = (name: string, lines: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${lines}\n`);
    chmodSync(join(bin, name), 0o700);
  };
  script("mcp-host", `exec '${process.execPath}' '${BIN}' "$@"`);
  script("browser", `exec '${process.execPath}' '${join(ROOT, "test/fixtures/presser.mjs")}' "$1"`);
  const env = { ...process.env, ...MARKED, ...at.env, PATH: `${bin}:${process.env.PATH}`, BROWSER: join(bin, "browser") };
  return Object.assign(at, {
    shell(text: string): Promise<Output> {
      const child = spawn("/bin/sh", ["-e", "-c", text], { cwd: at.path, env });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (chunk) => (stdout += chunk));
      child.stderr.on("data", (chunk) => (stderr += chunk));
      child.stdin.end("a-secret-of-the-app\n");
      return new Promise<Output>((done) => child.once("close", (code) => done({ code, stdout, stderr })));
    },
  });
}

test("each block of docs/guides/sign-in.md does what the page says, one after the other", async () => {
  await using issues = await remoteServer({ name: "issues", person: "ada" });
  await using wiki = await remoteServer({ name: "wiki", person: "ada", names: "at the well-known place" });
  const real = (text: string): string =>
    text.replace("https://issues.example.com/mcp", issues.url).replace("https://wiki.example.com/mcp", wiki.url);
  using at = place();
  at.write("~/.cursor/mcp.json", JSON.stringify({ mcpServers: { issues: { url: issues.url }, wiki: { url: wiki.url } } }));
  const config = (): Record<string, unknown> => JSON.parse(at.read("mcp-host.config.json") ?? "") as Record<string, unknown>;
  const printed = new Map<string, Output>();
  for (const { language, text } of BLOCKS) {
    if (language === "text") expect([...printed.values()].at(-1)?.stdout).toBe(text);
    else if (language === "json" && text.includes("mcpServers")) expect(config()).toEqual(JSON.parse(real(text)));
    else if (language === "json") {
      // A server like these knows no such app; that the config is valid is what is seen here, once the secret is set.
      const { mcpServers } = config();
      at.write("mcp-host.config.json", JSON.stringify({ mcpServers, ...(JSON.parse(text) as object) }));
      expect(await at.run("validate")).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("the secret ISSUES_APP is not set; run "),
      });
    } else {
      const output = await at.shell(text);
      // Without a host that runs there is nothing to show.
      if (!text.includes("status")) expect(output, `${text}${output.stderr}`).toMatchObject({ code: 0 });
      printed.set(text, output);
      if (text.includes("secret set")) {
        expect(await at.run("validate")).toMatchObject({ code: 0 });
        at.write("mcp-host.config.json", JSON.stringify({ ...config(), plugins: ["@host/plugin-vault", "@host/plugin-oauth"] }));
      }
    }
  }
  const by = (command: string): Output => printed.get(`${command}\n`) ?? expect.fail(`no ${command}`);
  expect(by("mcp-host login --all").stderr).toMatch(/1 of 2: .*signed in to issues.*2 of 2: .*signed in to wiki/s);
  expect(by("mcp-host logout issues").stderr).toBe("signed out of issues\n");
  expect(await at.run("list")).toMatchObject({ stderr: expect.stringContaining('server "issues" is not signed in') });
});
