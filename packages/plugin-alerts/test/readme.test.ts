import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AlertsOptions, alerts } from "@host/plugin-alerts";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { createTestHost, FakeClock } from "mcp-host/testing";
import { afterAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { GROUPINGS, TEMPLATES } from "../dist/options.js";
import { factsOf, SEVERITIES, USUAL } from "../dist/rules.js";
import { receiver, untilTold } from "./alerting.ts";

const README = readFileSync(join(ROOT, "packages/plugin-alerts/README.md"), "utf8");

const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";

/** The rows of its tables: the cells of each without their backticks. */
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  ]);

const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text ?? "");

interface Described {
  description?: string;
  properties?: Record<string, Described & { const?: string }>;
  items?: Described;
  oneOf?: Described[];
  anyOf?: Described[];
}

const schema = z.toJSONSchema(alerts.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
const kinds = schema.properties?.rules?.items?.oneOf ?? schema.properties?.rules?.items?.anyOf ?? [];

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  const of = schema.properties?.receivers?.items?.properties ?? {};
  expect(rows("receivers").map(([key]) => key)).toEqual(Object.keys(of));
  expect(rows("group").map(([key]) => key)).toEqual(Object.keys(schema.properties?.group?.properties ?? {}));
  const isSeverity = (cell: string | undefined): boolean => SEVERITIES.includes(cell as never);
  const common = rows("rules")
    .filter(([, cell]) => !isSeverity(cell))
    .map(([key]) => key);
  const told = rows("rules").filter(([, cell]) => isSeverity(cell));
  const names = kinds.map(({ properties }) => properties?.kind?.const ?? "");
  expect(told.map(([kind]) => kind)).toEqual(names);
  for (const [index, { properties = {} }] of kinds.entries()) {
    const [kind = "", severity, , own = ""] = told[index] ?? [];
    const fields = own.split(", ").flatMap((field) => /^\w+/.exec(field)?.[0] ?? []);
    expect(Object.keys(properties).sort(), kind).toEqual([...new Set([...common, ...fields])].sort());
    const given = { kind, ...(kind === "plugin" && { of: "plugin" }) };
    const parsed = alerts.definition.options?.parse({ rules: [given] }) as { rules: Parameters<typeof factsOf>[0][] };
    expect(factsOf(parsed.rules[0] as never, false).severity, kind).toBe(severity);
    for (const [key, { description }] of Object.entries(properties)) expect(description, `${kind}.${key}`).toMatch(/.{15}/);
  }
  for (const [key, { description }] of Object.entries({ ...schema.properties, ...of })) expect(description, key).toMatch(/.{15}/);
  for (const each of [...TEMPLATES, ...GROUPINGS]) expect(README).toContain(`\`${each}\``);
});

test("the defaults that are written are those that there are", () => {
  const parse = (given: unknown) => alerts.definition.options?.parse(given);
  const value = (cell = ""): unknown => (cell === "–" || cell === "null" ? undefined : JSON.parse(cell));
  const written = (heading: string) =>
    Object.fromEntries(
      rows(heading).flatMap(([key = "", , cell]) => (cell === "usual rules" || value(cell) === undefined ? [] : [[key, value(cell)]])),
    );
  expect(parse(written("Options"))).toEqual(parse({}));
  expect(parse({ group: written("group") })).toEqual(parse({}));
  const ops = { name: "ops", url: "https://hooks.example.com" };
  expect(parse({ receivers: [{ ...written("receivers"), ...ops }] })).toEqual(parse({ receivers: [ops] }));
  for (const { kind } of USUAL) expect(section("rules")).toContain(`\`${kind}\``);
});

test("the config under Use can be used", async () => {
  using at = home(JSON.parse(blocks("json")[0] ?? ""));
  const { code, stderr } = await run(at, ["validate"]);
  expect([code, stderr]).toEqual([0, ""]);
});

const FOLDER = join(ROOT, "test", ".tmp", `alerts-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test("the plugin of the page brings a kind, which is told of in a host of either order", async () => {
  writeFileSync(join(FOLDER, "backups.ts"), blocks("ts")[0] ?? "");
  const { default: backups } = await import(join(FOLDER, "backups.ts"));
  await using ops = await receiver();
  const options: AlertsOptions = {
    receivers: [{ name: "ops", url: ops.url }],
    rules: [{ kind: "plugin", of: "backup-late", with: { hours: 6 } }],
    group: { wait: 0, interval: 0 },
  };
  const clock = new FakeClock();
  await using host = await createTestHost({ plugins: [alerts(options), backups()], clock, client: false });
  await clock.advance(3_600_000);
  expect(host.host.reports().alerts).toMatchObject({ rules: { "backup-late": { firing: 0 } } });
  await vi.waitFor(async () => {
    await clock.advance(6 * 3_600_000);
    expect(host.host.reports().alerts).toMatchObject({ rules: { "backup-late": { firing: 1 } } });
  });
  await vi.waitFor(async () => {
    await clock.advance(100);
    expect(ops.told()).toEqual(["firing backup-late"]);
  });
  await host.host.operator.run("backups:done");
  await vi.waitFor(async () => {
    await clock.advance(5_000);
    expect(ops.told()).toEqual(["firing backup-late", "resolved backup-late"]);
  });
  await untilTold(ops, "firing backup-late", "resolved backup-late");
  const wrong = createTestHost({
    plugins: [backups(), alerts({ rules: [{ kind: "plugin", of: "backup-late", with: { hour: 6 } }] })],
    client: false,
  });
  await expect(wrong).rejects.toThrow('plugin "alerts": options.rules[0].with');
  await expect(createTestHost({ plugins: [alerts(options)], client: false })).rejects.toThrow(
    'plugin "alerts": options.rules[0].of: no plugin brings the kind "backup-late"; there are none',
  );
});

test("the hooks and instruments that are named are those that there are, and so are the commands and operations", async () => {
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  await using host = createHost({ mcpServers: {}, plugins: [alerts({}), reader()] } as Config, { folder: ROOT });
  await host.prepare();
  const hooks = [...section("Hooks").matchAll(/`(\w+)`(?=[^.]*?:)/gm)].map(([, hook]) => hook);
  expect(hooks.sort()).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))].sort());
  const made = meter?.instruments().map(({ name, kind, labels, description }) => [name, kind, labels.join(", ") || "–", description]);
  expect(rows("Metrics")).toEqual(made);
  const [, forms = ""] = /^```\n(mcp-host .*?)^```/ms.exec(README) ?? [];
  expect([...forms.matchAll(/^mcp-host alerts (\w+)/gm)].map(([, command]) => command)).toEqual(
    Object.keys(alerts.definition.commands ?? {}),
  );
  for (const { name } of host.operator.list()) if (name.startsWith("alerts:")) expect(section("Operators")).toContain(`\`${name}\``);
  using at = home({ mcpServers: {}, plugins: ["@host/plugin-alerts"] });
  for (const [, command = "", flags = ""] of forms.matchAll(/^mcp-host alerts (\w+)(.*)$/gm)) {
    const { stdout } = await run(at, ["alerts", command, "--help"]);
    for (const [flag] of flags.matchAll(/--\w+/g)) expect(stdout, command).toContain(flag);
  }
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(alerts.definition.version).toBe(version);
});
