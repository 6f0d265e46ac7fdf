import { readFileSync } from "node:fs";
import { join } from "node:path";
import { resilience } from "@host/plugin-resilience";
import { type Config, createHost } from "mcp-host";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";
import { BUILT_IN } from "../dist/options.js";

const README = readFileSync(join(ROOT, "packages/plugin-resilience/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";

/** The rows of its table: the cells of each, the first without its backticks. */
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim()),
  ]);

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  anyOf?: Described[];
  items?: Described;
  additionalProperties?: Described;
}

const schema = z.toJSONSchema(resilience.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
const policies = schema.properties?.defaults?.properties ?? {};
const fields = (policy: Described | undefined): Described["properties"] =>
  (policy?.anyOf?.find(({ properties }) => properties) ?? policy)?.properties;

test("the tables name every option and invent none", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  expect(Object.keys(policies)).toEqual(["breaker", "timeout", "retry", "bulkhead"]);
  for (const [name, policy] of Object.entries(policies))
    expect(
      rows(name).map(([key]) => key),
      name,
    ).toEqual(Object.keys(fields(policy) ?? {}));
  const rule = schema.properties?.tools?.items?.properties ?? {};
  expect(rows("tools").map(([key]) => key)).toEqual(Object.keys(rule));
  for (const key of Object.keys(rule.fallback?.properties ?? {})) expect(section("tools")).toContain(`\`${key}\``);
  for (const key of Object.keys(fields(fields(policies.breaker)?.ratio) ?? {})) expect(section("breaker")).toContain(`\`${key}\``);
});

test.each(["breaker", "retry", "bulkhead"] as const)("the defaults of %s are those in its table", (policy) => {
  const documented = rows(policy).map(([key, , value = ""]) => [key, JSON.parse(value.replaceAll("`", ""))]);
  expect(Object.fromEntries(documented)).toEqual(BUILT_IN[policy]);
});

test("every option says what it is", () => {
  const walk = (at: Described, path: string): void => {
    for (const [key, inner] of Object.entries(fields(at) ?? {})) {
      expect(inner.description, `${path}.${key}`).toMatch(/.{15}/);
      walk(inner, `${path}.${key}`);
    }
    if (at.items) walk(at.items, `${path}[]`);
  };
  walk(schema, "options");
});

test("the config under Use loads, and the hooks under Hooks are those that it taps", async () => {
  const blocks = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);
  expect(blocks).toHaveLength(1);
  const documented = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  for (const config of blocks) {
    await using host = createHost(config, { folder: ROOT });
    await host.start();
    expect(host.pipeline().taps.map(({ hook }) => hook)).toEqual(documented);
    expect(Object.keys(host.reports().resilience ?? {})).toEqual(["files", "search"]);
  }
});

test("the instruments under Metrics are those that it makes", async () => {
  const { definePlugin } = await import("mcp-host");
  let made: string[][] = [];
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("reader", () => {
        made = host.meter.instruments().map(({ name, kind, description }) => [name, kind, description]);
      });
    },
  });
  await using host = createHost({ mcpServers: {}, plugins: [resilience(), reader()] });
  await host.start();
  expect(rows("Metrics").sort()).toEqual(made.sort());
});
