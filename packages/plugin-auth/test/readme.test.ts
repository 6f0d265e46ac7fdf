import { readFileSync } from "node:fs";
import { join } from "node:path";
import { auth } from "@host/plugin-auth";
import { type Config, createHost } from "mcp-host";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { newKey } from "../dist/keys.js";
import { apiKeys, credential, issuer, resource, rule, scopes } from "../dist/options.js";

const README = readFileSync(join(ROOT, "packages/plugin-auth/README.md"), "utf8");

function section(title: string): string {
  const [, text = ""] = new RegExp(`^${title}\\n(.*?)(?=^##|(?![^]))`, "ms").exec(README) ?? [];
  return text;
}

/** Names in the first column of a section's table. */
const rows = (title: string): string[] => [...section(title).matchAll(/^\| `([\w.-]+)` +\|/gm)].map(([, name]) => name ?? "");
const shapeOf = (schema: unknown): Record<string, z.ZodType> => (schema as z.ZodObject).shape as Record<string, z.ZodType>; // those below are objects

describe("the tables of options have exactly the keys of the schemas, and every option says what it is", () => {
  test.each<[string, unknown]>([
    ["## Options", auth.definition.options],
    ["### `apiKeys`", apiKeys],
    ["### `jwt`", issuer],
    ["### `resource`", resource],
    ["### `scopes`", scopes],
    ["### `rules`", rule],
  ])("%s", (title, schema) => {
    const shape = shapeOf(schema);
    expect(rows(title)).toEqual(Object.keys(shape));
    for (const [key, option] of Object.entries(shape)) expect(option.description, key).toMatch(/.{15}/);
  });

  test("### `credentials`", () => {
    const text = section("### `credentials`");
    for (const option of credential.options) {
      const shape = shapeOf(option);
      for (const [key, field] of Object.entries(shape)) {
        expect(text, key).toContain(`\`${key}\``);
        if (key !== "from") expect(field.description, key).toMatch(/.{10}/);
      }
    }
    expect(rows("### `credentials`")).toEqual(["from", "static", "principal", "claim", "client-credentials"]);
  });
});

test("the config under Use is valid, and its plugin does what Hooks says", async () => {
  const [config] = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  using at = home(config);
  const env = { MCP_HOST_PEPPER: "p3pp3r-for-the-README", BLUE_TOKEN: "blue-token", RED_TOKEN: "red-token" };
  const { code, stderr, stdout } = await run(at, ["validate"], env);
  expect(code, stderr + stdout).toBe(0);

  const documented = [...section("## Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  const { plugins, mcpServers } = config as Required<Pick<Config, "plugins" | "mcpServers">>; // it has both
  await using host = createHost({ mcpServers, plugins });
  await host.prepare();
  expect(
    host
      .pipeline()
      .taps.map(({ hook }) => hook)
      .sort(),
  ).toEqual([...documented].sort());
});

test("the lines about keys do what they say, in their order", async () => {
  using at = home({ plugins: [["@host/plugin-auth", { apiKeys: { pepper: "p3pp3r-for-the-README", file: "keys.json" } }]] });
  const lines = [...section("## Use").matchAll(/^mcp-host (auth .*)$/gm)].map(([, words = ""]) => words.split(" "));
  expect(lines.length).toBe(5);
  for (const words of lines) {
    const { code, stdout, stderr } = await run(at, words);
    expect(code, stderr).toBe(0);
    if (words.includes("list")) expect(stdout).toBe('ci  roles "reader"  until 2030-01-31T00:00:00.000Z  (file)\n');
  }
});

test("the instruments under Metrics are those that there are", async () => {
  const names: string[] = [];
  const { definePlugin } = await import("mcp-host");
  const look = definePlugin({
    name: "look",
    host: "^1.0.0",
    apply: (host) => host.hooks.ready.tap("look", () => void names.push(...host.meter.instruments().map(({ name }) => name))),
  });
  await using host = createHost({ plugins: [auth(), look()] });
  await host.start();
  expect(rows("## Metrics").sort()).toEqual(names.filter((name) => name.startsWith("auth.")).sort());
});

test("new-key explains itself, and says what is missing", async () => {
  const plugin = (options: unknown): Config => ({ plugins: [["@host/plugin-auth", options]] });
  using at = home(plugin({ apiKeys: { pepper: "p3pp3r-for-the-README" } }));
  expect((await run(at, ["auth", "new-key", "--help"])).stdout).toContain("--id");
  for (const [args, words] of [
    [["--id", "a b"], "--id: must be"],
    [["--id", "a", "--expires", "soon"], "--expires: must be a time"],
    [[], "id"],
  ] as const)
    expect((await run(at, ["auth", "new-key", ...args])).stderr).toContain(words);
  const { stderr } = await run(at, ["auth", "new-key", "--id", "a", "--expires", "2030-01-31"]);
  expect(JSON.parse(stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({ id: "a", roles: [], expires: "2030-01-31T00:00:00.000Z" });
  using without = home(plugin({}));
  expect((await run(without, ["auth", "new-key", "--id", "a"])).stderr).toContain("options.apiKeys.pepper: is not configured");
  expect(newKey("a", "p").key).toContain("mcph_a_");
});
