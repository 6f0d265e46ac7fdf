import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";

/** A server whose tool works for longer than its `timeout`, and says all the time that it is at work: with progress that grows, or does not. */
function working(settings: { progress?: boolean } = {}) {
  const server = fakeUpstream({
    tools: {
      work: async ({ grows }, { progress }) => {
        for (let step = 1; step <= 75; step++) {
          progress(grows ? step : 1);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return "done";
      },
    },
  });
  return { server, config: { transport: server.transport, timeout: "1s", ...settings } };
}

test.each([true, false])(
  "a tool that says that it is at work is not cut off, though no client asked (progress that grows: %s)",
  async (grows) => {
    const { server, config } = working();
    await using running = await startHost({ mcpServers: { server: config }, listen: null });
    expect(await running.host.callTool("work", { grows })).toMatchObject({ content: [{ text: "done" }] });
    expect(server.received("tools/call")[0]?._meta).toMatchObject({ progressToken: expect.any(Number) });
  },
);

test("with `progress: false` the host asks for none, and a silent server is cut off at its timeout", async () => {
  const { server, config } = working({ progress: false });
  await using running = await startHost({ mcpServers: { server: config }, listen: null, drain: 0 });
  await expect(running.host.callTool("work", {})).rejects.toMatchObject({ type: "upstream_timeout" });
  expect(server.received("tools/call")[0]).not.toHaveProperty("_meta");
});

test("progress that does not grow is not passed on, and counts as a sign of life", async () => {
  const { config } = working({ progress: false });
  await using running = await startHost({ mcpServers: { server: config }, listen: null });
  const client = sdkClient();
  await client.connect(await memoryTransport(running.host));
  const seen: number[] = [];
  const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
  expect(await client.callTool({ name: "work", arguments: {} }, undefined, { onprogress })).toMatchObject({ content: [{ text: "done" }] });
  expect(seen).toEqual([1]);
  await client.close();
});
