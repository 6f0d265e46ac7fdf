import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { migrate, migratedText, type Step } from "../../packages/host/dist/cli/migration/migrate.js";
import { STEPS } from "../../packages/host/dist/cli/migration/steps.js";
import { CONFIG_VERSION } from "../../packages/host/dist/config/schema.js";
import { type Home, home, run, TYPED } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";

/** A plugin in a package whose name does not say so: configs of version 1 named it alone. */
const GUARD = {
  "node_modules/acme-guard/package.json": '{ "type": "module", "main": "lib/index.js" }',
  "node_modules/acme-guard/lib/index.js": `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
export default definePlugin({ name: "guard", host: "^1.0.0", apply: (host) => host.hooks.settled.tap("guard", () => {}) });`,
};
const FILE = "./node_modules/acme-guard/lib/index.js";

const OLD = `{
  "mcpServers": {}, // none yet
  "plugins": [
    "cache", // ours
    "acme-guard", // theirs
    { "use": "acme-guard", "id": "third" /* copy */ }
  ]
}
`;
const NEW = `{
  "mcpServers": {}, // none yet
  "plugins": [
    "cache", // ours
    "${FILE}", // theirs
    { "use": "${FILE}", "id": "third" /* copy */ }
  ],
  "version": 2
}
`;

const textOf = (at: Home, name = "mcp-host.config.json"): string => readFileSync(join(at.path, name), "utf8");
const old = (name: string, text: string): Home => home(undefined, { ...GUARD, [name]: text });

test("an older form is refused with the command, which writes the form of today and keeps comments and a backup", async () => {
  using at = old("mcp-host.config.json", OLD);
  const path = join(at.path, "mcp-host.config.json");
  const before = await run(at, ["validate"]);
  expect(before).toMatchObject({ code: 3, stdout: "" });
  expect(before.stderr).toContain(`if it is meant, write ${FILE}, or run \`${TYPED} config migrate\``);

  const dry = await run(at, ["config", "migrate", "--dry-run"]);
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining(`-    "acme-guard", // theirs\n`) });
  expect(dry.stdout).toContain(`+    "${FILE}", // theirs\n`);
  expect(dry.stderr).toContain(`version 2: plugins[1]: the package "acme-guard" is now "${FILE}"\n`);
  expect(dry.stderr).toContain(`${path} would be written in the form of version 2\n`);
  expect(textOf(at)).toBe(OLD);

  const done = JSON.parse((await run(at, ["config", "migrate", "--json"])).stdout);
  expect(done).toMatchObject({ from: 1, to: 2, steps: [{ to: 2, changes: { length: 2 } }], written: true, diff: dry.stdout.trimEnd() });
  expect(textOf(at)).toBe(NEW);
  expect(readFileSync(done.backup, "utf8")).toBe(OLD);
  const { stdout } = await run(at, ["inspect", "--json"]);
  expect(JSON.parse(stdout).plugins.map(({ id }: { id: string }) => id)).toContain("third");

  expect(await run(at, ["config", "migrate"])).toEqual({ code: 0, stdout: "", stderr: `${path} has the form of version 2 already\n` });
  expect((await run(at, ["config", "restore"])).code).toBe(0);
  expect(textOf(at)).toBe(OLD);
});

test("YAML keeps its comments, TOML only its values, and code is for its author to change", async () => {
  using yaml = old("mcp-host.config.yaml", "# why\nplugins:\n  - acme-guard # theirs\n  - [acme-guard, {}]\n");
  expect((await run(yaml, ["config", "migrate"])).code).toBe(0);
  expect(textOf(yaml, "mcp-host.config.yaml")).toBe(`# why\nplugins:\n  - ${FILE} # theirs\n  - [ ${FILE}, {} ]\nversion: 2\n`);

  using toml = old("mcp-host.config.toml", '# why\nplugins = ["acme-guard"]\n');
  expect((await run(toml, ["config", "migrate"])).stderr).toContain(
    "in the form of version 2, without the comments of the TOML; what it held",
  );
  expect(textOf(toml, "mcp-host.config.toml")).toBe(`plugins = [ "${FILE}" ]\nversion = 2\n`);

  const text = 'export default { plugins: ["acme-guard"] };\n';
  using code = old("mcp-host.config.mjs", text);
  expect((await run(code, ["config", "migrate"])).stderr).toContain(`run \`${TYPED} trust\``);
  const named = await run(code, ["config", "migrate", "--config", "mcp-host.config.mjs"]);
  expect(named).toMatchObject({ code: 1, stderr: expect.stringContaining(`  plugins[0]: the package "acme-guard" is now "${FILE}"`) });
  expect(textOf(code, "mcp-host.config.mjs")).toBe(text);
});

