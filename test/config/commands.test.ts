import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { editConfig } from "../../packages/host/dist/config/write.js";
import { type Home, home, run } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";

const NODE = { command: "node" };

test("`mcp-host config` and a misspelt command of a group tell what there is", async () => {
  using at = home();
  const list = "`config` is one of `config path`, `config show`, `config history`, `config restore`";
  expect(await run(at, ["config"])).toMatchObject({ code: EXIT.usage.code, stderr: expect.stringContaining(list) });
  expect(await run(at, ["config", "histroy"])).toMatchObject({
    code: EXIT.usage.code,
    stderr: expect.stringContaining('there is no command "config histroy" (did you mean "config history"?)'),
  });
  expect(await run(at, ["config", "--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("config restore") });
});

test("config path tells the file that is used, and where none is which names there could be", async () => {
  using at = home({ mcpServers: {} });
  expect(await run(at, ["config", "path"])).toEqual({ code: 0, stdout: `${join(at.path, "mcp-host.config.json")}\n`, stderr: "" });
  expect(JSON.parse((await run(at, ["config", "path", "--json", "--config", "x.yaml"])).stdout)).toEqual({ path: join(at.path, "x.yaml") });
  using nothing = home();
  expect(await run(nothing, ["config", "path"])).toMatchObject({ code: EXIT.config.code, stderr: expect.stringContaining("toml") });
});

test("config show hides secrets by name, by source and by place, short ones too", async () => {
  using at = home({
    inputs: [{ id: "pin", type: "promptString", password: true }],
    mcpServers: {
      a: { ...NODE, env: { PIN: "${input:pin}", MY_TOKEN: "literal-token", PLAIN: "shown" } },
      b: { url: "http://127.0.0.1/?api_key=literal-key", headers: { "X-Any": "${ANY}" } },
    },
  });
  const { code, stdout } = await run(at, ["config", "show"], { MCP_HOST_INPUT_PIN: "1234", ANY: "abc" });
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("PLAIN: shown") });
  expect(stdout).toContain(`# ${join(at.path, "mcp-host.config.json")}`);
  for (const secret of ["1234", "literal-token", "literal-key", "abc"]) expect(stdout).not.toContain(secret);
});

test("config show says where a config in code holds code", async () => {
  using at = home(undefined, { "mcp-host.config.mjs": "export default { mcpServers: { a: { transport: () => new Error() } } };" });
  await run(at, ["trust"]);
  const { code, stdout } = await run(at, ["config", "show", "--json"]);
  expect({ code, config: JSON.parse(stdout) }).toMatchObject({ code: 0, config: { mcpServers: { a: { transport: "[code]" } } } });
  expect((await run(at, ["config", "show"])).stdout).toContain('transport: "[code]"');
});

describe("backups", () => {
  /** A config that has been written twice, and the environment of its backups. */
  async function written(name: string, text: string): Promise<{ at: Home; path: string; env: Record<string, string> }> {
    const at = home(undefined, { [name]: text });
    const path = join(at.path, name);
    const env = { XDG_STATE_HOME: join(at.path, "state") };
    const { XDG_STATE_HOME } = process.env;
    process.env.XDG_STATE_HOME = env.XDG_STATE_HOME;
    try {
      for (const key of ["b", "c"])
        await editConfig(path, [{ path: ["mcpServers", key], value: { ...NODE, env: { API_KEY: `key-of-${key}` } } }]);
    } finally {
      if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = XDG_STATE_HOME;
    }
    return { at, path, env };
  }

  test.each([
    ["mcp-host.config.json", '{\n  // mine\n  "mcpServers": {}\n}\n'],
    ["mcp-host.config.yaml", "# mine\nmcpServers: {}\n"],
  ])("of %s are listed and restored, with a diff that shows no secret", async (name, text) => {
    const { at, path, env } = await written(name, text);
    using _home = at;
    const [first, second] = JSON.parse((await run(at, ["config", "history", "--json"], env)).stdout).backups;
    expect([first.number, second.number]).toEqual([1, 2]);
    expect((await run(at, ["config", "history"], env)).stdout).toMatch(/^1 {2}\d{4}-.*\n2 {2}\d{4}-/);
    const now = readFileSync(path, "utf8");

    const dry = await run(at, ["config", "restore", "2", "--dry-run"], env);
    expect(dry).toMatchObject({ code: 0, stderr: expect.stringContaining("would be written") });
    expect(readFileSync(path, "utf8")).toBe(now);
    const { code, stdout, stderr } = await run(at, ["config", "restore", "2"], env);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/is written, as it was at .*; what it held before is backup 1: /),
    });
    expect(stdout).toBe(dry.stdout);
    expect(stdout).toMatch(/^--- .*\n\+\+\+ /);
    expect(stdout).toMatch(/^-.*API_KEY.*\[redacted\]/m);
    expect(stdout).not.toContain("key-of");
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await run(at, ["config", "restore"], env);
    expect(readFileSync(path, "utf8")).toBe(now);
  });

  test("that are not there are an error, and none are told as none", async () => {
    using at = home({ mcpServers: {} });
    const env = { XDG_STATE_HOME: join(at.path, "state") };
    expect(await run(at, ["config", "history"], env)).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringContaining("has no backups"),
    });
    expect(await run(at, ["config", "restore"], env)).toMatchObject({
      code: EXIT.config.code,
      stderr: expect.stringContaining("it has none"),
    });
    expect(await run(at, ["config", "restore", "newest"], env)).toMatchObject({ code: EXIT.usage.code });
  });
});

