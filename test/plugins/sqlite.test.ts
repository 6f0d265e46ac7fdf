import { join } from "node:path";
import type { Config } from "mcp-host";
import { expect, test, vi } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { ROOT, spawnHost, temporary, upstream } from "../harness/hosts.ts";

async function connected(url: URL) {
  const client = sdkClient();
  await client.connect(httpTransport(url));
  const call = async () => (await client.callTool({ name: "echo", arguments: {} }))._meta as { count: number; heard: number[] };
  return { call, close: () => client.close() };
}

test("two hosts on one file count together, hear each other, and find the count after both were stopped and one was killed", async () => {
  using folder = temporary();
  const config = {
    mcpServers: { one: upstream({ name: "one" }) },
    plugins: [
      join(ROOT, "test/fixtures/shared-quota.mjs"),
      ["@host/plugin-sqlite", { file: join(folder.path, "store.sqlite"), poll: "10ms" }],
    ] as never[],
  };
  {
    await using first = await spawnHost(config);
    await using second = await spawnHost(config);
    const [one, two] = [await connected(first.url), await connected(second.url)];
    expect([(await one.call()).count, (await two.call()).count, (await one.call()).count]).toEqual([1, 2, 3]);
    await vi.waitFor(async () => expect((await two.call()).heard.slice(0, 3)).toEqual([1, 2, 3]));
    second.signal("SIGKILL");
    await second.exited;
    await one.close();
    await two.close().catch(() => {}); // its host is gone
  }
  await using third = await spawnHost(config);
  const client = await connected(third.url);
  let calls = 0;
  const all = async () => {
    for (; calls < 6; calls++) await client.call();
  };
  await expect(all()).rejects.toThrow("no more today");
  await client.close();
});
