import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sqlite } from "@host/plugin-sqlite";
import { type Config, createHost } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT, temporary } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-sqlite/README.md"), "utf8");
const { shape } = sqlite.definition.options as z.ZodObject;
const section = (title: string): string => new RegExp(`^## ${title}\\n(.*?)^## `, "ms").exec(README)?.[1] ?? "";

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const rows = [...section("Options").matchAll(/^\| `(\w+)` +\| [^|]+ \| `([^`]+)` +\|/gm)].map(([, key, value]) => [
    key,
    JSON.parse(value ?? ""),
  ]);
  expect(Object.fromEntries(rows)).toEqual(sqlite.definition.options?.parse({}));
  expect(rows.map(([key]) => key)).toEqual(Object.keys(shape));
});

test("every option says what it is", () => {
  for (const [key, option] of Object.entries(shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
});

test("the config under Use loads, with the hooks that are named", async () => {
  const [, text] = /^```json\n(.*?)^```/ms.exec(README) ?? [];
  using folder = temporary();
  await using host = createHost(JSON.parse(text ?? "") as Config, { folder: folder.path });
  await host.prepare();
  const taps = host.pipeline().taps.filter(({ plugin }) => plugin === "sqlite");
  expect([...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, name]) => name)).toEqual(taps.map(({ hook }) => hook));
});

test("the commands are those that there are, with their flags", async () => {
  using at = home({ mcpServers: {}, plugins: ["@host/plugin-sqlite"] });
  const [, text = ""] = /^```\n(.*?)^```/ms.exec(section("Operators")) ?? [];
  const named = text
    .trim()
    .split("\n")
    .map((line) => /^mcp-host sqlite (\w+) \[--json\]/.exec(line)?.[1]);
  expect(named).toEqual(Object.keys(sqlite.definition.commands ?? {}));
  for (const command of named) expect((await run(at, ["sqlite", command ?? "", "--help"])).stdout).toContain("--json");
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(sqlite.definition.version).toBe(version);
});
