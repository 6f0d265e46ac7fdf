import { expect, test } from "vitest";
import { httpProcess, spawnHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { RawHttp } from "../harness/raw-http.ts";

// What becomes of questions that were asked meanwhile is in test/eras/relay.test.ts.
test("one of two hosts is killed: its sessions begin anew at the other, and clients of 2026-07-28 go on there", async () => {
  const server = await httpProcess("upstream", ["http"]);
  const config = { mcpServers: { one: { url: server.url } }, stateKey: "a key that both of them have" };
  await using lost = await spawnHost(config);
  await using left = await spawnHost(config);
  const legacy = await RawHttp.open(lost.url);
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { a: 1 } } };
  expect((await legacy.post(call)).status).toBe(200);
  expect((await new ModernHttp(lost.url).call("echo", { a: 1 })).result).toBeDefined();

  lost.signal("SIGKILL");
  await lost.exited;
  // The proxy sends both to the host that is left.
  const moved = new RawHttp(left.url);
  moved.session = legacy.session;
  const answer = await moved.post(call);
  expect(answer.status).toBe(404);
  expect(answer.messages.at(-1)?.error).toMatchObject({ code: -31404, data: { type: "session_not_found" } });
  expect((await (await RawHttp.open(left.url)).post(call)).messages.at(-1)?.result).toMatchObject({
    structuredContent: { arguments: { a: 1 } },
  });
  expect((await new ModernHttp(left.url).call("echo", { a: 1 })).result).toMatchObject({ structuredContent: { arguments: { a: 1 } } });
  await server.stop();
});
