import { join } from "node:path";
import type { Config } from "mcp-host";
import { expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { ROOT, spawnHost, temporary, upstream } from "../harness/hosts.ts";

async function connected(url: URL) {
  const client = sdkClient();
  await client.connect(httpTransport(url));
  const call = async () => (await client.callTool({ name: "echo", arguments: {} }))._meta as { count: number; heard: number[] };
  return { call, close: () => client.close() };
}

test("two hosts on one file count together, hear each other, and find the count after one was stopped and the other killed", async () => {
  using folder = temporary();
  const config = {
    mcpServers: { one: upstream({ name: "one" }) },
    plugins: [
      join(ROOT, "test/fixtures/shared-quota.mjs"),
      ["@host/plugin-sqlite", { file: join(folder.path, "store.sqlite"), poll: "10ms" }],
    ] as Config["plugins"],
  };
  {
    await using first = await spawnHost(config);
    await using second = await spawnHost(config);
    const [one, two] = [await connected(first.url), await connected(second.url)];
    expect([(await one.call()).count, (await two.call()).count, (await one.call()).count]).toEqual([1, 2, 3]);
    expect(await two.call()).toEqual({ count: 4, heard: [1, 2, 3, 4] });
    second.signal("SIGKILL");
    await second.exited;
    await one.close();
    await two.close().catch(() => {}); // its host is gone
  }
  await using third = await spawnHost(config);
  const client = await connected(third.url);
  expect(await client.call()).toEqual({ count: 5, heard: [5] });
  await expect(client.call()).rejects.toThrow("no more today");
  await client.close();
});