type Check = (config: unknown) => string[];

/** What a JSON Schema says of a config, a place and a word each. */
function checking(schema: object): Check {
  // What a plugin says of formats is for editors.
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  return (config) => {
    validate(config);
    return (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
  };
}

const PACKAGED = JSON.parse(readFileSync(join(ROOT, "packages/host/schema.json"), "utf8"));

describe("the JSON Schema", () => {
  test.each(["quickstart", "servers", "all-plugins"])("takes the example %s, with and without the options of plugins", async (name) => {
    const path = join(ROOT, "examples", name, "mcp-host.config.json");
    const config = JSON.parse(readFileSync(path, "utf8"));
    expect(checking(PACKAGED)(config)).toEqual([]);
    using at = home();
    const { code, stdout, stderr } = await run(at, ["schema", "--config", path]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(checking(JSON.parse(stdout))(config)).toEqual([]);
  });

  test("takes every kind of reference, and VS Code's form", () => {
    const references = { port: "${PORT:-1}", hosts: ["${A}"], path: "${B}" };
    const server = { ...NODE, required: "${R}", timeout: "${T:-5s}", isolation: "${I}", disabled: true, envFile: "x" };
    const inputs = [{ id: "a", type: "pickString", options: ["a", { label: "b", value: "c" }], default: "a", description: "d" }];
    expect(checking(PACKAGED)({ listen: references, mcpServers: { a: server, b: { url: "${URL}" } }, drain: "5s" })).toEqual([]);
    expect(
      checking(PACKAGED)({ servers: { a: server }, inputs, plugins: ["a", ["b", {}], { use: "c", id: "d", onError: "skip" }] }),
    ).toEqual([]);
  });

  test.each([
    [{ listn: {} }, / must NOT have additional properties .*listn/],
    [{ listen: { prt: 1 } }, /^\/listen must NOT have additional properties .*prt/],
    [{ listen: { port: 70_000 } }, /^\/listen\/port must be <= 65535/],
    [{ mcpServers: { a: { command: "a", tmeout: 1 } } }, /^\/mcpServers\/a must NOT have additional properties .*tmeout/],
    [{ servers: { a: { url: "http://x/", heders: {} } } }, /^\/servers\/a must NOT have additional properties .*heders/],
    [{ mcpServers: { a: {} } }, /^\/mcpServers\/a must have required property 'command'/],
    [{ mcpServers: {}, servers: {} }, /must NOT be valid/],
    [{ drain: "5 parsecs" }, /^\/drain must match pattern/],
    [{ plugins: [{ us: "x" }] }, /^\/plugins\/0 must NOT have additional properties .*us/],
    [{ plugins: [["x"]] }, /^\/plugins\/0 must NOT have fewer than 2 items/],
    [{ plugins: [3] }, /^\/plugins\/0 must be string,array,object/],
    [{ limits: { dpth: 3 } }, /^\/limits must NOT have additional properties/],
  ])("refuses %j", (config, expected) => {
    expect(checking(PACKAGED)(config)).toContainEqual(expect.stringMatching(expected));
  });

  test("has a description for every key, and the defaults that the host has", () => {
    const places = { root: PACKAGED, listen: PACKAGED.properties.listen, limits: PACKAGED.properties.limits, ...PACKAGED.definitions };
    for (const name of ["root", "listen", "limits", "stdio", "url", "transport"])
      for (const [key, schema] of Object.entries(places[name].properties))
        expect({ name, key, schema }).toMatchObject({ schema: { description: expect.stringMatching(/\S/) } });
    expect(PACKAGED.properties.listen.properties.port.default).toBe(3000);
    expect(PACKAGED.properties.limits.properties.requestBytes.default).toBe(4 * 1024 ** 2);
    expect(PACKAGED.definitions.stdio.properties.timeout.default).toBe(60_000);
  });

  test("printed by `mcp-host schema` knows the options of plugins of the config and of those installed, in all forms", async () => {
    const plugin = `import { definePlugin } from "${join(ROOT, "packages/host/dist/index.js")}"; import { z } from "${join(ROOT, "node_modules/zod/index.js")}";
      const tree = z.strictObject({ name: z.string(), get children() { return z.array(tree).optional(); } });
      export default definePlugin({ name: "own", host: "^1.0.0", options: z.strictObject({ count: z.number(), on: z.boolean().default(true), tree: tree.optional() }), apply() {} });`;
    using at = home(
      { mcpServers: {}, plugins: ["./own.mjs", "./broken.mjs", "${NOT_SET}"] },
      { "own.mjs": plugin, "broken.mjs": "export default 1;" },
    );
    const { code, stdout, stderr } = await run(at, ["schema", "--output", "schema.json"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain('left out: ./broken.mjs: "./broken.mjs" is no plugin');
    const told = await run(at, ["schema", "--output", "schema.json", "--json"]);
    expect({ ...told, stdout: JSON.parse(told.stdout) }).toEqual({
      code: 0,
      stderr: "",
      stdout: {
        path: join(at.path, "schema.json"),
        plugins: expect.arrayContaining(["./own.mjs", "@host/plugin-cache"]),
        leftOut: expect.arrayContaining([expect.stringContaining('"./broken.mjs" is no plugin')]),
      },
    });
    const check = checking(JSON.parse(readFileSync(join(at.path, "schema.json"), "utf8")));
    const good = { count: "${COUNT}", on: false, tree: { name: "a", children: [{ name: "b" }] } };
    expect(check({ plugins: [["./own.mjs", good], { use: "./own.mjs", options: good }, ["any-other", { a: 1 }]] })).toEqual([]);
    const bad = { coutn: 1, count: 1, tree: { name: "a", children: [{ nme: "b" }] } };
    for (const [config, place] of [
      [["./own.mjs", bad], "/plugins/0/1"],
      [{ use: "./own.mjs", options: bad }, "/plugins/0/options"],
    ] as const) {
      const problems = check({ plugins: [config] });
      expect(problems).toContainEqual(expect.stringMatching(new RegExp(`^${place} must NOT have additional .*coutn`)));
      expect(problems).toContainEqual(expect.stringMatching(new RegExp(`^${place}/tree/children/0 must NOT have additional .*nme`)));
    }
    expect(check({ plugins: ["./own.mjs"] })).not.toEqual([]); // it needs options
    expect(check({ plugins: [{ use: "./own.mjs" }] })).not.toEqual([]);
    expect(check({ plugins: ["@host/plugin-cache"] })).toEqual([]);
    expect(check({ plugins: [["@host/plugin-cache", { tll: "5s" }]] })).toContainEqual(expect.stringMatching(/^\/plugins\/0\/1 .*tll/));
  });
});

test("the schema that a config names is the one in the package", () => {
  const { files, exports } = JSON.parse(readFileSync(join(ROOT, "packages/host/package.json"), "utf8"));
  expect(files).toContain("schema.json");
  expect(exports["./schema.json"]).toBe("./schema.json");
});
