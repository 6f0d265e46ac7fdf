import { readFileSync } from "node:fs";
import { join } from "node:path";
import { audit } from "@host/plugin-audit";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { expect, test } from "vitest";
import { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT, temporary } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/plugin-audit/README.md"), "utf8");
const { shape } = audit.definition.options as z.ZodObject;
const section = (title: string): string => new RegExp(`^## ${title}\\n(.*?)^## `, "ms").exec(README)?.[1] ?? "";
const [, USED = ""] = /^```json\n(.*?)^```/ms.exec(README) ?? [];

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const rows = [...section("Options").matchAll(/^\| `(\w+)` +\| [^|]+ \| (?:`([^`]+)`|–) +\|/gm)].map(([, key, value]) => [
    key,
    value === undefined ? undefined : JSON.parse(value),
  ]);
  const defaults = audit.definition.options?.parse({}) as Record<string, unknown>;
  expect(Object.fromEntries(rows.filter(([, value]) => value !== undefined))).toEqual(defaults);
  expect(rows.map(([key]) => key)).toEqual(Object.keys(shape));
});

test("every option says what it is, and so does each within another", () => {
  const told = (schema: z.ZodType): void => {
    const { properties = {}, items } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as {
      properties?: Record<string, { description?: string }>;
      items?: { properties: Record<string, { description?: string }> };
    };
    for (const [key, { description }] of Object.entries({ ...properties, ...items?.properties })) expect(description, key).toMatch(/.{20}/);
  };
  for (const [key, option] of Object.entries(shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
  for (const key of ["rotate", "signing", "details", "webhook"]) told(shape[key] as z.ZodType);
});

test("the config under Use loads, with the hooks and instruments that are named", async () => {
  using folder = temporary();
  let meter: Meter | undefined;
  const reader = definePlugin({
    name: "reader",
    host: "^1.0.0",
    apply: (host) => {
      meter = host.meter;
    },
  });
  const config = JSON.parse(USED) as Config;
  await using host = createHost({ ...config, plugins: [...(config.plugins ?? []), reader()] }, { folder: folder.path });
  await host.prepare();
  const named = (title: string): unknown[] => [...section(title).matchAll(/^(?:- |\| )`([\w.]+)`/gm)].map(([, name]) => name);
  const taps = host.pipeline().taps.filter(({ plugin }) => plugin === "audit");
  expect(named("Hooks").sort()).toEqual([...new Set(taps.map(({ hook }) => hook))].sort());
  expect(named("Metrics")).toEqual(meter?.instruments().map(({ name }) => name));
});

test("the commands are those that there are, with their flags, and the questions of the first page are answered by them", async () => {
  using at = home(JSON.parse(USED));
  const [, text = ""] = /^```\n(.*?)^```/ms.exec(section("Operators")) ?? [];
  const lines = text.trim().split("\n");
  expect(lines.map((line) => /^mcp-host audit ([\w-]+)/.exec(line)?.[1])).toEqual(Object.keys(audit.definition.commands ?? {}));
  for (const line of lines) {
    const [, , command = ""] = line.split(" ");
    const { stdout } = await run(at, ["audit", command, "--help"]);
    const flags = [...line.matchAll(/--[\w-]+/g)].map(([flag]) => flag);
    for (const flag of flags) expect(stdout, line).toContain(flag);
    expect(new Set(stdout.match(/--[\w-]+(?=[ =])/g)), line).toEqual(
      new Set([...flags].filter((flag) => stdout.includes(`${flag}=`) || stdout.includes(`${flag} `))),
    );
  }
  const [, shell = ""] = /^```sh\n(.*?)^```/ms.exec(README) ?? [];
  for (const line of shell.trim().split("\n")) {
    const { stderr } = await run(at, line.split(" ").slice(2));
    expect(stderr).toContain("there is no audit log");
  }
  const [, keys = ""] = /^```\n(mcp-host audit new-key.*?)^```/ms.exec(README) ?? [];
  for (const line of keys.trim().split("\n")) {
    const { code, stderr } = await run(at, line.replaceAll("/run/secrets/", `${at.path}/`).split(" ").slice(1));
    expect(line.includes("new-key") ? code : stderr).toEqual(
      line.includes("new-key") ? 0 : expect.stringContaining("there is no audit log"),
    );
  }
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(audit.definition.version).toBe(version);
});
