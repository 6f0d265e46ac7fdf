import { describe, expect, test, vi } from "vitest";
import { home, run, start } from "../harness/cli.ts";
import { MARKED, startHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { scripted } from "../harness/scripted.ts";

const node = (script: string) => ({ command: process.execPath, args: ["-e", script], env: MARKED });

/** A Node.js exception some calls down, the usual way to end. */
const CRASH = `
  const down = (n) => { if (n === 0) throw new Error("API_KEY is required"); down(n - 1); };
  down(20);`;

describe("the reason of a server that ends says what it said", () => {
  test.each([
    ["an exception of Node.js", CRASH, "exited with code 1; on stderr: Error: API_KEY is required"],
    [
      "an exception of Python",
      `console.error('Traceback (most recent call last):\\n  File "x.py", line 3, in <module>\\n    os.environ["KEY"]\\nKeyError: "KEY"'); process.exit(1)`,
      'exited with code 1; on stderr: KeyError: "KEY"',
    ],
    [
      "a parser of arguments",
      `console.error("usage: server [-h] --key KEY\\nserver: error: the following arguments are required: --key\\nsee the manual"); process.exit(2)`,
      "exited with code 2; on stderr: server: error: the following arguments are required: --key",
    ],
    [
      "a plea before the usage",
      `console.error("Please provide a URL via DB_URL\\nusage: server <url>\\n   or: DB_URL=<url> server"); process.exit(1)`,
      "exited with code 1; on stderr: Please provide a URL via DB_URL",
    ],
    [
      "nothing that looks like a reason",
      `console.error("hello\\nno licence"); process.exit(3)`,
      "exited with code 3; on stderr: no licence",
    ],
    [
      "a reason at the beginning and much behind it",
      `console.error("Error: no such table\\n" + "    at x (y.js:1:1)\\n".repeat(2000)); process.exit(1)`,
      "exited with code 1; on stderr: Error: no such table",
    ],
    [
      "what it takes, on the wrong stream",
      `console.log("Usage: server <folder>"); process.exit(1)`,
      "garbage on stdout: Usage: server <folder>",
    ],
    ["half a line on the wrong stream", `process.stdout.write("Usage: server"); process.exit(1)`, "garbage on stdout: Usage: server"],
  ])("%s", async (_, script, reason) => {
    await using running = await startHost({ mcpServers: { one: node(script) } });
    const status = () => running.host.status().upstreams[0];
    await vi.waitFor(() => expect(status()?.reason).toContain(reason), 5_000);
    expect(running.logs.find(({ message }) => message === "an upstream could not be connected")?.reason).toContain(reason);
  });

  test("also where it does not end, and never answers", async () => {
    const script = `console.error("waiting for the database"); console.log("Starting..."); setTimeout(() => {}, 60_000)`;
    await using running = await startHost({ mcpServers: { one: { ...node(script), startTimeout: 500 } } });
    await vi.waitFor(() =>
      expect(running.host.status().upstreams[0]?.reason).toMatch(
        /did not answer initialize in 500 ms; on stderr: waiting for the database; garbage on stdout: Starting\.\.\.$/,
      ),
    );
  });

  test("also when it was up, and without what it printed on stdout then; clients are not told", async () => {
    const crashes = `if (params.name === "bad") { console.log("debug"); console.error("Error: disk full"); process.exit(1); }`;
    await using running = await startHost({ mcpServers: { one: scripted(crashes) } });
    const client = await RawHttp.open(running.url);
    const { error } = await client.call("bad");
    expect(error.message).toBe('upstream "one" is gone: its process exited with code 1; the call may or may not have run');
    const lost = running.logs.find(({ message }) => message === "an upstream was lost");
    expect(lost?.reason).toMatch(/its process exited with code 1; .*; on stderr: Error: disk full$/);
    expect(JSON.stringify(await client.ask("tools/list"))).not.toContain("disk full");
  });

  test("without secrets", async () => {
    const secret = `ghp_${"a1B2".repeat(9)}`;
    await using running = await startHost({
      mcpServers: { one: node(`console.error("Error: bad token ${secret}"); process.exit(1)`) },
    });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.reason).toContain("on stderr: Error: bad token "));
    expect(JSON.stringify([running.logs, running.host.status()])).not.toContain(secret);
  });
});

test("every command says it in one line, and shows the lines around it without the stack", async () => {
  using at = home({ mcpServers: { one: node(CRASH) } });
  const said = "Error: API_KEY is required";
  for (const args of [["list"], ["call", "x"], ["validate", "--connect"], ["doctor"]]) {
    const { stdout, stderr } = await run(
      at,
      [...args, "--log-level", "silent"].filter((_, index) => args[0] !== "doctor" || index === 0),
    );
    // A line may be broken at its blanks.
    expect((stdout + stderr).replace(/\s+/g, " "), args[0]).toContain(`exited with code 1; on stderr: ${said}`);
    expect(stdout + stderr, args[0]).toMatch(/^ {4,}Error: API_KEY is required$/m);
    expect(stdout + stderr, args[0]).not.toMatch(/^\s+at down/m);
  }
  await using stdio = start(at, ["start", "stdio"]);
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
  stdio.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`);
  await vi.waitFor(() => expect(stdio.stderr()).toContain(said), 10_000);
});
