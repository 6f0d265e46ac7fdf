import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestHost, FakeClock, testPlugin } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import agent from "../../../examples/plugins/agent.ts";

const folder = mkdtempSync(join(realpathSync(tmpdir()), "agent-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

testPlugin(agent, {
  test,
  module: new URL("../../../examples/plugins/agent.ts", import.meta.url),
  options: { command: process.execPath },
  unrelated: [
    { method: "prompts/list" },
    { method: "resources/list" },
    { method: "tools/call", params: { name: "echo", arguments: { text: "a" } } },
  ],
  badOptions: [{ options: { command: "a", seconds: 3_600 }, place: "plugins[0].options.seconds", hint: "<=590" }],
});

/** An agent that is a script of Node's. It gets its task on standard input. */
const scripted = (script: string, more: object = {}) => {
  const file = join(folder, `agent-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(file, script);
  return agent({ command: process.execPath, args: [file], ...more });
};
const start = (script: string, more?: object) => createTestHost({ plugins: [scripted(script, more)], folder });
const textOf = ({ content }: { content?: unknown }) => (content as { text: string }[])[0]?.text;
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
/** Waits for what a script wrote: the ids of its processes. */
async function pids(name: string): Promise<number[]> {
  const file = join(folder, name);
  await expect.poll(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n")).toBe(true);
  return readFileSync(file, "utf8").trim().split(" ").map(Number);
}
/** Starts a process of its own, and neither ends by itself. */
const STUBBORN = (name: string) => `
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
process.on("SIGTERM", () => {});
const child = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: "inherit" });
writeFileSync(${JSON.stringify(name)}, process.pid + " " + child.pid + "\\n");
setInterval(() => {}, 1000);`;

test("a task goes in on standard input, what the agent says comes back as progress and as the result", async () => {
  process.env.AGENT_TEST_SECRET = "the host's own";
  await using host = await start(
    `let task = ""; for await (const part of process.stdin) task += part;
     console.log("working on " + task); console.error("thinking");
     console.log(JSON.stringify([process.cwd(), process.env.KEY, process.env.AGENT_TEST_SECRET, process.argv.length]));`,
    { env: { KEY: "k" } },
  );
  delete process.env.AGENT_TEST_SECRET;
  const steps: unknown[] = [];
  const result = await host.client.callTool("agent", { task: "the task; $(id)" }, { onProgress: ({ message }) => steps.push(message) });
  expect(result.isError).not.toBe(true);
  expect(textOf(result)).toContain("working on the task; $(id)\n");
  expect(textOf(result)).toContain(JSON.stringify([folder, "k", null, 2]));
  expect(steps.join()).toMatch(/working on/);
});

test("an agent that fails, one that is not there, and one that says too much", async () => {
  {
    await using host = await start(`console.log("I give up"); process.exit(3);`);
    expect(await host.client.callTool("agent", { task: "x" })).toMatchObject({
      isError: true,
      content: [{ text: "I give up\n\n[it ended with 3]" }],
    });
    expect(await host.client.callTool("agent", { task: "" })).toMatchObject({ isError: true }); // does not fit its schema
  }
  {
    await using host = await createTestHost({ plugins: [agent({ command: join(folder, "no-such-agent") })] });
    expect(await host.client.callTool("agent", { task: "x" })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining("ENOENT") }],
    });
  }
  await using host = await start(`process.stdout.write("x".repeat(300_000));`, { most: 1_000 });
  expect(textOf(await host.client.callTool("agent", { task: "x" }))).toBe(`${"x".repeat(1_000)}\n[the rest was cut off]`);
});

test("cancelling ends the agent with all that it started, however it clings to life", async () => {
  await using host = await start(STUBBORN("cancelled"), { atOnce: 1 });
  const giveUp = new AbortController();
  const call = host.client.callTool("agent", { task: "x" }, { signal: giveUp.signal });
  const all = await pids("cancelled");
  await expect(host.client.callTool("agent", { task: "y" })).rejects.toMatchObject({ data: { type: "overloaded" } });
  giveUp.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  await expect.poll(() => all.some(isAlive)).toBe(false);
});

test("an agent that takes too long is ended, and what it said until then is told", async () => {
  const clock = new FakeClock();
  const plugins = [scripted(`console.log("so far"); setInterval(() => {}, 1000);`, { seconds: 60 })];
  await using host = await createTestHost({ plugins, folder, clock });
  let heard: (step: unknown) => void = () => {};
  const first = new Promise((resolve) => {
    heard = resolve;
  });
  const call = host.client.callTool("agent", { task: "x" }, { onProgress: heard });
  await first;
  await clock.advance(60_000);
  expect(await call).toMatchObject({ isError: true, content: [{ text: "so far\n\n[it took longer than 60 s]" }] });
});

test("closing the host ends the agent", async () => {
  const host = await start(STUBBORN("closed"));
  const call = host.client.callTool("agent", { task: "x" }).catch((error: unknown) => error);
  const all = await pids("closed");
  await host.close();
  await call;
  await expect.poll(() => all.some(isAlive)).toBe(false);
  expect(process.listeners("exit").filter(({ name }) => name === "killAll")).toEqual([]);
});
