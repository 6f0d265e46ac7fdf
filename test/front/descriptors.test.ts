import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { expect, test, vi } from "vitest";
import { home } from "../harness/cli.ts";
import { BIN, startHost } from "../harness/hosts.ts";

/** Connections that say nothing. */
async function connections(url: URL, count: number): Promise<AsyncDisposable> {
  const sockets = Array.from({ length: count }, () => net.connect(Number(url.port), url.hostname).on("error", () => {}));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

test.skipIf(process.platform === "win32")("a host whose file descriptors have run out says so, and when there are some again", async () => {
  using at = home({ mcpServers: {} });
  const command = `ulimit -n 256; exec "$0" "${BIN}" start --port 0 --log-format json`;
  const child = spawn("/bin/sh", ["-c", command, process.execPath], {
    cwd: at.path,
    env: { ...process.env, ...at.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += chunk;
  });
  try {
    const [, address = ""] = await vi.waitFor(() => /"the host listens","url":"([^"]+)"/.exec(log) ?? Promise.reject(new Error(log)));
    const url = new URL(address);
    {
      await using _many = await connections(url, 300);
      await vi.waitFor(() => expect(log).toContain('"message":"file descriptors have run out: no client can connect'));
      expect(log).toContain("(EMFILE)");
      expect(log).toContain("ulimit -n");
    }
    await vi.waitFor(() => expect(log).toContain("file descriptors are free again"));
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);
    expect(log.match(/have run out/g)).toHaveLength(1);
  } finally {
    child.kill("SIGTERM");
    await once(child, "close");
  }
});

test("a host that turns clients away because limits.connections are open says so, once and not for each", async () => {
  await using host = await startHost({ mcpServers: {}, limits: { connections: 2 } });
  await using _many = await connections(host.url, 8);
  const told = () => host.logs.filter(({ message }) => String(message).startsWith("clients were turned away"));
  await vi.waitFor(() => expect(told()).toMatchObject([{ level: "warn", "limits.connections": 2 }]));
});
