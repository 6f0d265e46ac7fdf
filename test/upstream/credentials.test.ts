import { type Credentials, type CredentialsRequest, createHost, definePlugin, type Plugin, type PluginHost, refuse } from "mcp-host";
import { describe, expect, test } from "vitest";
import { httpTransport, memoryTransport, sdkClient } from "../harness/clients.ts";
import { guarded } from "../harness/guarded.ts";
import { startHost, upstream } from "../harness/hosts.ts";

function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** A plugin that gives what `give` says, and a list of what it was asked. */
function giving(give: (request: CredentialsRequest) => Partial<Credentials> | Promise<Partial<Credentials>>) {
  const asked: CredentialsRequest[] = [];
  const made = plugin("giver", (host) =>
    host.hooks.credentials.tap("giver", async (credentials, request) => {
      asked.push(request);
      return { ...credentials, ...(await give(request)) };
    }),
  );
  return { asked, plugin: made };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function whoami(client: ReturnType<typeof sdkClient>): Promise<string> {
  const { content } = await client.callTool({ name: "whoami" });
  return (content as { text: string }[])[0]?.text ?? "";
}

describe("credentials of an HTTP upstream", () => {
  test("are asked once for a connection, win over the config's of the same name, and cost later calls nothing", async () => {
    await using server = await guarded(["Bearer one"]);
    const { asked, plugin } = giving(() => bearer("one"));
    await using running = await startHost({
      listen: null,
      mcpServers: { up: { url: server.url, headers: { Authorization: "Bearer config", "X-Other": "kept" } } },
      plugins: [plugin],
    });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    for (let call = 0; call < 3; call++) expect(await whoami(client)).toBe("Bearer one");
    expect(asked).toMatchObject([{ reason: "connect", upstream: { key: "up" }, principal: { id: "local" } }]);
    expect(server.requests.every((headers) => headers["x-other"] === "kept")).toBe(true);
    await client.close();
  });

  test("are renewed once when the server answers 401, for all calls together, and the calls succeed", async () => {
    await using server = await guarded(["Bearer one"]);
    let token = "one";
    const { asked, plugin } = giving(() => bearer(token));
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    expect(await whoami(client)).toBe("Bearer one");
    server.accepted.clear();
    server.accepted.add("Bearer two");
    token = "two";
    const all = await Promise.all([whoami(client), whoami(client), whoami(client)]);
    expect(all).toEqual(["Bearer two", "Bearer two", "Bearer two"]);
    expect(asked.map(({ reason }) => reason)).toEqual(["connect", "refused"]);
    await client.close();
  });

  test("that are refused twice fail the call, with nothing sent", async () => {
    await using server = await guarded(["Bearer one"]);
    let count = 0;
    const { plugin } = giving(() => bearer(["one", "bad", "worse"][count++] ?? "worst"));
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    expect(await whoami(client)).toBe("Bearer one");
    server.accepted.clear();
    const calls = server.requests.length;
    await expect(whoami(client)).rejects.toMatchObject({ data: { type: "upstream_auth", sent: "no" } });
    expect(server.requests.length).toBe(calls + 2);
    await client.close();
  });

  test("that stay the same are not tried again", async () => {
    await using server = await guarded(["Bearer one"]);
    const { plugin } = giving(() => bearer("one"));
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    expect(await whoami(client)).toBe("Bearer one");
    server.accepted.clear();
    const calls = server.requests.length;
    await expect(whoami(client)).rejects.toMatchObject({ data: { type: "upstream_auth" } });
    expect(server.requests.length).toBe(calls + 1);
    await client.close();
  });

  test("are asked again before use when they have expired", async () => {
    await using server = await guarded(["Bearer one", "Bearer two"]);
    const { asked, plugin } = giving(({ reason }) =>
      reason === "connect" ? { ...bearer("one"), expires: Date.now() - 1 } : { ...bearer("two"), expires: Date.now() + 3_600_000 },
    );
    await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    expect(await whoami(client)).toBe("Bearer two");
    expect(await whoami(client)).toBe("Bearer two");
    expect(asked.map(({ reason }) => reason)).toEqual(["connect", "expired"]);
    await client.close();
  });

  test("are renewed once for the GET stream when it is refused, and not again", async () => {
    for (const [accepted, asked] of [
      [["Bearer two"], ["Bearer one", "Bearer two"]],
      [[], ["Bearer one", "Bearer two"]],
    ]) {
      await using server = await guarded(["Bearer one", "Bearer two"]);
      server.streams = { accepted: new Set(accepted), asked: [] };
      const { plugin, asked: reasons } = giving(({ reason }) => bearer(reason === "connect" ? "one" : "two"));
      await using running = await startHost({ listen: null, mcpServers: { up: { url: server.url } }, plugins: [plugin] });
      const client = sdkClient();
      await client.connect(await memoryTransport(running.host));
      await expect.poll(() => server.streams?.asked).toEqual(asked);
      expect(await whoami(client)).toBe("Bearer two");
      expect(server.streams.asked).toEqual(asked);
      expect(reasons.map(({ reason }) => reason)).toEqual(["connect", "refused"]);
      await client.close();
    }
  });

  test("a plugin's refusal reaches the caller, and nothing is sent", async () => {
    await using server = await guarded(["Bearer one"]);
    const { plugin } = giving(() => {
      throw refuse("upstream_auth", "no credentials of yours");
    });
    await using running = await startHost({ mcpServers: { up: { url: server.url } }, plugins: [plugin] });
    const client = sdkClient();
    await client.connect(httpTransport(running.url));
    expect((await client.listTools()).tools).toEqual([]);
    expect(server.requests).toEqual([]);
    expect(running.host.status().upstreams[0]).toMatchObject({ state: "failed", reason: "no credentials of yours" });
    await client.close();
  });

  test.each([
    ["a header with a line break", { headers: { authorization: "a\r\nx: y" } }, /authorization/],
    ["a header of the wire's own", { headers: { "Mcp-Session-Id": "x" } }, /Mcp-Session-Id/],
    ["no headers at all", { headers: undefined as never }, /none/],
    ["a variable with a NUL", { env: { A: "\0" } }, /variable/],
    ["an expiry that is no time", { expires: Number.NaN }, /expire/],
  ])("%s is a failure of the plugin, and nothing is sent", async (_, credentials, words) => {
    await using server = await guarded(["Bearer one"]);
    await using running = await startHost({ mcpServers: { up: { url: server.url } }, plugins: [giving(() => credentials).plugin] });
    await running.host.known(5_000);
    expect(server.requests).toEqual([]);
    expect(running.host.status().upstreams[0]?.reason).toMatch(words);
  });
});

test("a stdio server gets variables at its start, and each principal's process its own", async () => {
  const roles: Record<string, string> = { "Bearer a": "alice", "Bearer b": "bob" };
  const { asked, plugin: giver } = giving(({ principal }) => ({ env: { WHO: principal?.id ?? "shared" } }));
  const who = plugin("who", (host) => {
    host.isolate("up", "principal");
    host.hooks.authenticate.tap("who", ({ headers }) => ({ id: roles[headers.authorization as string] ?? "nobody", roles: [] }));
  });
  await using running = await startHost({ mcpServers: { up: upstream({ only: ["environment"] }) }, plugins: [giver, who] });
  for (const [authorization, id] of Object.entries(roles)) {
    const client = sdkClient();
    await client.connect(httpTransport(running.url, { authorization }));
    const { structuredContent } = await client.callTool({ name: "environment", arguments: {} });
    expect((structuredContent as { env: Record<string, string> }).env.WHO).toBe(id);
    await client.close();
  }
  expect(asked.map(({ principal }) => principal?.id)).toEqual(["alice", "bob"]);
  expect(running.host.status().upstreams[0]?.isolation).toBe("principal");
});

test("isolation is raised and never lowered, for configured upstreams, while apply runs", async () => {
  const facts: string[] = [];
  let late: (() => void) | undefined;
  await using host = createHost({
    mcpServers: {
      one: { url: "http://127.0.0.1:9/mcp", start: "lazy" },
      two: { url: "http://127.0.0.1:9/mcp", isolation: "session", start: "lazy" },
    },
    plugins: [
      plugin("raises", (host) => {
        for (const { key } of host.upstreams) host.isolate(key, "principal");
        facts.push(...host.upstreams.map(({ isolation }) => isolation));
        late = () => host.isolate("one", "session");
        host.hooks.ready.tap("raises", () => {});
      }),
    ],
  });
  await host.start();
  expect(facts).toEqual(["principal", "session"]);
  expect(late).toThrow(/isolate too late/);
  const wrong = createHost({
    mcpServers: { files: { url: "http://127.0.0.1:9/mcp" } },
    plugins: [plugin("wrong", (host) => host.isolate("flies", "principal"))],
  });
  await expect(wrong.start()).rejects.toThrow('no upstream is called "flies" (did you mean "files"?)');
});

test("a plugin that decides who may do what cannot be skipped", async () => {
  const judge = definePlugin({
    name: "judge",
    host: "^1.0.0",
    security: true,
    apply: (host) => host.hooks.permit.tap("judge", () => undefined),
  });
  await expect(createHost({ plugins: [{ use: judge(), onError: "skip" }] }).start()).rejects.toThrow(
    'plugins[0].onError: plugin "judge" decides who may do what, so it cannot be skipped when it fails; remove "onError"',
  );
  await using host = createHost({ plugins: [{ use: judge(), onError: "fail" }] });
  await host.start();
});

test("a session is bound to more than its principal's id and roles", async () => {
  const principals: Record<string, { id: string; roles: string[]; binding?: string }> = {
    strong: { id: "alice", roles: [], binding: "read write" },
    weak: { id: "alice", roles: [], binding: "read" },
    bare: { id: "alice", roles: [] },
  };
  const who = plugin("who", (host) => host.hooks.authenticate.tap("who", ({ headers }) => principals[String(headers.authorization)]));
  await using running = await startHost({ mcpServers: {}, plugins: [who] });
  const initialize = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
  const send = (authorization: string, session: string | undefined, method: string, body?: unknown) =>
    fetch(running.url, {
      method,
      headers: {
        authorization,
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...(session && { "mcp-session-id": session }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const opened = await send("strong", undefined, "POST", { jsonrpc: "2.0", id: 1, method: "initialize", params: initialize });
  const session = opened.headers.get("mcp-session-id") as string;
  const unknown = await (await send("strong", "nothing", "POST", { jsonrpc: "2.0", id: 2, method: "ping" })).text();
  for (const [who, method] of [
    ["weak", "POST"],
    ["bare", "POST"],
    ["weak", "GET"],
    ["weak", "DELETE"],
  ] as const) {
    const answer = await send(who, session, method, method === "POST" ? { jsonrpc: "2.0", id: 2, method: "ping" } : undefined);
    expect(answer.status, `${who} ${method}`).toBe(404);
    expect(await answer.text()).toBe(unknown);
  }
  expect((await send("strong", session, "POST", { jsonrpc: "2.0", id: 3, method: "ping" })).status).toBe(200);
});
