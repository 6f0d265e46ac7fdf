import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { KIND_NAMES } from "../../packages/host/dist/cli/new-plugin/kinds.js";
import { TOOLS } from "../../packages/host/dist/cli/new-plugin/manifest.js";
import { home, run, start } from "../harness/cli.ts";
import { BIN, MARKED, ROOT } from "../harness/hosts.ts";

const exec = promisify(execFile);
/** Of programs that are not ours: what they cover counts nowhere. */
const env = { ...process.env, ...MARKED, NODE_V8_COVERAGE: "" };

// Below the repository, where what is installed can be imported; git ignores it.
const FOLDER = join(ROOT, "test", ".tmp", `create-${process.pid}`);
const at = { path: FOLDER, env: {}, [Symbol.dispose]: () => {} };
const folderOf = (kind: string): string => join(FOLDER, `mcp-host-plugin-a-${kind}`);
const read = (...path: string[]): string => readFileSync(join(...path), "utf8");
const json = (...path: string[]): Record<string, never> => JSON.parse(read(...path));

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  for (const kind of KIND_NAMES) {
    const { code, stderr } = await run(at, ["plugin", "new", folderOf(kind), "--kind", kind]);
    expect(code, stderr).toBe(0);
    // The host is where npm puts it in a workspace: in the repository's node_modules, and not in the plugin's folder.
  }
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe("what is written of every kind", () => {
  test("fits the compiler", async () => {
    writeFileSync(
      join(FOLDER, "tsconfig.json"),
      JSON.stringify({ extends: `${folderOf("guard")}/tsconfig.json`, include: ["*/src", "*/test"] }),
    );
    for (const kind of KIND_NAMES) expect(read(folderOf(kind), "tsconfig.json")).toBe(read(folderOf("guard"), "tsconfig.json"));
    await exec(join(ROOT, "node_modules/.bin/tsc"), ["-p", FOLDER], { env });
  });

  test("passes its own tests", async () => {
    writeFileSync(join(FOLDER, "vitest.config.js"), "export default {};\n");
    const args = ["run", "--root", FOLDER, "--testTimeout=30000", "--reporter=json"];
    const { stdout } = await exec(join(ROOT, "node_modules/.bin/vitest"), args, { cwd: FOLDER, env, maxBuffer: 16 * 1024 * 1024 });
    const { numFailedTests, testResults } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as Record<string, unknown[]>;
    expect([numFailedTests, testResults?.length]).toEqual([0, KIND_NAMES.length]);
  });

  test.each(KIND_NAMES)("a %s is useful at once: small, its config valid, its plugin applied", async (kind) => {
    const folder = folderOf(kind);
    expect(read(folder, "src/index.ts").split("\n").length).toBeLessThanOrEqual(60);
    expect(await run({ ...at, path: folder }, ["validate"])).toMatchObject({ code: 0, stdout: expect.stringContaining("1 plugin") });
    const sections = [...read(folder, "README.md").matchAll(/^##? (.*)$/gm)].map(([, title]) => title);
    expect(sections).toEqual([`mcp-host-plugin-a-${kind}`, "Use", "Options", "Hooks", "Errors", "Limits", "Work on it"]);
    for (const path of readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (path.isFile() && !path.parentPath.includes("node_modules"))
        expect(read(path.parentPath, path.name), path.name).not.toMatch(/template-?(plugin|package)/i);
  });

  test.each(KIND_NAMES)("a %s is tried by `npm run dev`, with the options of its config", async (kind) => {
    using own = home();
    const { scripts } = json(folderOf(kind), "package.json") as unknown as { scripts: { dev: string } };
    const words = [...scripts.dev.split(" ").slice(1), "--call", 'hello {"name":"Bob"}'];
    await using running = start({ ...own, path: folderOf(kind) }, words);
    await vi.waitFor(() => expect(running.stdout(), running.stderr()).toContain("Hello, Bob!"));
    expect(running.stderr()).not.toContain("error");
  });

  test("is packed by npm with what it builds, and nothing else", async () => {
    const folders = KIND_NAMES.map(folderOf);
    const { stdout } = await exec("npm", ["pack", "--dry-run", "--json", ...folders], { cwd: FOLDER, env, maxBuffer: 16 * 1024 * 1024 });
    const packed = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as { name: string; files: { path: string }[] }[];
    for (const { name, files } of packed) {
      const modules = readdirSync(join(FOLDER, name, "src")).map((file) => file.replace(/\.ts$/, ""));
      const built = modules.flatMap((module) => [`dist/${module}.d.ts`, `dist/${module}.js`]);
      expect(files.map(({ path }) => path).sort(), name).toEqual(["README.md", ...built, "package.json"].sort());
    }
    expect(packed).toHaveLength(KIND_NAMES.length);
    // What is published is what the package's name leads to.
    const code = `import(${JSON.stringify("mcp-host-plugin-a-guard")}).then((m) => console.log(m.default.definition.name))`;
    const { stdout: said } = await exec(process.execPath, ["--input-type=module", "--eval", code], { cwd: folderOf("guard"), env });
    expect(said.trim()).toBe("a-guard");
  });
});

test("the plugins do what they say, in the config to play with", async () => {
  const said = async (kind: string, ...args: string[]) => (await run({ ...at, path: folderOf(kind) }, ["call", ...args])).stdout;
  expect(await said("transform", "hello")).toContain("Hello, Ada!");
  expect(await said("tools", "current_time", "--args", '{"timeZone":"UTC"}')).toContain("UTC");
});

test("help says of each kind what it does, and which hook that is", async () => {
  const { stdout } = await run(at, ["plugin", "new", "--help"]);
  const lines = stdout.slice(stdout.indexOf("KIND\n")).split("\n");
  for (const kind of KIND_NAMES) expect(lines.filter((line) => line.startsWith(`  ${kind} `))).toEqual([expect.stringContaining("(")]);
  expect(stdout).toMatch(/guard .*refuses them in calls\s+\(hooks\.permit\)/);
  expect(read(folderOf("guard"), "README.md")).toMatch(/\n\n## Work on it\n/);
});

test("the package is built and tested with what the host is, and its workflow uses the actions of the host's own", () => {
  const { devDependencies } = json(ROOT, "package.json") as unknown as { devDependencies: Record<string, string> };
  const host = json(ROOT, "packages/host/package.json") as unknown as { version: string; dependencies: Record<string, string> };
  expect(TOOLS).toEqual(Object.fromEntries(Object.keys(TOOLS).map((name) => [name, devDependencies[name]])));
  expect(json(folderOf("guard"), "package.json")).toMatchObject({
    name: "mcp-host-plugin-a-guard",
    keywords: expect.arrayContaining(["mcp-host-plugin"]),
    peerDependencies: { "mcp-host": `>=${host.version} <${Number(host.version.split(".")[0]) + 1}` },
    dependencies: { zod: host.dependencies.zod },
    devDependencies: { ...TOOLS, "mcp-host": host.version },
    scripts: { dev: "mcp-host dev ./src/index.ts --config mcp-host.config.json" },
  });
  const actions = (workflow: string): string[] => [...workflow.matchAll(/uses: (.*)/g)].map(([, action = ""]) => action);
  const ours = actions(read(ROOT, ".github/workflows/ci.yml"));
  for (const action of actions(read(folderOf("guard"), ".github/workflows/ci.yml"))) expect(ours).toContain(action);
});

test("the first line of docs/plugins.md, and `create-plugin`, write the same", async () => {
  using own = home();
  const [, line = ""] = /^```sh\nnpx mcp-host (.*)\n```$/m.exec(read(ROOT, "docs/plugins.md")) ?? [];
  const words = line.split(" ");
  const [, , folder = ""] = words;
  expect(await run(own, words)).toMatchObject({ code: 0, stderr: expect.stringContaining("npm test") });
  const counted = { ...process.env, ...MARKED }; // its source is ours
  const program = join(ROOT, "packages/create-plugin/bin/create-plugin.js");
  const { stdout } = await exec(process.execPath, [program, `made/${folder}`, "--json"], { cwd: own.path, env: counted });
  const made = JSON.parse(stdout) as { folder: string; files: string[]; kind: string; plugin: string };
  expect(made).toMatchObject({ folder: join(own.path, "made", folder), kind: "guard", plugin: "my-plugin" });
  for (const file of made.files) expect(read(made.folder, file)).toBe(read(own.path, folder, file));
  expect(readdirSync(made.folder)).toContain(".gitignore");
  await expect(exec(process.execPath, [program, "--kind"], { cwd: own.path, env: counted })).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--kind needs a value"),
  });
});

test("on a terminal the folder and the kind are asked for", async () => {
  using own = home();
  const terminal = { PRETEND_TERMINAL: "1" };
  const { code, stderr } = await run(own, ["plugin", "new"], terminal, "weather\nsundial\nTools\n");
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('the package mcp-host-plugin-weather with the plugin "weather" (tools)');
  expect(await run(own, ["plugin", "new"], terminal, "\n\n")).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/my-plugin.*\(guard\)/),
  });
  expect(await run(own, ["plugin", "new"], terminal, "")).toMatchObject({ code: 130 });
});

