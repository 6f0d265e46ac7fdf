import { expect, test } from "vitest";
import { home, run, start, urlOf } from "../harness/cli.ts";
import { upstream } from "../harness/hosts.ts";
import { WireClient } from "../harness/wire.ts";

test("a drain of one member from the command line, while a host serves", async () => {
  const mcpServers = { one: upstream({ name: "one", only: ["echo"] }), two: upstream({ name: "two", only: ["echo"] }) };
  const rules = [
    { name: "half", match: ["nothing"], percent: 50, to: "one" },
    { name: "shadow", match: ["nothing"], mirror: "one" },
  ];
  const groups = { group: { members: ["one", "two"], rules } };
  using at = home({ listen: { port: 0 }, mcpServers, plugins: [["@host/plugin-routing", { groups }]] });
  await using running = start(at, ["start", "--log-format", "json"]);
  const client = await WireClient.connect(await urlOf(running));
  const by = async (): Promise<string> => String((await client.call("echo")).payload).split("/")[0] ?? "";
  await expect.poll(async () => (await run(at, ["routing", "show"])).stdout).toMatch(/one {2}up.*\n {2}two {2}up/);
  expect([await by(), await by()].sort()).toEqual(["one", "two"]);

  expect(await run(at, ["routing", "drain", "one"])).toMatchObject({
    code: 0,
    stdout: '"one" is drained; calls under way: 0 (`mcp-host routing show` tells when they are done)\n',
  });
  expect([await by(), await by()]).toEqual(["two", "two"]);
  expect((await run(at, ["routing", "show"])).stdout).toMatch(
    /^group: round-robin\n {2}one {2}drained; weight 1; calls: 0 under way, 1 done, 0 failed, [\d.]+ ms\n {2}two {2}up; weight 1; calls: 0 under way, 3 done/,
  );
  const shown = JSON.parse((await run(at, ["routing", "show", "--json"])).stdout);
  expect(shown.groups.group.members).toMatchObject({ one: { state: "drained" }, two: { state: "up" } });
  expect((await run(at, ["status"])).stdout).toContain("group");

  expect(await run(at, ["routing", "resume", "one"])).toMatchObject({ code: 0, stdout: '"one" gets calls again\n' });
  expect([await by(), await by()].sort()).toEqual(["one", "two"]);
  expect(await run(at, ["routing", "drain", "three", "--now"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no group has a member "three"; there are one, two'),
  });
});
