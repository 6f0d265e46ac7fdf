import { countingKey, definePlugin, type Exchange } from "mcp-host";
import { createTestHost } from "mcp-host/testing";
import { expect, test } from "vitest";
import { httpTransport, sdkClient } from "../../../test/harness/clients.ts";

const of = (id: string, address?: string): string =>
  countingKey({
    principal: { id, roles: [] },
    http: address === undefined ? undefined : { address, path: "", headers: {} },
  } satisfies Pick<Exchange, "principal" | "http">);

test("who is known is counted by id, who is not by address, of IPv6 by its network", () => {
  expect(of("ada", "192.0.2.1")).toBe("principal:ada");
  expect(of("local")).toBe("principal:local");
  expect(of("anonymous", "192.0.2.1")).toBe("address:192.0.2.1");
  expect(of("anonymous", "::ffff:192.0.2.1")).toBe("address:192.0.2.1");
  expect(of("anonymous", "2001:db8::1")).toBe("address:2001:db8:0:0::/64");
  expect(of("anonymous", "2001:DB8:0:0:ffff::2%eth0")).toBe("address:2001:db8:0:0::/64");
  expect(of("anonymous", "::1")).toBe("address:0:0:0:0::/64");
  expect(of("anonymous", "")).toBe("principal:anonymous"); // a Unix socket
  expect(of("anonymous")).toBe("principal:anonymous");
});

test("another session of somebody anonymous is another scope, and no other key", async () => {
  const seen: { key: string; scope: string }[] = [];
  const counting = definePlugin({
    name: "counting",
    host: "^1.0.0",
    apply(host) {
      host.offer({ tools: { hello: { call: () => "hello" } } });
      host.hooks.settled.tap("counting", (exchange) => {
        if (exchange.method === "tools/call") seen.push({ key: countingKey(exchange), scope: exchange.scope });
      });
    },
  });
  await using host = await createTestHost({ plugins: [counting()], client: false, config: { listen: { port: 0 } } });
  for (let session = 0; session < 2; session++) {
    const client = sdkClient();
    await client.connect(httpTransport(new URL(host.host.url ?? "")));
    await client.callTool({ name: "hello", arguments: {} });
    await client.close();
  }
  expect(seen.map(({ key }) => key)).toEqual(["address:127.0.0.1", "address:127.0.0.1"]);
  expect(new Set(seen.map(({ scope }) => scope)).size).toBe(2);
});
