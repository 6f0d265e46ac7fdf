import { routing } from "@host/plugin-routing";
import { type TransformOptions, transform } from "@host/plugin-transform";
import { PeerError } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { startHost } from "../../../test/harness/hosts.ts";

const ADDRESS = "someone@example.com";

/** A host whose first server is down, so that its backup in a group serves. */
async function standing(rules: TransformOptions["rules"]) {
  const answer = ({ secret = "" }) => `${ADDRESS} ${secret}`;
  const main = fakeUpstream({ tools: { read: answer } });
  const backup = fakeUpstream({ tools: { read: answer } });
  const running = await startHost({
    mcpServers: { main: { transport: main.transport }, backup: { transport: backup.transport } },
    plugins: [routing({ groups: { group: { members: ["main", { server: "backup", priority: 2 }] } } }), transform({ rules })],
    listen: null,
    drain: 0,
  });
  const { host } = running;
  await host.listTools();
  await expect.poll(() => host.status().upstreams.map(({ entries }) => entries.tools)).toEqual([1, 1, 0]);
  main.fail("down");
  const read = async (args = {}): Promise<unknown> => (await host.callTool("read", args)).content;
  return { backup, read, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

test("what is taken out of a backup's texts is taken out where it serves for another server", async () => {
  await using host = await standing([{ match: ["backup:*"], redact: { detectors: ["email"], in: ["arguments", "results", "errors"] } }]);
  const content = JSON.stringify(await host.read({ secret: ADDRESS }));
  expect(content).not.toContain(ADDRESS);
  expect(JSON.stringify(host.backup.received("tools/call"))).not.toContain(ADDRESS);
  host.backup.fail({ error: { code: -32000, message: `${ADDRESS} is unknown` } });
  const error: unknown = await host.read().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PeerError);
  expect((error as PeerError).message).toContain("is unknown");
  expect((error as PeerError).message).not.toContain(ADDRESS);
});

test("all else is done as the rules say of what was called", async () => {
  await using host = await standing([
    { match: ["group:*"], args: { set: { secret: "main" } } },
    { match: ["backup:*"], args: { set: { secret: "backup" } } },
  ]);
  expect(await host.read()).toEqual([{ type: "text", text: `${ADDRESS} main` }]);
});
