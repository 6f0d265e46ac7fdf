import { expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { startHost, upstream } from "../harness/hosts.ts";

test("a client calls a tool of a stdio server through the host", async () => {
  await using running = await startHost({ mcpServers: { one: upstream({ name: "one" }) } });
  const client = sdkClient();
  await client.connect(httpTransport(running.url));
  const { structuredContent } = await client.callTool({ name: "echo", arguments: { hello: "world" } });
  expect(structuredContent).toMatchObject({ arguments: { hello: "world" } });
  await client.close();
});
