import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { receiver } from "../../packages/plugin-webhooks/test/receiver.ts";
import { clientOf, home, run, start } from "../harness/cli.ts";
import { upstream } from "../harness/hosts.ts";

test("what hooks change and refuse is in the trace, the audit log, the status and the log, and without secrets", async () => {
  await using hook = await receiver(({ body }) => {
    const { text } = body.payload.arguments;
    if (body.name === "words") return text === "no" ? { valid: false, messages: [{ message: "mind your words" }] } : { valid: true };
    return text === "hi" ? { modified: true, patch: [{ op: "replace", path: "/arguments/text", value: "hi!" }] } : { modified: false };
  });
  const hooks = [
    { name: "louder", at: "transform", url: hook.url, secret: "${HOOK_SECRET}", match: { tools: ["echo"] } },
    { name: "words", at: "permit", url: hook.url, match: { tools: ["one:echo"] }, headers: { authorization: "Bearer ${HOOK_TOKEN}" } },
  ];
  const plugins = ["@host/plugin-audit", ["@host/plugin-webhooks", { hooks }]];
  using at = home({ mcpServers: { one: upstream({ name: "one", only: ["echo"] }) }, plugins });
  const env = { HOOK_TOKEN: "token-of-the-hook", HOOK_SECRET: "secret-of-the-hook" };
  await using running = start(at, ["start", "--port", "0", "--log-format", "json", "--debug"], env);
  const client = await clientOf(running);
  await using trace = start(at, ["trace", "--count", "2"]);
  await vi.waitFor(() => expect(trace.stderr()).toContain("tracing the host"));
  const echo = (text: string) => client.callTool({ name: "echo", arguments: { text, token: "hidden" } });
  expect((await echo("hi")).structuredContent).toMatchObject({ arguments: { text: "hi!", token: "hidden" } });
  await expect(echo("no")).rejects.toThrow('the check "words" of this host refuses this: mind your words');

  const { stdout: tree } = await trace.exited;
  expect(tree).toMatch(/webhooks +[\d.]+ ms {2}changed arguments\.text: "hi" → "hi!"/);
  expect(tree).toMatch(/webhooks +[\d.]+ ms {2}refused/);
  const refusal = { method: "tools/call", name: "echo", outcome: "refused", error: { type: "forbidden" } };
  const by = [{ plugin: "webhooks", hook: "authorize", did: "refused", rule: "words" }];
  await vi.waitFor(() => {
    const lines = readFileSync(join(at.path, "audit.jsonl"), "utf8").split("\n");
    const [last] = lines.flatMap((line) => (line.includes('"outcome":"refused"') ? [JSON.parse(line)] : []));
    expect(last).toMatchObject({ ...refusal, by });
  });
  const status = JSON.parse((await run(at, ["status", "--json"])).stdout);
  expect(JSON.stringify(status)).toContain('"name":"louder","at":"transform","mode":"enforce","entries":1,"circuit":"closed"');
  expect(hook.received[0]?.headers["webhook-signature"]).toMatch(/^v1,/);
  expect(hook.received.find(({ body }) => body.name === "words")?.headers.authorization).toBe("Bearer token-of-the-hook");
  const inspected = await run(at, ["inspect", "--json"], env);
  await client.close();
  for (const text of [running.stderr(), tree, JSON.stringify(status), inspected.stdout])
    for (const secret of Object.values(env)) expect(text).not.toContain(secret);
  expect(running.stderr()).not.toContain('"level":"error"');
});

test("a config that a hook makes unusable says what helps", async () => {
  const hook = { name: "late", at: "permit", url: "https://hooks.example.com", timeout: "10s" };
  const config = (entry: unknown) => ({ mcpServers: { one: upstream({ name: "one" }) }, plugins: [entry] });
  using bad = home(config(["@host/plugin-webhooks", { hooks: [hook] }]));
  const { code, stderr, stdout } = await run(bad, ["validate"]);
  expect([code, `${stdout}${stderr}`]).toEqual([
    3,
    expect.stringContaining(
      'options.hooks[0].timeout: is 10000 ms, and a plugin has 5000 ms; make it shorter, or give the plugin\'s entry a longer "timeout"',
    ),
  ]);
  using good = home(config({ use: "@host/plugin-webhooks", timeout: "11s", options: { hooks: [hook] } }));
  expect(await run(good, ["validate"])).toMatchObject({ code: 0 });
});
