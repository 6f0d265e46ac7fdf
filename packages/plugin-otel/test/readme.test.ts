import { readFileSync } from "node:fs";
import { join } from "node:path";
import { otel } from "@host/plugin-otel";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";
import { told } from "./receiver.ts";

const README = readFileSync(join(ROOT, "packages/plugin-otel/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  ]);
const [USE, ...RECIPES] = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text = ""]) => JSON.parse(text));

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  anyOf?: Described[];
  items?: Described;
}
const schema = z.toJSONSchema(otel.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
/** The options below one, which may be `false` as well. */
const below = (key: string): Record<string, Described> => {
  const { properties, anyOf } = schema.properties?.[key] ?? {};
  return properties ?? anyOf?.find((each) => each.properties)?.properties ?? {};
};

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  const parsed = otel.definition.options?.parse({}) as unknown as Record<string, Record<string, unknown>>; // as far as these tests look
  for (const [key = "", , value = ""] of rows("Options"))
    if (value !== "on" && value !== "") expect(JSON.parse(value), key).toEqual(parsed[key]);
  for (const part of ["traces", "metrics", "context", "batch"]) {
    expect(
      rows(`Options of ${part}`).map(([key]) => key),
      part,
    ).toEqual(Object.keys(below(part)));
    for (const [key = "", , value = ""] of rows(`Options of ${part}`))
      if (value !== "–") expect(JSON.parse(value), `${part}.${key}`).toEqual(parsed[part]?.[key]);
    for (const [key, { description }] of Object.entries(below(part))) expect(description, `${part}.${key}`).toMatch(/.{20}/);
  }
  for (const key of [...Object.keys(below("logs")), ...Object.keys(below("traces").rules?.items?.properties ?? {})])
    expect(README).toContain(key);
  for (const [key, { description }] of Object.entries(schema.properties ?? {})) expect(description, key).toMatch(/.{20}/);
});

test("the config under Use tells a collector what it says, and each recipe is one that the plugin takes", async () => {
  const [[, options]] = (USE as { plugins: [[string, { endpoint: string; traces: object }]] }).plugins;
  expect(options.endpoint).toBe("${OTEL_EXPORTER_OTLP_ENDPOINT:-}");
  await using it = await told({ traces: options.traces });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.end();
  expect(it.to.spans.length).toBeGreaterThan(0);
  expect(RECIPES).toHaveLength(5);
  for (const recipe of RECIPES) {
    await using host = createHost({ mcpServers: {}, plugins: [otel({ ...recipe, shutdown: 0 })] } as Config);
    await host.prepare();
    expect(Object.keys(host.reports().otel ?? {}), JSON.stringify(recipe)).not.toEqual(["off"]);
  }
});

test("the hooks, metrics and instruments that are named are those that there are", async () => {
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  await using host = createHost({ mcpServers: {}, plugins: [otel({ endpoint: "http://127.0.0.1:9" }), reader()] });
  await host.prepare();
  const named = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, name]) => name);
  expect([...named].sort()).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))].sort());
  const made = meter?.instruments().map(({ name, kind, labels, description }) => [name, kind, labels.join(", "), description]);
  const all = rows("Metrics");
  expect(all.filter(([name]) => name?.startsWith("otel."))).toEqual(made);

  await using it = await told({ metrics: {} });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.end();
  const sent = it.to.metrics.at(-1)?.filter(({ name }) => !name.startsWith("mcp_host.otel."));
  expect(sent?.map(({ name, kind }) => [name, kind]).sort()).toEqual(
    all
      .filter(([name]) => !name?.startsWith("otel."))
      .map(([name, kind]) => [name, kind])
      .sort(),
  );
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(otel.definition.version).toBe(version);
});