test("a file that needs nothing is not written, and the version is looked at", async () => {
  for (const config of [{ plugins: ["cache"] }, { version: 1 }, { version: 2, plugins: [] }]) {
    using at = home(config);
    expect((await run(at, ["config", "migrate"])).stderr).toContain("has the form of version 2 already");
    expect(textOf(at)).toBe(JSON.stringify(config));
    expect((await run(at, ["validate"])).code).toBe(0);
  }
  using newer = home({ version: 3 });
  for (const command of [["validate"], ["config", "migrate"]])
    expect(await run(newer, command)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("version: is 3, and this mcp-host knows the forms up to 2; update mcp-host"),
    });
  using none = home({ version: "two" });
  expect((await run(none, ["validate"])).stderr).toContain("version: must be a whole number");
  // It is the file's alone: a variable of this name is there for other reasons.
  using at = home({});
  expect((await run(at, ["config", "show", "--json"], { MCP_HOST_VERSION: "0.2.0" })).stdout).not.toContain("0.2.0");
});

test("steps are taken one by one, each on what the one before has made", async () => {
  const renamed = (to: number, from: string, into: string): Step => ({
    to,
    changes: (config) => {
      const value = (config as Record<string, unknown>)[from];
      if (value === undefined) return [];
      return [
        { path: [from], value: undefined, told: `${from}: is gone` },
        { path: [into], value, told: `${into}: is new` },
      ];
    },
  });
  const steps = [renamed(2, "one", "two"), renamed(3, "two", "three"), renamed(4, "nothing", "more")];
  const done = migrate({ one: 1, other: 0 }, 1, "/", steps);
  expect(done).toMatchObject({ from: 1, to: 4, value: { three: 1, other: 0 }, steps: [{ to: 2 }, { to: 3 }] });
  const text = '{\n  "one": 1, // the first\n  "other": 0 // stays\n}\n';
  expect(await migratedText("a.json", text, done)).toBe('{\n  "other": 0, // stays\n  "three": 1,\n  "version": 4\n}\n');
  expect(migrate({ two: 2 }, 2, "/", steps).steps.map(({ to }) => to)).toEqual([3]);
});

test("the lines of docs/migrating.md lead there, and what they make is its example", async () => {
  const page = readFileSync(join(ROOT, "docs/migrating.md"), "utf8");
  const [, lines = ""] = /^```sh\n(.*?)^```/ms.exec(page) ?? [];
  const [, example = ""] = /^```jsonc\n(.*?)^```/ms.exec(page) ?? [];
  using at = old("mcp-host.config.json", '{ "plugins": ["acme-guard"] }');
  const codes: unknown[] = [];
  for (const line of lines.trim().split("\n")) codes.push((await run(at, line.split(" ").slice(1))).code);
  expect(codes).toEqual([3, 0, 0, 0]);
  expect(JSON.parse(textOf(at))).toEqual(JSON.parse(example.replace(/^\/\/.*\n/, "")));
});

test("there is a step to every version, and docs/migrating.md has a section for each", () => {
  expect(STEPS.map(({ to }) => to)).toEqual(Array.from({ length: CONFIG_VERSION - 1 }, (_, index) => index + 2));
  const page = readFileSync(join(ROOT, "docs/migrating.md"), "utf8");
  expect([...page.matchAll(/^### Version (\d+)$/gm)].map(([, version]) => Number(version))).toEqual(STEPS.map(({ to }) => to));
});