test("a package without a scope has a name that configs find, or is told that they do not", async () => {
  using own = home();
  const made = async (...words: string[]) => JSON.parse((await run(own, ["plugin", "new", ...words, "--json"])).stdout);
  expect(await made("quota")).toMatchObject({
    name: "mcp-host-plugin-quota",
    plugin: "quota",
    notes: [expect.stringContaining("LICENSE")],
  });
  expect(read(own.path, "quota/README.md")).toContain('"plugins": [["mcp-host-plugin-quota"');
  expect(await made("mcp-host-plugin-limits")).toMatchObject({ name: "mcp-host-plugin-limits", plugin: "limits" });
  expect((await made("other", "--name", "plain")).notes[1]).toBe(
    "A config finds the package plain by its path, and not by its name: that would be mcp-host-plugin-plain.",
  );
});

describe("what is refused", () => {
  test.each([
    ["no folder", ["--json"], "no folder is given"],
    ["two folders", ["a", "--dir", "b"], 'the folder is given twice: "a", and --dir "b"'],
    [
      "an unknown kind",
      ["a", "--kind", "gard"],
      '"gard" is not one of guard, transform, respond, route, tools, service, store, transport (did you mean "guard"?)',
    ],
    ["a folder whose name is none for a package", ["My Plugin"], "it has capital letters; --name mcp-host-plugin-my-plugin would do"],
    ["blanks", ["a", "--name", "my plugin"], "it has a blank; --name mcp-host-plugin-my-plugin would do"],
    ["a point in front", ["a", "--name", ".hidden"], 'it begins with "."; --name mcp-host-plugin-hidden would do'],
    ["a scope alone", ["a", "--name", "@ada"], "it has a scope and no name; write @scope/name; --name mcp-host-plugin-ada would do"],
    ["a scope with capitals", ["a", "--name", "@Ada/Quota"], "it has capital letters; --name @ada/quota would do"],
    ["a letter that no address has", ["a", "--name", "übung~"], 'it has the character "ü"; --name mcp-host-plugin-ubung would do'],
    ["a name of Node's", ["a", "--name", "http"], "it is that of a module of Node.js; --name mcp-host-plugin-http would do"],
    [
      "npm's own folder",
      ["a", "--name", "node_modules"],
      "it is a name that npm keeps for itself; --name mcp-host-plugin-node_modules would do",
    ],
    ["a name without end", ["a", "--name", "a".repeat(300)], "it has 300 characters, and npm allows 214"],
    [
      "a name that steers the terminal",
      ["a", "--name", "a\u001b[2j"],
      'it has the character "\\u001b"; --name mcp-host-plugin-a-2j would do',
    ],
  ])("%s", async (_what, args, message) => {
    using own = home();
    const { code, stderr } = await run(own, ["plugin", "new", ...args]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    expect(stderr).not.toContain("\u001b[");
    expect(existsSync(join(own.path, "a"))).toBe(false);
  });

  test("a folder that has something in it, or is a file, and nothing in it is changed", async () => {
    using own = home(undefined, { "full/notes.md": "mine", "full/more.md": "", file: "mine", "cloned/.git/HEAD": "ref" });
    const full = await run(own, ["plugin", "new", "full"]);
    expect(full).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/full is not empty: it has (notes|more)\.md and 1 more; name a folder/),
    });
    expect(readdirSync(join(own.path, "full")).sort()).toEqual(["more.md", "notes.md"]);
    expect(await run(own, ["plugin", "new", "file"])).toMatchObject({ code: 1, stderr: expect.stringContaining("file is a file") });
    expect(await run(own, ["plugin", "new", "file/below"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("could not be written: ENOTDIR"),
    });
    expect(await run(own, ["plugin", "new", "cloned"])).toMatchObject({ code: 0 });
  });
});

