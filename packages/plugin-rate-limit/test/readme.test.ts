import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rateLimit } from "@host/plugin-rate-limit";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { createTestHost, FakeClock, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { SUBJECTS } from "../dist/options.js";
import { NOON, passed, times } from "./limited.ts";

const README = readFileSync(join(ROOT, "packages/plugin-rate-limit/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";

/** The rows of its table: the cells of each without their backticks. */
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  ]);

const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text ?? "");

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  items?: Described;
}

const schema = z.toJSONSchema(rateLimit.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
const rule = schema.properties?.rules?.items?.properties ?? {};

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  expect(rows("rules").map(([key]) => key)).toEqual(Object.keys(rule));
  expect(rows("addresses").map(([key]) => key)).toEqual(Object.keys(schema.properties?.addresses?.properties ?? {}));
  expect(rows("What is counted apart").map(([key]) => key)).toEqual(SUBJECTS);
  const written = Object.fromEntries(rows("Options").map(([key = "", , value = ""]) => [key, JSON.parse(value) ?? undefined]));
  const parsed = (given: unknown): unknown => rateLimit.definition.options?.parse(given);
  expect(parsed(written)).toEqual(parsed({}));
  for (const [key, { description }] of Object.entries({ ...schema.properties, ...rule })) expect(description, key).toMatch(/.{20}/);
});

test("the config under Use does what it says", async () => {
  const [config] = blocks("json").map((text) => JSON.parse(text) as Required<Config>);
  await using host = createHost(config as Config, { folder: ROOT });
  await host.prepare();
  await using serving = await createTestHost({
    plugins: config?.plugins ?? [],
    upstreams: { search: fakeUpstream({ tools: { find: () => "found" } }), files: fakeUpstream({ tools: { read: () => "read" } }) },
    client: false,
    clock: new FakeClock(NOON),
  });
  await serving.host.known(1_000);
  const ann = await serving.connect({ principal: { id: "ann", roles: [] } });
  const midas = await serving.connect({ principal: { id: "midas", roles: ["gold"] } });
  expect(await passed(times(7, () => ann.callTool("find")))).toBe(5);
  expect(await passed(times(25, () => ann.callTool("read"))), "five at a time, and twenty that wait").toBe(25);
  let more = 0;
  for (let i = 0; i < 8; i++) more += await passed(times(20, () => ann.callTool("read")));
  expect(5 + 25 + more, "and twenty in a burst").toBe(120);
  let gold = 0;
  for (let i = 0; i < 8; i++) gold += await passed(times(20, () => midas.callTool("read")));
  expect(gold).toBe(160);
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
  const [text = ""] = blocks("json");
  const { mcpServers, plugins } = JSON.parse(text) as { mcpServers: Config["mcpServers"]; plugins: [[string, { rules: object[] }]] };
  const [[name, options]] = plugins;
  const every = [...options.rules, { name: "lists", methods: ["tools/list"], requests: 5, window: "1m" }];
  await using host = createHost({ mcpServers, plugins: [[name, { ...options, rules: every }], reader()] }, { folder: ROOT });
  await host.prepare();
  const hooks = [...section("Hooks").matchAll(/`(\w+)`(?=[^.]*?:)/gm)].map(([, hook]) => hook);
  expect(hooks.sort()).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))].sort());
  const made = meter?.instruments().map(({ name, kind, labels, description }) => [name, kind, labels.join(", ") || "–", description]);
  expect(rows("Metrics")).toEqual(made);
  const [, forms = ""] = /^```\n(mcp-host .*?)^```/ms.exec(README) ?? [];
  expect([...forms.matchAll(/^mcp-host rate-limit (\w+)/gm)].map(([, command]) => command)).toEqual(
    Object.keys(rateLimit.definition.commands ?? {}),
  );
  for (const { name } of host.operator.list()) if (name.startsWith("rate-limit:")) expect(section("Operators")).toContain(`\`${name}\``);
  using at = home({ mcpServers: {}, plugins: ["@host/plugin-rate-limit"] });
  for (const [, command = "", flags = ""] of forms.matchAll(/^mcp-host rate-limit (\w+)(.*)$/gm)) {
    const { stdout } = await run(at, ["rate-limit", command, "--help"]);
    for (const [flag] of flags.matchAll(/--\w+/g)) expect(stdout, command).toContain(flag);
  }
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(rateLimit.definition.version).toBe(version);
});
