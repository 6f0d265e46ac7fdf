import { execFile } from "node:child_process";
import { chmodSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { MARKED, ROOT, temporary, upstream } from "../harness/hosts.ts";

const page = readFileSync(join(ROOT, "docs/embedding.md"), "utf8");
const blocks = Array.from(page.matchAll(/^```ts\n(.*?)^```$/gms), ([, text]) => text ?? "");

test("the blocks of docs/embedding.md are one program, which says what the page says", async () => {
  const { command, args } = upstream({ only: ["echo", "progress", "fail"] });
  const quoted = [command, ...args].map((word) => `'${word}'`).join(" ");
  // A free port, and a look at the page that is mounted before it closes.
  const program = blocks.map((block) => block.replace("server.listen(3000,", "server.listen(0,"));
  program.splice(-1, 0, "console.log(server.listening, typeof mcp);\n");
  using folder = temporary({ "embed.mts": program.join("\n"), "my-server": `#!/bin/sh\nexec ${quoted}\n` });
  chmodSync(join(folder.path, "my-server"), 0o700);
  symlinkSync(join(ROOT, "node_modules"), join(folder.path, "node_modules"));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(ROOT, "node_modules/jiti/lib/jiti-cli.mjs"), "embed.mts"], {
    cwd: folder.path,
    env: { ...process.env, ...MARKED, PATH: `${folder.path}:${process.env.PATH}` },
    timeout: 20_000,
  });
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([
    "[ 'files__echo', 'files__progress', 'files__fail' ]",
    "false { hello: 'world' }",
    "[ 1, 2 ]",
    "-32050",
    "function",
    "single ready",
    "6 1 [ [ 'files', 'ready', true ] ]",
    "[ 'more' ] [ 'files' ]",
    "true function",
  ]);
});

test("docs/embedding.md names every option and method that it is about", () => {
  for (const name of ["signal", "timeout", "onProgress", "principal", "path", "hosts", "origins", "authenticate"])
    expect(page).toContain(`| \`${name}\` |`);
});
