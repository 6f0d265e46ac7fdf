import { readFileSync } from "node:fs";
import { join } from "node:path";
import { routing } from "@host/plugin-routing";
import { type Config, createHost, definePlugin } from "mcp-host";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-routing/README.md"), "utf8");

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
  default?: unknown;
  properties?: Record<string, Described>;
  anyOf?: Described[];
  items?: Described;
  additionalProperties?: Described;
}

const schema = z.toJSONSchema(routing.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
const group = schema.properties?.groups?.additionalProperties?.properties ?? {};
const rule = group.rules?.items?.properties ?? {};
const member = group.members?.items?.anyOf?.find(({ properties }) => properties)?.properties ?? {};
const coalesced = schema.properties?.coalesce?.items?.properties ?? {};

const SECTIONS: [heading: string, options: Record<string, Described>][] = [
  ["Options", schema.properties ?? {}],
  ["groups", group],
  ["members", member],
  ["rules", rule],
  ["coalesce", coalesced],
];

test.each(SECTIONS)("the table under %s names every option and invents none; each says what it is", (heading, options) => {
  expect(Object.keys(options).length).toBeGreaterThan(1);
  expect(rows(heading).map(([key]) => key)).toEqual(Object.keys(options));
  for (const [key, { description }] of Object.entries(options)) expect(description, key).toMatch(/.{15}/);
});

const parsed = (routing.definition.options as z.ZodType).parse({
  groups: { g: { members: ["a"], rules: [{ name: "r", to: "a" }] } },
}) as { groups: { g: Record<string, unknown> & { members: object[]; rules: object[] } } };
const { g } = parsed.groups;

test.each([
  ["groups", { ...g, members: undefined, rules: [] }],
  ["members", { ...g.members[0], server: undefined }],
  ["rules", { ...g.rules[0], name: undefined, to: undefined }],
])("the defaults under %s are those of the options", (heading, defaults) => {
  for (const [key = "", shown = ""] of rows(heading))
    expect(shown === "–" ? undefined : JSON.parse(shown.replaceAll("`", "")), key).toEqual((defaults as Record<string, unknown>)[key]);
});

test("the config under Use loads, and the hooks under Hooks are those that it taps", async () => {
  const [, text = ""] = /^```json\n(.*?)^```/ms.exec(README) ?? [];
  const config = JSON.parse(text) as Config;
  await using host = createHost(config, { folder: ROOT });
  await host.start();
  const taps = host.pipeline().taps.filter(({ plugin }) => plugin === "routing");
  const documented = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  expect([...new Set(taps.map(({ hook }) => hook))].sort()).toEqual(documented.sort());
  expect(host.reports().routing).toMatchObject({ groups: { search: { policy: "weighted", members: { "search-a": { weight: 2 } } } } });
});

test("the instruments under Metrics are those that it makes", async () => {
  let made: string[][] = [];
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply(host) {
      host.hooks.ready.tap("reader", () => {
        made = host.meter.instruments().map(({ name, kind, labels, description }) => [name, kind, labels.join(", "), description]);
      });
    },
  });
  await using host = createHost({ mcpServers: {}, plugins: [routing(), reader()] });
  await host.start();
  expect(rows("Metrics").sort()).toEqual(made.sort());
});

test("the commands under Commands are those that it has", () => {
  const commands = [...section("Commands").matchAll(/^mcp-host routing (\w+)/gm)].map(([, name]) => name);
  expect(commands).toEqual(Object.keys(routing.definition.commands ?? {}));
});
