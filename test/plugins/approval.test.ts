import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test, vi } from "vitest";
import { clientOf, home, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient, stdioTransport } from "../harness/clients.ts";
import { ROOT, startHost, upstream } from "../harness/hosts.ts";

const servers = () => ({ one: upstream({ name: "one", only: ["echo"] }) });
const RULES = [
  { match: ["one:echo"], when: "arguments.path != '/tmp'", ask: "person", remember: "session", reason: "files do not come back." },
];

describe.each(["http", "stdio"] as const)("the SDK's client over %s", (way) => {
  test("shows the question to the person, and does what they say", async () => {
    const config = { mcpServers: servers(), plugins: [["@host/plugin-approval", { rules: RULES }]] as [string, unknown][] };
    const running = way === "http" ? await startHost(config) : undefined;
    const client = sdkClient({ elicitation: {} });
    const questions: string[] = [];
    let content: Record<string, string> | undefined;
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      questions.push(params.message);
      return content ? { action: "accept", content } : { action: "decline" };
    });
    await client.connect(
      running
        ? httpTransport(running.url)
        : stdioTransport(process.execPath, [`${ROOT}/test/harness/stdio-host.mjs`, JSON.stringify(config)]),
    );
    const echo = (path: string) => client.callTool({ name: "echo", arguments: { path } });

    expect((await echo("/tmp")).structuredContent).toMatchObject({ arguments: { path: "/tmp" } });
    expect(questions).toEqual([]);
    expect(await echo("/etc")).toEqual({ content: [{ type: "text", text: expect.stringContaining("declined it") }], isError: true });
    content = { answer: "in this session" };
    for (const _ of [1, 2]) expect((await echo("/etc")).structuredContent).toMatchObject({ arguments: { path: "/etc" } });
    expect(questions).toEqual(
      Array(2).fill(expect.stringContaining('      "path": "/etc"\n\nYou are asked because: files do not come back.')),
    );

    await client.close();
    await running?.[Symbol.asyncDispose]();
  });
});

test("an operator answers calls of clients that cannot ask, and has answers forgotten", async () => {
  const plugins = [["@host/plugin-approval", { rules: [{ ask: "either", remember: "session" }] }]];
  using at = home({ mcpServers: servers(), plugins });
  await using running = start(at, ["start", "--port", "0", "--log-format", "json"]);
  const client = await clientOf(running);
  expect(await run(at, ["approval", "pending"])).toMatchObject({ code: 0, stdout: "no call waits\n" });

  const echo = () => client.callTool({ name: "echo", arguments: { path: "/etc", token: "hidden" } });
  const waiting = () =>
    vi.waitFor(async () => {
      const { pending } = JSON.parse((await run(at, ["approval", "pending", "--json"])).stdout) as { pending: { id: string }[] };
      expect(pending).toHaveLength(1);
      return pending[0]?.id ?? "";
    });

  const first = echo();
  const id = await waiting();
  const { stdout } = await run(at, ["approval", "pending", "--config", `${at.path}/mcp-host.config.json`]);
  expect(stdout).toMatch(
    new RegExp(
      `^${id}  "one" "echo"\n  for      "anonymous"\n  with     "path": "/etc"\n           "token": "\\[redacted\\]"\n  because  the rules .*\n  until    20.*Z\n  --for    once, session\n$`,
    ),
  );
  expect(await run(at, ["approval", "deny", id, "--reason", "not on a Friday"])).toMatchObject({ code: 0, stdout: `${id} was denied\n` });
  expect(await first).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("declined it (not on a Friday)") }] });

  const second = echo();
  const other = await waiting();
  expect(await run(at, ["approval", "approve", other, "--for", "ever"])).toMatchObject({ code: 1, stderr: expect.stringContaining("for") });
  expect(await run(at, ["approval", "approve", other, "--for", "session"])).toMatchObject({ code: 0, stdout: `${other} was approved\n` });
  for (const answer of [await second, await echo()]) expect(answer.structuredContent).toMatchObject({ arguments: { path: "/etc" } });
  expect(await run(at, ["approval", "approve", other])).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing waits") });

  expect(JSON.parse((await run(at, ["approval", "forget", "--json"])).stdout)).toEqual({ forgotten: true });
  const third = echo();
  await run(at, ["approval", "approve", await waiting()]);
  await third;
  expect(await run(at, ["approval", "pending", "--pid", "x"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("not a process id"),
  });
  await client.close();
});

test("a host that stops while a call waits lets nothing through, and is not kept by it", async () => {
  const plugins = [["@host/plugin-approval", { rules: [{ ask: "operator" }] }]];
  using at = home({ mcpServers: servers(), plugins, drain: "1h" });
  await using running = start(at, ["start", "--port", "0", "--log-format", "json"]);
  const client = await clientOf(running);
  const call = client.callTool({ name: "echo", arguments: {} });
  await vi.waitFor(async () => expect((await run(at, ["approval", "pending"])).stdout).toContain('"echo"'));
  running.child.kill("SIGTERM");
  expect(await call).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("when the host stopped") }] });
  expect((await running.exited).code).toBe(0);
  await client.close();
});
