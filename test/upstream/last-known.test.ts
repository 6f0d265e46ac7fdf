import { afterEach, expect, test, vi } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { httpProcess, startHost } from "../harness/hosts.ts";

let server: Awaited<ReturnType<typeof httpProcess>> | undefined;
afterEach(() => server?.stop());

test("what an upstream listed for a kind of client outlives the last client of that kind", async () => {
  server = await httpProcess("upstream", ["http", "--options", JSON.stringify({ only: ["echo"] })]);
  await using running = await startHost({ mcpServers: { one: { url: server.url } } });
  for (const round of ["while the server is up", "while it is down"]) {
    const transport = httpTransport(running.url);
    const client = sdkClient({ roots: {} });
    await client.connect(transport);
    expect(
      (await client.listTools()).tools.map(({ name }) => name),
      round,
    ).toEqual(["echo"]);
    await transport.terminateSession();
    await client.close();
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.connections).toHaveLength(1));
    await server.stop();
  }
});

test("the status tells what is listed now, although no client has asked since the list changed", async () => {
  server = await httpProcess("upstream", ["http", "--options", JSON.stringify({ only: ["change"] })]);
  await using running = await startHost({ mcpServers: { one: { url: server.url } } });
  const tools = (): string[] => running.host.status().tools.map(({ name }) => name);
  await vi.waitFor(() => expect(tools()).toEqual(["change"]));
  const beside = sdkClient();
  await beside.connect(httpTransport(new URL(server.url)));
  await beside.callTool({ name: "change", arguments: { action: "add", kinds: ["tools"] } });
  await vi.waitFor(() => expect(tools()).toEqual(["change", "extra"]));
  await beside.callTool({ name: "change", arguments: { action: "remove", kinds: ["tools"] } });
  await vi.waitFor(() => expect(tools()).toEqual(["change"]));
  await beside.close();
});
