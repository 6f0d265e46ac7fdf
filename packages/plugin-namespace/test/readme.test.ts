import { readFileSync } from "node:fs";
import { join } from "node:path";
import { namespace } from "@host/plugin-namespace";
import { type Config, createHost } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-namespace/README.md"), "utf8");
const { shape } = namespace.definition.options as z.ZodObject;

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const [, section = ""] = /^## Options\n(.*?)^## /ms.exec(README) ?? [];
  const rows = [...section.matchAll(/^\| `(\w+)` +\| [^|]+ \| `([^`]+)` +\|/gm)].map(([, key, value]) => [key, JSON.parse(value ?? "")]);
  const defaults = namespace.definition.options?.parse({}) as Record<string, unknown>;
  expect(Object.fromEntries(rows)).toEqual(defaults);
  expect(rows.map(([key]) => key)).toEqual(Object.keys(shape));
});

test("every option says what it is", () => {
  for (const [key, option] of Object.entries(shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
});

test("the config under Use loads", async () => {
  const blocks = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  expect(blocks.length).toBeGreaterThan(0);
  for (const config of blocks) {
    await using host = createHost(config, { folder: ROOT });
    await host.start();
    expect(host.pipeline().taps).toContainEqual(expect.objectContaining({ plugin: "namespace", hook: "merge" }));
  }
});

test("the hooks under Hooks are those that it taps", async () => {
  const [, section = ""] = /^## Hooks\n(.*?)^## /ms.exec(README) ?? [];
  const documented = [...section.matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  await using host = createHost({
    mcpServers: { one: { url: "http://127.0.0.1:9/mcp" } },
    plugins: [namespace({ names: { "one:read": "look" } })],
  });
  await host.start();
  expect(documented).toEqual(host.pipeline().taps.map(({ hook }) => hook));
});
