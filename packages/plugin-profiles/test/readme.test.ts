import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ProfilesOptions, profiles } from "@host/plugin-profiles";
import { type Config, createHost } from "mcp-host";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";
import { profile } from "../dist/options.js";

const README = readFileSync(join(ROOT, "packages/plugin-profiles/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";

/** The rows of its table: the cells of each, the first without its backticks. */
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim()),
  ]);

const optionsOf = profiles.definition.options as unknown as z.ZodObject; // a strictObject with checks is one

describe("the tables of options have exactly the keys of the schemas, with their defaults, and every option says what it is", () => {
  test.each<[string, z.ZodObject, number]>([
    ["Options", optionsOf, 1],
    ["Profiles", profile, 0],
  ])("%s", (heading, schema, column) => {
    expect(rows(heading).map(([key]) => key)).toEqual(Object.keys(schema.shape));
    for (const [key, option] of Object.entries(schema.shape)) expect((option as z.ZodType).description, key).toMatch(/.{15}/);
    const defaults = schema.parse({}) as Record<string, unknown>;
    for (const [key = "", ...cells] of rows(heading)) {
      const [, value] = /^`(.*)`$/.exec(cells[column] ?? "") ?? [];
      if (value !== undefined) expect(defaults[key], key).toEqual(JSON.parse(value));
    }
  });
});

test("the config under Use loads, and opens the endpoints that it speaks of", async () => {
  const blocks = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  expect(blocks).toHaveLength(1);
  for (const config of blocks) {
    await using host = createHost(config, { folder: ROOT });
    await host.prepare();
    expect(host.status().endpoints.map(({ name }) => name)).toEqual(["reading", "writing"]);
  }
});

test("the hooks under Hooks are those that it taps", async () => {
  const documented = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  const all: ProfilesOptions = {
    profiles: { one: { outside: "hide", roles: ["a"], descriptions: { a: "b" } }, two: { instructions: "c" } },
  };
  await using host = createHost({ plugins: [profiles(all)] });
  await host.prepare();
  expect([...new Set(host.pipeline().taps.map(({ hook }) => hook))]).toEqual(documented);
  expect(host.pipeline().taps.filter(({ hook }) => hook === "respond")).toHaveLength(6);
});
