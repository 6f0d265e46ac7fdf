import { readFileSync } from "node:fs";
import { join } from "node:path";
import { oauth } from "@host/plugin-oauth";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { options, server } from "../dist/options.js";

const README = readFileSync(join(ROOT, "packages/plugin-oauth/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim()),
  ]);
const CONFIGS = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
const [CONFIG] = CONFIGS;

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  for (const [heading, schema] of [
    ["Options", options],
    ["`servers`", server],
  ] as const) {
    const { shape } = schema as unknown as z.ZodObject; // both are objects
    expect(rows(heading).map(([key]) => key)).toEqual(Object.keys(shape));
    for (const [key, option] of Object.entries(shape as Record<string, z.ZodType>)) expect(option.description, key).toMatch(/.{10}/);
    const parsed = (schema as z.ZodType).parse({}) as Record<string, unknown>;
    for (const [key = "", value = ""] of rows(heading)) {
      const [, json] = /^`(.*)`$/.exec(value) ?? [];
      const isNested = key === "extraParams";
      if (json !== undefined && !isNested) expect((schema as z.ZodType).parse({ [key]: JSON.parse(json) })).toEqual(parsed);
    }
  }
});

test("the configs under Use are valid, and hooks, instruments and operations are those that there are", async () => {
  const secrets = { CODE_SECRET: "one secret of an app", REPORTS_SECRET: "another secret of an app", WIKI_SECRET: "a third one" };
  for (const config of CONFIGS) {
    using at = home(config);
    expect(await run(at, ["validate"], secrets)).toMatchObject({ code: 0 });
  }
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  await using host = createHost(
    { mcpServers: CONFIG?.mcpServers ?? {}, plugins: [oauth({ mode: "principal" }), reader()] },
    { folder: ROOT },
  );
  await host.prepare();
  const taps = new Set(host.pipeline().taps.flatMap(({ hook, plugin }) => (plugin === "oauth" ? [hook] : [])));
  for (const hook of taps) expect(section("Hooks")).toContain(`\`${hook}\``);
  expect([...section("Hooks").matchAll(/`(credentials|call|http|ready|close)`/g)].map(([, hook]) => hook).sort()).toEqual([...taps].sort());
  const made = meter?.instruments().map(({ name, kind, labels, description }) => [name, kind, labels.join(", "), description]);
  expect(rows("Metrics")).toEqual(made);
  for (const { name } of host.operator.list()) if (name.startsWith("oauth:")) expect(section("Operators")).toContain(`\`${name}\``);
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(oauth.definition.version).toBe(version);
});
