import net from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { home, run, start } from "../harness/cli.ts";

test("whoever asks the control socket a letter at a time is cut off, and others are answered", async () => {
  using at = home({ mcpServers: {} });
  await using host = start(at, ["start", "--port", "0", "--log-format", "json"]);
  await vi.waitFor(() => expect(host.stderr()).toContain('"the host listens"'));
  const path = join(at.path, "run", "mcp-host", `${host.child.pid}.sock`);
  const slow = net.connect(path);
  slow.on("error", () => {}); // close follows
  const closed = new Promise<void>((resolve) => slow.once("close", () => resolve()));
  const letters = setInterval(() => slow.write(" "), 200);
  await closed;
  clearInterval(letters);
  const answer = await new Promise<string>((resolve) => {
    const client = net.connect(path, () => client.write('{"command":"status"}\n'));
    client.once("data", (chunk) => resolve(String(chunk)));
  });
  expect(answer).toMatch(/^\{"result":\{"version":/);
});

test("however many connections say nothing, the operator is heard", async () => {
  using at = home({ mcpServers: {} });
  await using host = start(at, ["start", "--port", "0", "--log-format", "json"]);
  await vi.waitFor(() => expect(host.stderr()).toContain('"the host listens"'));
  const path = join(at.path, "run", "mcp-host", `${host.child.pid}.sock`);
  const mute = new Set<net.Socket>();
  let going = true;
  const hold = (): void => {
    const socket = net.connect(path);
    mute.add(socket);
    socket.on("error", () => {}); // close follows
    socket.once("close", () => {
      mute.delete(socket);
      if (going && mute.size < 60) setTimeout(hold, 50);
    });
  };
  for (let count = 0; count < 60; count++) hold();
  // Those that asked and do not read count apart.
  const asking = Array.from({ length: 80 }, () => net.connect(path, () => {}).on("error", () => {}));
  for (const socket of asking) socket.once("connect", () => socket.pause().write('{"command":"logs","follow":true}\n'));
  await vi.waitFor(() => expect(asking.every(({ connecting }) => !connecting)).toBe(true));
  for (let round = 0; round < 3; round++) expect(await run(at, ["status", "--json"])).toMatchObject({ code: 0 });
  expect(await run(at, ["stop"])).toMatchObject({ code: 0 });
  going = false;
  for (const socket of [...mute, ...asking]) socket.destroy();
});