test.each([
  ["@ada/mcp-host-plugin-quota", "quota", "quotaPlugin"],
  ["plugin-3d", "3d", "the3dPlugin"],
  ["list", "list-plugin", "listPlugin"],
  ["mcp-host-plugin-list", "mcp-host-plugin-list", "mcpHostPluginListPlugin"],
  ["define", "define", "theDefinePlugin"],
])("the plugin of the package %s is called %s, and %s in code", async (name, plugin, inCode) => {
  using own = home();
  const { stdout } = await run(own, ["plugin", "new", "--name", name, "--json"]);
  const { folder, ...made } = JSON.parse(stdout) as { folder: string; plugin: string };
  expect(made).toMatchObject({ name, plugin });
  expect(dirname(folder)).toBe(own.path);
  expect(read(folder, "src/index.ts")).toContain(`export const ${inCode} = definePlugin({\n  name: "${plugin}",`);
});

test("the program is where `npm create` looks for it", () => {
  expect(json(ROOT, "packages/create-plugin/package.json")).toMatchObject({
    name: "@host/create-plugin",
    bin: { "create-plugin": "./bin/create-plugin.js" },
    dependencies: { "mcp-host": (json(ROOT, "packages/host/package.json") as unknown as { version: string }).version },
  });
  expect(existsSync(BIN)).toBe(true);
});
