import { writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "mcp-host";
import { expect, test, vi } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { home, start } from "../harness/cli.ts";
import { MARKED, startHost, upstream } from "../harness/hosts.ts";
import { SocketClient } from "../harness/socket.ts";
import { sized } from "../harness/storm.ts";
import { WireClient } from "../harness/wire.ts";

/** A server that never answers. */
const silent = { command: process.execPath, args: ["-e", "process.stdin.resume()"], env: MARKED };

test("a host that is told to stop does not go through the reloads that wait", async () => {
  const running = await startHost({ mcpServers: { up: upstream({ only: ["echo"] }) } });
  const config = (n: number): Config => ({
    listen: { port: 0 },
    drain: 0,
    mcpServers: { silent: { ...silent, env: { ...MARKED, N: String(n) } } },
  });
  const reloads = Array.from({ length: 8 }, (_, n) => running.host.reload(config(n)).then(() => "done", String));
  const began = performance.now();
  await running.host.close();
  // Each of them waits 5 s for its server; the one under way may.
  expect(performance.now() - began).toBeLessThan(15_000);
  expect((await Promise.all(reloads)).slice(1).every((outcome) => /the host is stopping/.test(outcome))).toBe(true);
});

test("many clients over two wires under load get their own answers and no other while the config flips", async () => {
  const config = (n: number): Config => ({
    listen: { port: 0, websocket: true },
    mcpServers: {
      kept: { transport: () => inProcessTransport({ name: "kept", only: ["echo"] }) },
      flips: upstream({ name: `flips-${n % 2}`, only: ["slow"] }),
      ...(n % 2 === 1 && { late: upstream({ name: "late", only: ["fail"] }) }),
    },
  });
  await using running = await startHost(config(0));
  const clients = await Promise.all(
    Array.from({ length: sized(100, 30) }, (_, n) => (n % 2 ? WireClient.connect(running.url) : SocketClient.connect(running.url))),
  );
  let over = false;
  let calls = 0;
  const wrong: unknown[] = [];
  const work = clients.map(async (client, n) => {
    for (let nth = 0; !over; nth++) {
      const text = `${n}:${nth}`;
      // The id is the same for all: what keeps answers apart is the host's business.
      const answer = await client.call("echo", { text });
      calls++;
      if (answer.arguments.text !== text) wrong.push([text, answer]);
    }
  });
  for (let n = 1; n <= sized(10, 4); n++) {
    await running.host.reload(config(n));
    await sleep(200);
  }
  over = true;
  await Promise.all(work);
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(calls).toBeGreaterThan(100);
  for (const client of clients) if (client instanceof SocketClient) client.socket.terminate();
});

test("a flood of reloads is one more reload, and the host answers meanwhile", async () => {
  using at = home({ mcpServers: { up: upstream({ only: ["echo"] }) } });
  await using host = start(at, ["start", "--port", "0", "--log-format", "json"]);
  await vi.waitFor(() => expect(host.stderr()).toContain('"the host listens"'));
  const socket = join(at.path, "run", "mcp-host", `${host.child.pid}.sock`);
  const ask = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = "";
      const client = net.connect(socket, () => client.write(`{"command":"${command}"}\n`));
      client.on("data", (chunk) => (text += chunk));
      client.on("error", reject).on("close", () => resolve(text));
    });
  // With a server that does not answer a reload takes 5 s.
  writeFileSync(join(at.path, "mcp-host.config.json"), JSON.stringify({ mcpServers: { silent } }));
  for (let n = 0; n < 100; n++) host.child.kill("SIGHUP");
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask("reload")));
  expect(answers.every((answer) => answer.startsWith('{"result":{"upstreams":'))).toBe(true);
  expect(await ask("status")).toContain('"result":{"version"');
  const done = host.stderr().match(/the config was read again/g)?.length ?? 0;
  expect(done, "the one under way, and one more for all others").toBe(2);
});
