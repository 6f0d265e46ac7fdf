import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { home, type Running, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { upstream } from "../harness/hosts.ts";
import { initialize } from "../harness/wire.ts";

const config = { listen: { port: 0 }, mcpServers: { up: upstream() } };

async function urlOf(running: Running): Promise<URL> {
  const [, url = ""] = await vi.waitFor(
    () => /the host listens.*?(http:[^\s"]+)/.exec(running.stderr()) ?? Promise.reject(new Error(running.stderr())),
  );
  return new URL(url);
}

/** The answers on standard output, which carries nothing else. */
const frames = (running: Running) =>
  running
    .stdout()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

test("`start both` serves a client over stdio and clients over HTTP, and the end of standard input ends that one session only", async () => {
  using at = home(config);
  await using running = start(at, ["start", "both"]);
  const client = sdkClient();
  await client.connect(httpTransport(await urlOf(running)));
  const send = (message: object): boolean => running.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  send(initialize());
  send({ method: "notifications/initialized" });
  send({ id: 1, method: "tools/call", params: { name: "echo", arguments: { n: 1 } } });
  await vi.waitFor(() => expect(frames(running)).toHaveLength(2));
  expect(frames(running)[1]).toMatchObject({ id: 1, result: { structuredContent: { arguments: { n: 1 } } } });
  // Nobody is the only client of such a host: both share the connection to the upstream.
  const connections = async () => JSON.parse((await run(at, ["status", "--json"])).stdout);
  expect(await connections()).toMatchObject({ mode: "both", sessions: 2, upstreams: [{ connections: [{ sessions: 2 }] }] });
  running.child.stdin.end();
  await vi.waitFor(() => expect(running.stderr()).toContain("the client over standard input and output is gone"));
  expect((await client.callTool({ name: "echo", arguments: { n: 2 } })).structuredContent).toMatchObject({ arguments: { n: 2 } });
  expect(await connections()).toMatchObject({ sessions: 1 });
  expect(running.child.exitCode).toBeNull();
  await client.close();
  running.child.kill("SIGTERM");
  const { code, stdout } = await running.exited;
  expect([code, stdout.split("\n").filter(Boolean).length]).toEqual([0, 2]);
});

test("a signal ends it while both clients are there, and a call over stdio is answered before", async () => {
  using at = home(config);
  await using running = start(at, ["start", "both", "--config", join(at.path, "mcp-host.config.json")]);
  await urlOf(running);
  const send = (message: object): boolean => running.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  send(initialize());
  send({ id: 1, method: "tools/call", params: { name: "progress", arguments: { steps: 3, delayMs: 150 }, _meta: { progressToken: 1 } } });
  await vi.waitFor(() => expect(running.stdout()).toContain("notifications/progress"));
  running.child.kill("SIGTERM");
  expect((await running.exited).code).toBe(0);
  expect(frames(running).at(-1)).toMatchObject({ id: 1, result: {} });
});
