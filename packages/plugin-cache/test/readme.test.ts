import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "@host/plugin-cache";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-cache/README.md"), "utf8");
const { shape } = cache.definition.options as z.ZodObject;

const section = (title: string): string => new RegExp(`^## ${title}\\n(.*?)^## `, "ms").exec(README)?.[1] ?? "";

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const rows = [...section("Options").matchAll(/^\| `(\w+)` +\| [^|]+ \| (?:`([^`]+)`|–) +\|/gm)].map(([, key, value]) => [
    key,
    value === undefined ? undefined : JSON.parse(value),
  ]);
  expect(Object.fromEntries(rows)).toEqual(cache.definition.options?.parse({}));
  expect(rows.map(([key]) => key)).toEqual(Object.keys(shape));
});

test("every option says what it is", () => {
  for (const [key, option] of Object.entries(shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
  const rules = z.toJSONSchema(shape.invalidate as z.ZodType, { io: "input" }) as {
    items: { properties: Record<string, { description?: string }> };
  };
  for (const [key, { description }] of Object.entries(rules.items.properties)) expect(description, key).toMatch(/.{20}/);
});

test("the config under Use loads", async () => {
  const blocks = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  expect(blocks).toHaveLength(1);
  for (const config of blocks) {
    await using host = createHost(config, { folder: ROOT });
    await host.prepare();
    expect(host.pipeline().taps).toContainEqual(expect.objectContaining({ plugin: "cache", hook: "call", method: "tools/call" }));
  }
});

test("the hooks and instruments that are named are those that there are", async () => {
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  await using host = createHost({ mcpServers: {}, plugins: [cache(), reader()] });
  await host.prepare();
  const named = (title: string) => [...section(title).matchAll(/^(?:- |\| )`([\w.]+)`/gm)].map(([, name]) => name);
  expect(named("Hooks")).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))]);
  expect(named("Metrics")).toEqual(meter?.instruments().map(({ name }) => name));
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(cache.definition.version).toBe(version);
});
