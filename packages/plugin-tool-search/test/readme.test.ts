import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toolSearch } from "@host/plugin-tool-search";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { createTestHost } from "mcp-host/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-tool-search/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  ]);

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  items?: Described;
}
const schema = z.toJSONSchema(toolSearch.definition.options as z.ZodType, { io: "input" }) as Described;
const rule = schema.properties?.rules?.items?.properties ?? {};

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  expect(rows("rules").map(([key]) => key)).toEqual(Object.keys(rule));
  const written = Object.fromEntries(rows("Options").map(([key = "", , value = ""]) => [key, JSON.parse(value)]));
  expect(written).toEqual(toolSearch.definition.options?.parse({}));
  for (const [key, { description }] of Object.entries({ ...schema.properties, ...rule })) expect(description, key).toMatch(/.{15}/);
});

test("the config under Use loads", async () => {
  const blocks = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  expect(blocks).toHaveLength(1);
  for (const config of blocks) {
    await using host = createHost(config, { folder: ROOT });
    await host.prepare();
    expect(host.pipeline().taps.map(({ plugin }) => plugin)).toContain("tool-search");
  }
});

test("the hooks under Hooks are those that it taps, and the instruments those that it has", async () => {
  const documented = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  await using host = await createTestHost({ plugins: [toolSearch(), reader()] });
  const taps = host.host.pipeline().taps.filter(({ plugin }) => plugin === "tool-search");
  expect(taps.map(({ hook }) => hook)).toEqual(documented);
  const own = meter?.instruments().filter(({ plugin }) => plugin === "tool-search") ?? [];
  expect(own.map(({ name, kind }) => [name, kind])).toEqual(rows("Instruments").map(([name, kind]) => [name, kind]));
});
