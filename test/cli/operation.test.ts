import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { callRunningHost } from "mcp-host";
import { afterEach, expect, test, vi } from "vitest";
import { type Home, home, type Running, run, start } from "../harness/cli.ts";
import { ROOT } from "../harness/hosts.ts";

/** A plugin with operations, and a command that calls one. */
const PLUGIN = `
import { callRunningHost, definePlugin } from "${join(ROOT, "packages/host/dist/index.js")}";
export default definePlugin({
  name: "works",
  host: "^1.0.0",
  apply(host) {
    host.hooks.settled.tap("works", () => {});
    host.operator.operation("echo", (params) => ({ ...params, pid: process.pid }));
    host.operator.operation("fail", () => { throw new Error("cannot: Bearer abcdefghijklmnop"); });
    host.operator.operation("much", async () => ({ text: "x".repeat(17 * 1024 * 1024) }));
  },
  commands: {
    echo: async () => ({
      args: { text: { type: "positional", description: "What is said" }, config: { type: "string", valueHint: "file", description: "Which host" } },
      run: async ({ args }) => process.stdout.write(JSON.stringify(await callRunningHost("works", "echo", { text: args.text }, { config: args.config }))),
    }),
    plain: async () => ({
      run: async ({ data }) => process.stdout.write(JSON.stringify({ ...await callRunningHost("works", "echo"), config: data.config })),
    }),
  },
});
`;

/** A home with the plugin, whose running hosts this process can reach too. */
function workplace(): Home {
  const at = home({ mcpServers: {}, plugins: ["./works.mjs"] }, { "works.mjs": PLUGIN });
  vi.stubEnv("XDG_RUNTIME_DIR", at.env.XDG_RUNTIME_DIR);
  return at;
}

afterEach(() => vi.unstubAllEnvs());

/** What a host's socket answers to one line. */
function askSocket(at: Home, { child }: Running, request: unknown): Promise<unknown> {
  return new Promise((done) => {
    let text = "";
    const socket = connect(join(at.path, `run/mcp-host/${child.pid}.sock`), () => socket.write(`${JSON.stringify(request)}\n`));
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => done(JSON.parse(text)));
  });
}

async function started(at: Home, args: string[] = []): Promise<Running> {
  const running = start(at, ["start", "--port", "0", "--log-format", "json", ...args]);
  await vi.waitFor(() => expect(running.stderr()).toContain("the host listens"));
  return running;
}

test("an operation runs in the host that runs, and its errors are told without secrets", async () => {
  using at = workplace();
  await using running = await started(at);
  const { pid } = running.child;
  expect(await callRunningHost("works", "echo", { a: [1] })).toEqual({ a: [1], pid });
  expect(await callRunningHost("works", "echo", undefined, { pid, config: join(at.path, "mcp-host.config.json") })).toEqual({ pid });
  await expect(callRunningHost("works", "fail")).rejects.toThrow(`the host with pid ${pid} refused: cannot: [redacted]`);
  await expect(callRunningHost("works", "none")).rejects.toThrow('plugin "works" has no operation "none"; it has echo, fail, much');
  await expect(callRunningHost("other", "echo")).rejects.toThrow('plugin "other" has no operation "echo"');
  await expect(callRunningHost("works", "much")).rejects.toThrow(/gave \d+ bytes; there may be at most 16777216/);
  await expect(callRunningHost("works", "echo", { text: "x".repeat(70_000) })).rejects.toThrow("more than");
});

test("without a host, or with several, it says so; one is chosen by its config, which the command is given too", async () => {
  using at = workplace();
  await expect(callRunningHost("works", "echo")).rejects.toThrow("no host of this user is running");
  writeFileSync(join(at.path, "other.json"), JSON.stringify({ mcpServers: {}, plugins: ["./works.mjs"] }));
  await using one = await started(at);
  await using other = await started(at, ["--config", "other.json"]);
  await expect(callRunningHost("works", "echo")).rejects.toThrow(
    /several hosts are running; choose one with --pid or --config\n {2}--pid \d+/,
  );
  expect(await callRunningHost("works", "echo", {}, { pid: one.child.pid })).toEqual({ pid: one.child.pid });
  expect(await run(at, ["works", "echo", "hello"])).toMatchObject({ stdout: JSON.stringify({ text: "hello", pid: one.child.pid }) });
  // One that declares no --config obeys it too.
  const config = join(at.path, "other.json");
  expect(await run(at, ["works", "--config", "other.json", "plain"])).toMatchObject({
    stdout: JSON.stringify({ pid: other.child.pid, config }),
  });
  for (const args of [
    ["--config", "other.json", "echo", "hello"],
    ["echo", "hello", "--config=other.json"],
  ])
    expect(await run(at, ["works", ...args])).toMatchObject({ code: 0, stdout: JSON.stringify({ text: "hello", pid: other.child.pid }) });
});

test("the socket refuses what is no operation", async () => {
  using at = workplace();
  await using running = await started(at);
  const ask = (request: unknown): Promise<unknown> => askSocket(at, running, request);
  expect(await ask({ command: "works:echo", params: [] })).toEqual({ error: '"params" must be an object' });
  expect(await ask({ command: 1 })).toEqual({ error: '"command" must be "logs", "trace", "client" or the name of an operation' });
  expect(await ask({ command: "reloat" })).toEqual({
    error: expect.stringMatching(
      /^there is no operation "reloat" \(did you mean "reload"\?\); there are status, reload, reconnect, stop, .*, invocation, works:echo/,
    ),
  });
  expect(await ask({ command: "reload", params: { config: "other.json" } })).toEqual({
    error: '"reload": params.config: there is no such param',
  });
  expect(await ask({ command: "works:echo" })).toEqual({ result: { pid: running.child.pid } });
});
