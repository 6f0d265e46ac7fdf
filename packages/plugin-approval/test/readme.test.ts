import { readFileSync } from "node:fs";
import { join } from "node:path";
import { approval } from "@host/plugin-approval";
import { type Config, createHost, definePlugin, type Meter } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { home, run } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { TRAITS } from "../dist/options.js";
import { personAt } from "./asked.ts";

const README = readFileSync(join(ROOT, "packages/plugin-approval/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  ]);
const blocks = (language: string): string[] =>
  [...README.matchAll(/^```(\w*)\n(.*?)^```/gms)].flatMap(([, is, text = ""]) => (is === language ? [text] : []));

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  items?: Described;
}
const schema = z.toJSONSchema(approval.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
const rule = schema.properties?.rules?.items?.properties ?? {};

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  expect(rows("rules").map(([key]) => key)).toEqual(Object.keys(rule));
  const written = Object.fromEntries(rows("Options").map(([key = "", , value = ""]) => [key, JSON.parse(value)]));
  const parsed = (given: unknown): unknown => approval.definition.options?.parse(given);
  expect(parsed(written)).toEqual(parsed({}));
  const [plain] = (parsed({ rules: [{ ask: "person" }] }) as { rules: Record<string, unknown>[] }).rules;
  for (const field of ["remember", "covers"])
    expect(JSON.parse(rows("rules").find(([key]) => key === field)?.[1] ?? ""), field).toBe(plain?.[field]);
  for (const trait of TRAITS) expect(section("rules")).toContain(`\`"${trait}"\``);
  for (const [key, { description }] of Object.entries({ ...schema.properties, ...rule })) expect(description, key).toMatch(/.{20}/);
});

test("the config under Use does what it says, and the person reads what the page shows", async () => {
  const [config] = blocks("json").map((text) => JSON.parse(text) as Required<Config>);
  await using host = createHost(config as Config, { folder: ROOT });
  await host.prepare();
  const files = fakeUpstream({ tools: { write_file: () => "written", move_file: () => "moved" } });
  await using serving = await createTestHost({
    plugins: config?.plugins ?? [],
    upstreams: { files },
    client: { capabilities: { elicitation: {} } },
  });
  const person = personAt(serving.client);
  const call = (name: string, args = {}) => serving.client.callTool(name, args);
  await call("write_file", { path: "drafts/a" });
  expect(await call("move_file")).toMatchObject({
    isError: true,
    content: [{ text: expect.stringContaining("files stay where they are") }],
  });
  expect(person.questions).toEqual([]);
  await call("write_file", { path: "notes.txt", content: "..." });
  expect(person.questions.map(({ message }) => `${message}\n`)).toEqual(blocks("text"));
  await call("write_file", { path: "drafts/../notes.txt" });
  expect(person.questions, "a path that leads out of the folder is asked about").toHaveLength(2);
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
  await using host = createHost({ mcpServers: {}, plugins: [approval(), reader()] });
  await host.prepare();
  const hooks = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, name]) => name);
  expect(hooks).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))]);
  expect(rows("Metrics").map(([name]) => name)).toEqual(meter?.instruments().map(({ name }) => name));
  const [forms = ""] = blocks("");
  expect([...forms.matchAll(/^mcp-host approval (\w+)/gm)].map(([, name]) => name)).toEqual(
    Object.keys(approval.definition.commands ?? {}),
  );
  for (const { name } of host.operator.list()) if (name.startsWith("approval:")) expect(section("Operators")).toContain(`\`${name}\``);
  using at = home({ mcpServers: {}, plugins: ["@host/plugin-approval"] });
  for (const [, name = "", flags = ""] of forms.matchAll(/^mcp-host approval (\w+)(.*)$/gm)) {
    const { stdout } = await run(at, ["approval", name, "--help"]);
    for (const [flag] of flags.matchAll(/--\w+/g)) expect(stdout, name).toContain(flag);
  }
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(approval.definition.version).toBe(version);
});
