import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { home, run } from "../../harness/cli.ts";
import { ROOT } from "../../harness/hosts.ts";

const FOLDER = join(ROOT, "examples/plugins");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const plugins = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));
const importsOf = (text: string): string[] =>
  Array.from(text.matchAll(/^(?:import|export) .*?"([^"]+)";$|^\} from "([^"]+)";$/gm), ([, one, other]) => one ?? other ?? "");

test.each(plugins)("%s is one file of less than 80 lines, says what it is for, and has a test that uses only what is published", (name) => {
  const code = read(`examples/plugins/${name}`);
  expect(code.trimEnd().split("\n").length).toBeLessThan(80);
  expect(code).toMatch(/\*\/\nexport default definePlugin\(\{\n {2}name: "[a-z-]+",\n {2}version: /);
  expect(code).toContain(`name: "${name.replace(".ts", "")}"`);
  expect(importsOf(code).filter((each) => !/^(mcp-host|zod|node:[a-z_/]+)$/.test(each))).toEqual([]);
  const file = `test/examples/plugins/${name.replace(".ts", ".test.ts")}`;
  expect(existsSync(join(ROOT, file))).toBe(true);
  const published = new RegExp(`^(mcp-host(/testing)?|vitest|zod|node:[a-z_/]+|../../../examples/plugins/${name})$`);
  const used = importsOf(read(file));
  expect(used).toContain("mcp-host/testing");
  expect(used.filter((each) => !published.test(each))).toEqual([]);
  expect(read(file)).toContain("testPlugin(");
});

test("the config beside them is valid, and each line of examples/plugins/README.md works", async () => {
  using at = home();
  const [block = ""] = /(?<=```sh\n)[\s\S]*?(?=```)/.exec(read("examples/plugins/README.md")) ?? [];
  const lines = block.trim().split("\n");
  expect(lines.map((line) => line.split(" ")[2])).toEqual(["validate", "inspect"]);
  for (const line of lines) {
    const args = line
      .split(" ")
      .slice(2)
      .map((word) => (word.startsWith("examples/") ? join(ROOT, word) : word));
    const { code, stdout, stderr } = await run(at, args);
    expect({ code, stderr }, line).toEqual({ code: 0, stderr: expect.not.stringMatching(/error/i) });
    if (args[0] === "inspect")
      for (const name of ["cost-meter", "opening-hours", "pii-guard", "schema-fixer", "agent"]) expect(stdout).toContain(name);
  }
});
