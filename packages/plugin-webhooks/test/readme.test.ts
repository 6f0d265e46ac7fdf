import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { webhooks } from "@host/plugin-webhooks";
import { type Config, createHost, definePlugin, type Json, type Meter, WebhookSigner } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { ROOT, temporary } from "../../../test/harness/hosts.ts";
import { hooked, receiver } from "./receiver.ts";

const README = readFileSync(join(ROOT, "packages/plugin-webhooks/README.md"), "utf8");

/** A section without those below it. */
const section = (heading: string): string => README.split(/^#{2,3} /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
const rows = (heading: string): string[][] =>
  [...section(heading).matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)].map(([, key = "", rest = ""]) => [
    key,
    ...rest.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  ]);
const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);
const [USE, QUESTION, INVALID, PAYLOAD, PATCH] = blocks("json").map((text) => JSON.parse(text));

interface Described {
  description?: string;
  properties?: Record<string, Described>;
  items?: Described;
}
const schema = z.toJSONSchema(webhooks.definition.options as z.ZodType, { io: "input", unrepresentable: "any" }) as Described;
const hook = schema.properties?.hooks?.items?.properties ?? {};

test("the tables name every option and invent none, each with its default, and every option says what it is", () => {
  expect(rows("Options").map(([key]) => key)).toEqual(Object.keys(schema.properties ?? {}));
  expect(rows("hooks").map(([key]) => key)).toEqual(Object.keys(hook));
  expect(rows("match").map(([key]) => key)).toEqual(Object.keys(hook.match?.properties ?? {}));
  const parsed = webhooks.definition.options?.parse({ hooks: [{ name: "a", at: "permit", url: "https://example.com" }] });
  const [plain] = (parsed as { hooks: Json[] }).hooks;
  for (const [key = "", value = ""] of rows("hooks"))
    if (value !== "–" && key !== "match") expect(JSON.parse(value), key).toEqual(plain?.[key]);
  for (const [key, { description }] of Object.entries({ ...schema.properties, ...hook, ...hook.match?.properties }))
    expect(description, key).toMatch(/.{20}/);
});

