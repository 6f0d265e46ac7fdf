import { readFileSync } from "node:fs";
import { join } from "node:path";
import { vault } from "@host/plugin-vault";
import { type Config, createHost } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT, temporary } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-vault/README.md"), "utf8");
const schema = vault.definition.options as z.ZodObject;
const section = (title: string): string => new RegExp(`^## ${title}\\n(.*?)^## `, "ms").exec(README)?.[1] ?? "";

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const rows = [...section("Options").matchAll(/^\| `(\w+)` +\| [^|]+ \|(?: `([^`]+)`)? +\|/gm)].map(([, key, value]) => [
    key,
    value === undefined ? undefined : JSON.parse(value),
  ]);
  expect(Object.fromEntries(rows.filter(([, value]) => value !== undefined))).toEqual(schema.parse({}));
  expect(rows.map(([key]) => key)).toEqual(Object.keys(schema.shape));
});

test("every option says what it is", () => {
  for (const [key, option] of Object.entries(schema.shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
});

test("the config under Use says what is missing until its secret is set as the page does, and loads with the hooks that are named", async () => {
  const [, text = ""] = /^```json\n(.*?)^```/ms.exec(README) ?? [];
  const [, line = ""] = /^```sh\nmcp-host (.*?)\n```/ms.exec(README) ?? [];
  using at = home(JSON.parse(text));
  expect((await run(at, ["validate"])).stdout).toContain("SEARCH_TOKEN is not set");
  expect(await run(at, line.split(" "), {}, "a-token\n")).toMatchObject({ code: 0 });
  const { stdout, code } = await run(at, ["validate"]);
  expect([code, stdout]).toEqual([0, expect.not.stringContaining("not set")]);

  using folder = temporary();
  await using host = createHost(JSON.parse(text) as Config, { folder: folder.path });
  await host.prepare();
  const taps = host.pipeline().taps.filter(({ plugin }) => plugin === "vault");
  expect([...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, name]) => name)).toEqual(taps.map(({ hook }) => hook));
});

test("the commands are those that there are, with their flags", async () => {
  using at = home({ mcpServers: {}, plugins: ["@host/plugin-vault"] });
  const [, text = ""] = /^```\n(.*?)^```/ms.exec(section("Operators")) ?? [];
  const lines = text.trim().split("\n");
  expect(lines.map((line) => /^mcp-host (secret \w+)/.exec(line)?.[1])).toEqual(Object.keys(vault.definition.commands ?? {}));
  for (const line of lines) {
    const [, , command = ""] = line.split(" ");
    const { stdout } = await run(at, ["secret", command, "--help"]);
    for (const [flag] of line.matchAll(/--\w+/g)) expect(stdout, command).toContain(flag);
    expect(
      [...stdout.matchAll(/^ {2}--(\w+)/gm)].map(([, flag]) => `--${flag}`).filter((flag) => !line.includes(flag)),
      command,
    ).toEqual([]);
  }
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(vault.definition.version).toBe(version);
});
