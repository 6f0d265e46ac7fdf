import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "@host/plugin-transform";
import { type Config, createHost } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";
import { args, result, ruleOptions } from "../dist/options.js";

const README = readFileSync(join(ROOT, "packages/plugin-transform/README.md"), "utf8");
const { shape } = transform.definition.options as z.ZodObject;

/** The rows of the first table after a text. */
function rows(after: string): [string, string][] {
  const [, table = ""] = README.slice(README.indexOf(after)).match(/\n((?:\|.*\n)+)/) ?? [];
  return [...table.matchAll(/^\| `(\w+)` +\| (.*?) +\|/gm)].map(([, key = "", next = ""]) => [key, next]);
}

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const defaults = transform.definition.options?.parse({}) as Record<string, unknown>;
  const documented = rows("## Options").map(([key, value]) => [key, JSON.parse(value.replaceAll("`", ""))]);
  expect(Object.fromEntries(documented)).toEqual({ ...defaults, detectors: {} });
  expect(documented.map(([key]) => key)).toEqual(Object.keys(shape));
});

test.each([
  ["### A rule", ruleOptions.shape],
  ["`args`:\n", args.shape],
  ["`result`:\n", result.shape],
])("the table after %j has exactly the fields of the schema", (place, fields) => {
  expect(rows(place).map(([key]) => key)).toEqual(Object.keys(fields));
});

test("every option says what it is", () => {
  for (const fields of [shape, ruleOptions.shape, args.shape, result.shape])
    for (const [key, option] of Object.entries(fields)) expect((option as z.ZodType).description, key).toMatch(/.{15}/);
});

test("the configs under Use load", async () => {
  const blocks = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  expect(blocks).toHaveLength(2);
  for (const config of blocks) {
    await using host = createHost(config, { folder: ROOT });
    await host.start();
    expect(host.pipeline().taps).toContainEqual(expect.objectContaining({ plugin: "transform", hook: "merge" }));
  }
});

test("the hooks under Hooks are those that it taps", async () => {
  const [, section = ""] = /^## Hooks\n(.*?)^## /ms.exec(README) ?? [];
  const documented = [...section.matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  await using host = createHost({
    mcpServers: { one: { url: "http://127.0.0.1:9/mcp" } },
    plugins: [transform({ rules: [{ match: ["x"], hide: true, redact: true, result: { pick: ["a"] } }] })],
  });
  await host.start();
  expect(documented).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))]);
});

test("the instruments under Metrics are those that it makes", async () => {
  const [, section = ""] = /^## Metrics\n(.*?)^## /ms.exec(README) ?? [];
  const documented = [...section.matchAll(/`(transform\.[a-z.]+)`/g)].map(([, name]) => name);
  const { definePlugin } = await import("mcp-host");
  let names: string[] = [];
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => host.hooks.ready.tap("reader", () => void (names = host.meter.instruments().map(({ name }) => name))),
  });
  await using host = createHost({ mcpServers: { one: { url: "http://127.0.0.1:9/mcp" } }, plugins: [transform(), reader()] });
  await host.start();
  expect(documented).toEqual(names);
});
