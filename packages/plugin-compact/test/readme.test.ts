import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compact } from "@host/plugin-compact";
import { countTokens } from "gpt-tokenizer";
import { type Config, createHost, definePlugin } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";
import { shorter } from "../dist/forms.js";
import { ruleOptions } from "../dist/options.js";
import { tokensOf } from "../dist/tokens.js";
import { answers, textsOf } from "./answers.ts";

const README = readFileSync(join(ROOT, "packages/plugin-compact/README.md"), "utf8");
const { shape } = compact.definition.options as z.ZodObject;

/** The rows of the first table after a text. */
function rows(after: string): [string, string][] {
  const [, table = ""] = README.slice(README.indexOf(after)).match(/\n((?:\|.*\n)+)/) ?? [];
  return [...table.matchAll(/^\| `(\w+)` +\| (.*?) +\|/gm)].map(([, key = "", next = ""]) => [key, next]);
}

test("the table of options has exactly the keys of the schema, each with its default, and every option says what it is", () => {
  const documented = rows("## Options").map(([key, value]) => [key, JSON.parse(value.replaceAll("`", ""))]);
  expect(Object.fromEntries(documented)).toEqual(compact.definition.options?.parse({}));
  expect(documented.map(([key]) => key)).toEqual(Object.keys(shape));
  expect(rows("### A rule").map(([key]) => key)).toEqual(Object.keys(ruleOptions.shape));
  for (const fields of [shape, ruleOptions.shape])
    for (const [key, option] of Object.entries(fields)) expect((option as z.ZodType).description, key).toMatch(/.{15}/);
});

test("the config under Use loads, with the hooks and instruments that are named", async () => {
  const [, text = ""] = /^```json\n(.*?)^```/ms.exec(README) ?? [];
  let made: string[] = [];
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => host.hooks.ready.tap("reader", () => void (made = host.meter.instruments().map(({ name }) => name))),
  });
  const { plugins } = JSON.parse(text) as Config;
  const mcpServers = { memory: { url: "http://127.0.0.1:9/mcp" }, files: { url: "http://127.0.0.1:9/mcp" } };
  await using host = createHost({ mcpServers, plugins: [...(plugins ?? []), reader()] }, { folder: ROOT });
  await host.start();
  const [, hooks = ""] = /^## Hooks\n(.*?)^## /ms.exec(README) ?? [];
  const named = [...hooks.matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  const taps = host.pipeline().taps.filter(({ plugin }) => plugin === "compact");
  expect(named.sort()).toEqual([...new Set(taps.map(({ hook }) => hook))].sort());
  const [, metrics = ""] = /^## Metrics\n(.*?)^## /ms.exec(README) ?? [];
  expect([...metrics.matchAll(/`(compact\.[a-z.]+)`/g)].map(([, name]) => name)).toEqual(made);
});

test("the example of the short form is what the plugin makes", () => {
  const [, , block = ""] = README.split(/^```\n?/m).length > 2 ? (/What `read_graph`.*?\n(```)\n(.*?)\n```/s.exec(README) ?? []) : [];
  const entities = [
    ["otter", "lives by water"],
    ["badger", "lives in woods"],
    ["marten", "climbs"],
  ].map(([name, seen]) => ({ name, entityType: "animal", observations: [seen] }));
  const text = JSON.stringify({ entities, relations: [] }, null, 2);
  expect(shorter(text, 1_000_000, 0.01)?.form).toBeDefined();
  expect(block.split("\n").slice(2)).toEqual([
    "<table 1> 3 rows; each has entityType=animal",
    "name|observations",
    'otter|["lives by water"]',
    'badger|["lives in woods"]',
    'marten|["climbs"]',
  ]); // prettier-ignore
});

test("there are 30 recorded answers at least, of ten servers, and the plugin saves a fifth of them", () => {
  expect(answers.length).toBeGreaterThanOrEqual(30);
  expect(new Set(answers.map(({ server }) => server)).size).toBeGreaterThanOrEqual(10);
  const [, all = ""] = /^\| \d+ answers +\| +\| (.*) \|$/m.exec(README) ?? [];
  const [before = 0, after = 0] = all.split(" | ").map(Number);
  expect(after).toBeLessThan(0.8 * before);
});

test("the estimate is no less than a tokenizer counts, but for what is short, and not much more", () => {
  for (const { tool, result } of answers)
    for (const { text } of textsOf(result)) {
      const counted = countTokens(text);
      if (counted < 50) continue;
      expect(tokensOf(text) / counted, tool).toBeGreaterThanOrEqual(0.95);
      expect(tokensOf(text) / counted, tool).toBeLessThan(1.7);
    }
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(compact.definition.version).toBe(version);
});
