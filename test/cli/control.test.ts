import net from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { home, start } from "../harness/cli.ts";

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
  expect(answer).toContain('{"status":');
});
