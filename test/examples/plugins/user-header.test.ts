import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import userHeader from "../../../examples/plugins/user-header.ts";

testPlugin(userHeader, {
  test,
  module: new URL("../../../examples/plugins/user-header.ts", import.meta.url),
  options: { servers: {} },
  badOptions: [
    { options: { servers: { contract: { header: "a b" } } }, place: "plugins[0].options.servers.contract.header", hint: "pattern" },
    { options: { servers: { contrac: {} } }, place: 'plugin "user-header": options.servers.contrac', hint: "contract" },
  ],
});

const KEY = "ada's own key";

test("each person's calls carry their own header over connections of their own", async () => {
  const files = fakeUpstream({ tools: { read: () => "read" } });
  await using remote = await createTestHost({ upstreams: { files }, config: { listen: { port: 0 } }, client: false });
  const port = new URL(remote.host.url!).port;
  /** What the server got: a proxy before it that looks at headers. */
  const seen: string[] = [];
  const proxy = createServer(async (request, response) => {
    const { "x-user": user, authorization } = request.headers;
    seen.push(String(user ?? authorization));
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer); // bytes, since no encoding was set
    const { host: _, connection: __, "content-length": ___, ...headers } = request.headers as Record<string, string>; // none of these comes twice
    const body = parts.length > 0 ? { body: Buffer.concat(parts) } : {};
    const answer = await fetch(`http://127.0.0.1:${port}${request.url}`, { method: request.method ?? "GET", headers, ...body });
    response.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(([name]) => name !== "transfer-encoding")));
    if (answer.body) for await (const part of answer.body) response.write(part);
    response.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`; // it listens
    const servers = { wiki: {}, crm: { header: "authorization", prefix: "Bearer ", keys: { ada: KEY } } };
    await using host = await createTestHost({
      plugins: [userHeader({ servers }), "@host/plugin-namespace"],
      upstreams: { wiki: { url }, crm: { url } },
      client: false,
    });
    const as = (id: string) => host.connect({ principal: { id, roles: [] } });
    const ada = await as("ada");
    await ada.callTool("wiki__read");
    expect(new Set(seen)).toEqual(new Set(["ada", `Bearer ${KEY}`]));
    seen.length = 0;
    const bob = await as("bob");
    await bob.callTool("wiki__read");
    await expect(bob.callTool("crm__read")).rejects.toThrow();
    expect(new Set(seen)).toEqual(new Set(["bob"]));
    await expect((await as("anonymous")).callTool("wiki__read")).rejects.toThrow();
    const told = JSON.stringify(host.log);
    expect(told).toContain("you have no key for");
    expect(told).toContain("come as somebody");
    expect(JSON.stringify([host.log, host.host.stats()])).not.toContain(KEY);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});