/** A program of the page, as somebody runs it. */
async function running(command: string, file: string, text: string, secret: string): Promise<{ url: string } & AsyncDisposable> {
  const folder = temporary();
  writeFileSync(join(folder.path, file), text);
  const child: ChildProcess = spawn(command, [join(folder.path, file)], {
    env: { ...process.env, HOOK_SECRET: secret, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<string>((found, failed) => {
    child.once("error", failed);
    child.once("exit", (code) => failed(new Error(`it exited with ${code}`)));
    child.stdout?.on("data", (chunk) => {
      const [, port] = /listening on (\d+)/.exec(String(chunk)) ?? [];
      if (port) found(port);
    });
  });
  return {
    url: `http://127.0.0.1:${port}/check`,
    async [Symbol.asyncDispose]() {
      const over = new Promise((exited) => child.once("exit", exited));
      child.kill();
      await over;
      folder[Symbol.dispose]();
    },
  };
}

test.each([
  ["python3", "hook.py", blocks("python")[0]],
  [process.execPath, "hook.mjs", blocks("js")[0]],
])(
  "the hook for %s does what the config under Use wants of it, and takes no request that is not signed",
  async (command, file, text = "") => {
    const secret = "a secret of this example";
    await using program = await running(command, file, text, secret);
    const { plugins } = JSON.parse(
      JSON.stringify(USE)
        .replaceAll("http://127.0.0.1:8700/check", program.url)
        .replaceAll("${HOOK_SECRET:-a secret of this example}", secret),
    ) as Required<Config>;
    await using host = createHost(USE as Config, { folder: ROOT });
    await host.prepare();
    const files = fakeUpstream({ tools: { write_file: ({ path }) => `wrote ${path}`, read_file: () => "read" } });
    await using serving = await createTestHost({ plugins, upstreams: { files } });
    const write = (path: string) => serving.client.callTool("write_file", { path });
    expect(await write("drafts/a")).toMatchObject({ content: [{ text: "wrote drafts/a" }] });
    const [, message = ""] = /`forbidden` +\| A hook refuses: `(.*?)`/.exec(section("Errors")) ?? [];
    await expect(write("notes.txt")).rejects.toMatchObject({ message });
    await expect(write("drafts/../notes.txt")).rejects.toMatchObject({ message });
    expect(await serving.client.callTool("read_file", {})).toMatchObject({ content: [{ text: "read" }] });

    const ask = async (headers: Record<string, string>, body: string) => {
      const answer = await fetch(program.url, { method: "POST", headers, body });
      return answer.status === 200 ? await answer.json() : answer.status;
    };
    const body = JSON.stringify(QUESTION);
    const id = randomUUID();
    const signed = new WebhookSigner([secret]).headers(id, Date.now(), body);
    expect(await ask(signed, body)).toEqual({ ...INVALID, severity: undefined });
    expect(await ask(signed, body), "once more is the same").toMatchObject({ valid: false });
    expect(await ask(signed, body.replace("notes.txt", "drafts/a ")), "another body").toBe(401);
    expect(await ask({ ...signed, "webhook-id": randomUUID() }, body), "another id").toBe(401);
    expect(await ask(new WebhookSigner([secret]).headers(id, Date.now() - 600_000, body), body), "too old").toBe(401);
    expect(await ask(new WebhookSigner(["another secret of ours"]).headers(id, Date.now(), body), body)).toBe(401);
    expect(await ask(new WebhookSigner(["another secret of ours", secret]).headers(id, Date.now(), body), body)).toMatchObject({
      valid: false,
    });
    expect(await ask({}, body)).toBe(401);
  },
);

test("questions and verdicts look as they are shown", async () => {
  let verdict: unknown = INVALID;
  await using hook = await receiver(() => verdict);
  const spec = { tools: { write_file: (args: Json) => JSON.stringify(args) } };
  await using host = await hooked(
    [
      { url: hook.url, at: "permit", name: "paths", timeout: "2s" },
      { url: hook.url, at: "transform", name: "moves" },
    ],
    { spec, client: { principal: { id: "ann", roles: ["dev"] } } },
  );
  verdict = PAYLOAD;
  const { name, arguments: args } = QUESTION.payload;
  hook.answer = ({ body }) => (body.name === "paths" ? { valid: true } : verdict);
  for (verdict of [PAYLOAD, PATCH])
    expect(await host.client.callTool(name, args)).toMatchObject({ content: [{ text: JSON.stringify(PAYLOAD.payload.arguments) }] });
  hook.answer = ({ body }) => (body.name === "paths" ? INVALID : { modified: false });
  const error = await host.client.callTool(name, args).catch((error) => error);
  expect(error.message).toContain("outside of drafts/ (arguments.path)");
  const keys = (value: unknown, at = ""): string[] =>
    typeof value !== "object" || value === null || Array.isArray(value)
      ? [at]
      : Object.entries(value).flatMap(([key, each]) => keys(each, `${at}.${key}`));
  const shown = hook.received.at(-1)?.body as Json;
  const said = structuredClone(QUESTION);
  said.context.target.server = "up";
  expect(keys(shown)).toEqual(keys(said));
  expect({ ...shown, context: undefined }).toEqual({ ...said, context: undefined });
  for (const [field = ""] of rows("Questions")) {
    const parts = field.split(".");
    const value = parts.reduce<unknown>((each, part) => (each as Json)?.[part], said);
    if (!["request", "phase"].includes(field)) expect(value, field).toBeDefined();
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
  const hooks = (["permit", "transform", "respond"] as const).map((at) => ({ name: at, at, url: "https://hooks.example.com" }));
  await using host = createHost({ mcpServers: {}, plugins: [webhooks({ hooks }), reader()] });
  await host.prepare();
  const named = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, name]) => name);
  expect(named).toEqual([...new Set(host.pipeline().taps.map(({ hook }) => hook))]);
  const made = meter?.instruments().map(({ name, kind, labels, description }) => [name, kind, labels.join(", "), description]);
  expect(rows("Metrics")).toEqual(made);
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(webhooks.definition.version).toBe(version);
});
