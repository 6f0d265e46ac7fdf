import { type CredentialsRequest, definePlugin, type Plugin, type PluginHost, refuse } from "mcp-host";
import { describe, expect, test } from "vitest";
import { memoryTransport, sdkClient } from "../harness/clients.ts";
import { guarded } from "../harness/guarded.ts";
import { startHost } from "../harness/hosts.ts";

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const signIn = () => refuse("sign_in_required", 'upstream "up" wants you to sign in', { upstream: "up" });

/** A plugin that gives what `give` says, what it was asked, and the host as it has it. */
function giver(give: (request: CredentialsRequest) => { headers?: Record<string, string> }) {
  const asked: CredentialsRequest[] = [];
  const kept: { host?: PluginHost } = {};
  const plugin: Plugin = definePlugin({
    name: "giver",
    host: "^1.0.0",
    apply(host) {
      kept.host = host;
      host.hooks.credentials.tap("giver", (credentials, request) => {
        asked.push(request);
        return { ...credentials, ...give(request) };
      });
    },
  })();
  return { asked, kept, plugin };
}

describe("a server that wants somebody to sign in", () => {
  test("tells the hook what it wants, and is left alone until the credentials are others", async () => {
    await using server = await guarded(["Bearer good"]);
    server.challenges = ["Basic realm=x", 'Bearer resource_metadata="https://a.example/prm", scope="read"'];
    let token: string | undefined;
    const { asked, kept, plugin } = giver(({ reason }) => {
      if (token !== undefined) return bearer(token);
      if (reason === "refused" || server.requests.length > 0) throw signIn();
      return {};
    });
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    await expect.poll(() => running.host.status().upstreams[0]?.state).toBe("needs sign-in");
    expect(asked.find(({ reason }) => reason === "refused")?.challenge).toBe(server.challenges.join(", "));
    expect(running.host.status().upstreams[0]).toMatchObject({ reason: 'upstream "up" wants you to sign in' });
    expect(server.requests).toHaveLength(1);
    // Whoever uses it is told what to do, for which nothing is sent.
    for (let use = 0; use < 5; use++) await expect(running.host.reconnect("up")).rejects.toMatchObject({ type: "sign_in_required" });
    expect(server.requests).toHaveLength(1);
    token = "good";
    await kept.host?.renew("up");
    expect(running.host.status().upstreams[0]?.state).toBe("ready");
    await expect.poll(async () => (await client.listTools()).tools.length).toBe(1);
    await client.close();
  });

  test("asks for more scope once, and the call succeeds with the credentials that have it", async () => {
    await using server = await guarded(["Bearer narrow", "Bearer wide"]);
    server.narrow.set("Bearer narrow", 'Bearer error="insufficient_scope", scope="read write"');
    const { asked, plugin } = giver(({ reason }) => bearer(reason === "insufficient" ? "wide" : "narrow"));
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    const { content } = await client.callTool({ name: "whoami" });
    expect(content).toMatchObject([{ text: "Bearer wide" }]);
    expect(asked.filter(({ reason }) => reason === "insufficient")).toMatchObject([{ challenge: server.narrow.get("Bearer narrow") }]);
    await client.close();
  });

  test.each([
    ["the same credentials", () => bearer("narrow"), "upstream_auth"],
    [
      "a plugin's refusal",
      () => {
        throw signIn();
      },
      "sign_in_required",
    ],
  ])("fails a call that lacks scope with %s, and goes on with others", async (_, give, type) => {
    await using server = await guarded(["Bearer narrow"]);
    server.narrow.set("Bearer narrow", 'Bearer error="insufficient_scope"');
    const { plugin } = giver(({ reason }) => (reason === "insufficient" ? give() : bearer("narrow")));
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type, sent: "no" } });
    expect(running.host.status().upstreams[0]?.state).toBe("ready");
    expect((await client.listTools()).tools).toHaveLength(1);
    await client.close();
  });
});
