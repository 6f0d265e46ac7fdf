import { createServer } from "node:net";
import { oauth } from "@host/plugin-oauth";
import { definePlugin } from "mcp-host";
import { afterEach, describe, expect, test, vi } from "vitest";
import { freePort } from "../harness/free-port.ts";
import { startHost } from "../harness/hosts.ts";
import { clientOf, later, settled, signIn, world } from "../harness/signed-in.ts";

afterEach(() => void vi.useRealTimers());

const HOUR = 3_600_000;
const text = (content: unknown) => (content as { text: string }[])[0]?.text;

describe("a server that wants the host to sign in", () => {
  test("is asked once, is not used until somebody has, and is then, with one registration", async () => {
    await using all = await world();
    const running = await all.host();
    const client = await clientOf(running);
    expect(await settled(running, "needs sign-in")).toMatchObject({
      state: "needs sign-in",
      reason: expect.stringContaining("mcp-host login up"),
    });
    for (let use = 0; use < 20; use++) await expect(running.host.reconnect("up")).rejects.toMatchObject({ type: "sign_in_required" });
    expect(all.server.requests).toHaveLength(1);
    expect(all.as.requests).toHaveLength(0);
    expect(await signIn(running)).toMatchObject({ state: "done", page: expect.stringContaining("Signed in") });
    expect(await settled(running, "ready")).toMatchObject({ state: "ready" });
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    expect([all.as.count("/reg"), all.as.count("/token")]).toEqual([1, 1]);
    expect(running.host.reports().oauth).toEqual({ kept: "secret store", servers: {} });
    await client.close();
  });

  test("is signed in to after a restart, and a second sign-in registers nobody anew", async () => {
    await using all = await world();
    const first = await all.host({ callback: { port: 0 } });
    await settled(first);
    await signIn(first);
    await first.host.close();
    const sent = all.as.requests.length;
    const second = await all.host();
    expect(await settled(second)).toMatchObject({ state: "ready" });
    expect(all.as.requests).toHaveLength(sent);
  });

  test("tokens are in no log, no status, no error", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    later(HOUR);
    const client = await clientOf(running);
    await client.callTool({ name: "whoami" });
    const secrets = [...all.secrets.values.values()].flatMap(({ value }) => {
      const { accessToken, refreshToken } = value as { accessToken?: string; refreshToken?: string };
      return [accessToken, refreshToken].filter((each) => each !== undefined);
    });
    expect(secrets).toHaveLength(2);
    all.server.refuses = true;
    const failed = await client.callTool({ name: "whoami" }).catch((error: unknown) => error);
    const said = JSON.stringify([running.logs, running.host.status(), running.host.reports(), failed, String(failed)]);
    for (const secret of [...secrets, ...all.server.seen.filter((each) => each !== undefined)]) expect(said).not.toContain(secret);
    await client.close();
  });

  test("is signed out of: both tokens are revoked, and nothing is left", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    expect(await running.host.operator.run("oauth:logout", { server: "up" })).toEqual({ signedOut: true });
    expect(all.as.count("/token/revocation")).toBe(2);
    expect(await settled(running, "needs sign-in")).toMatchObject({
      state: "needs sign-in",
      reason: expect.stringContaining("signed out"),
    });
    expect([...all.secrets.values.keys()].filter((key) => key.startsWith("grant:"))).toEqual([]);
    expect(await running.host.operator.run("oauth:logout", { server: "up" })).toEqual({ signedOut: false });
  });

  test("another host that shares the store is told of a sign-in and connects", async () => {
    await using all = await world();
    const [one, two] = [await all.host(), await all.host()];
    await Promise.all([settled(one), settled(two)]);
    await signIn(one);
    await vi.waitFor(() => expect(two.host.status().upstreams[0]?.state).toBe("ready"));
  });

  test("lets through what needs no token, and wants one where a tool does", async () => {
    await using all = await world({
      server: { openMethods: ["server/discover", "initialize", "notifications/initialized", "tools/list"] },
    });
    const running = await all.host();
    const client = await clientOf(running);
    await expect.poll(async () => (await client.listTools()).tools.length).toBe(1);
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "sign_in_required", sent: "no" } });
    await vi.waitFor(() => expect(running.host.status().upstreams[0]?.state).toBe("needs sign-in"));
    const sent = all.server.requests.length;
    for (let use = 0; use < 5; use++)
      await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "sign_in_required" } });
    expect(all.server.requests).toHaveLength(sent);
    await signIn(running);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    await client.close();
  });

  test("more scope takes a sign-in with all scopes together, and the old token is used until then", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    const client = await clientOf(running);
    all.server.wants = "write";
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({
      message: expect.stringContaining("more scope for this: write"),
      data: { type: "sign_in_required" },
    });
    expect((await client.listTools()).tools).toHaveLength(1);
    expect(all.as.count("/token")).toBe(1);
    await signIn(running);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    const [grant] = [...all.secrets.values].filter(([key]) => key.startsWith("grant:")).map(([, { value }]) => value);
    expect(grant).toMatchObject({ scopeAsked: expect.stringMatching(/^read .*write$/) });
    // It wants what another sign-in would not give.
    all.server.wants = "everything";
    all.server.wantsFor = "read write";
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "upstream_auth" } });
    await client.close();
  });
});

describe("a refresh", () => {
  test("happens once for all who wait, before the token ends, and keeps the resource", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    const client = await clientOf(running);
    for (let life = 2; life <= 4; life++) {
      later(0.95 * HOUR);
      await Promise.all(Array.from({ length: 50 }, () => client.callTool({ name: "whoami" })));
      expect(all.as.count("/token")).toBe(life);
    }
    expect(await settled(running, "ready")).toMatchObject({ state: "ready" });
    await client.close();
  });

  test("happens once for two hosts of one store", async () => {
    await using all = await world();
    const [one, two] = [await all.host(), await all.host()];
    await Promise.all([settled(one), settled(two)]);
    await signIn(one);
    await vi.waitFor(() => expect(two.host.status().upstreams[0]?.state).toBe("ready"));
    const clients = [await clientOf(one), await clientOf(two)];
    later(0.95 * HOUR);
    await Promise.all(clients.flatMap((client) => Array.from({ length: 20 }, () => client.callTool({ name: "whoami" }))));
    expect(all.as.count("/token")).toBe(2);
    for (const client of clients) await client.close();
  });

  test("that the server refuses is the end: one request, and who must sign in is told", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    const client = await clientOf(running);
    let asked = 0;
    all.as.answer = (_, path) => {
      if (path !== "/token") return undefined;
      asked++;
      return { status: 400, body: JSON.stringify({ error: "invalid_grant", error_description: "SPENT" }) };
    };
    later(2 * HOUR);
    for (let use = 0; use < 20; use++)
      await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "sign_in_required", sent: "no" } });
    expect(asked).toBe(1);
    expect(await settled(running, "needs sign-in")).toMatchObject({
      state: "needs sign-in",
      reason: expect.stringContaining("invalid_grant"),
    });
    expect(JSON.stringify(running.logs)).not.toContain("SPENT");
    all.as.answer = undefined;
    await signIn(running);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    await client.close();
  });

  test("of a client that the server has forgotten leads to another registration", async () => {
    await using all = await world();
    const port = await freePort();
    const running = await all.host({ callback: { port } });
    await settled(running);
    await signIn(running);
    await running.host.operator.run("oauth:logout", { server: "up" });
    await signIn(running);
    expect(all.as.count("/reg")).toBe(1);
    const client = await clientOf(running);
    all.as.answer = (_, path) => (path === "/token" ? { status: 401, body: JSON.stringify({ error: "invalid_client" }) } : undefined);
    later(2 * HOUR);
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "sign_in_required" } });
    all.as.answer = undefined;
    await signIn(running);
    expect(all.as.count("/reg")).toBe(2);
    await client.close();
  });

  test.each([
    ["503", { status: 503 }],
    ["429", { status: 429, headers: { "retry-after": "60" } }],
    ["a page", { status: 403, headers: { "content-type": "text/html" }, body: "<html>" }],
  ])("that is answered with %s is tried later, and the token is used while it lives", async (_, answer) => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    const client = await clientOf(running);
    let asked = 0;
    all.as.answer = (_request, path) => {
      if (path !== "/token") return undefined;
      asked++;
      return answer;
    };
    later(0.95 * HOUR);
    for (let use = 0; use < 10; use++) expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    expect(asked).toBe(1);
    expect(running.host.reports().oauth).toMatchObject({ servers: { up: { state: "degraded" } } });
    later(0.2 * HOUR);
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "upstream_down" } });
    expect(asked).toBe(2);
    all.as.answer = undefined;
    later(0.2 * HOUR);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    await client.close();
  });

  test("whose answer was lost is tried once more with the same token", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    await signIn(running);
    const client = await clientOf(running);
    let asked = 0;
    all.as.answer = (request, path) => {
      if (path !== "/token" || ++asked > 1) return undefined;
      request.socket.destroy();
      return { status: 200 };
    };
    later(2 * HOUR);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    expect(asked).toBe(2);
    await client.close();
  });
});

describe("what goes wrong", () => {
  test("a fresh token that is refused is the end, told with what may be the cause, and makes no storm", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    all.server.refuses = true;
    expect(await signIn(running)).toMatchObject({ state: "failed", message: expect.stringContaining("audience") });
    const sent = [all.server.requests.length, all.as.requests.length];
    for (let minute = 0; minute < 60; minute++) {
      later(60_000);
      await running.host.listTools();
      await expect(running.host.reconnect("up")).rejects.toMatchObject({ type: "sign_in_required" });
    }
    expect([all.server.requests.length, all.as.requests.length]).toEqual(sent);
  });

  test("a person who says no", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    all.as.says = "no";
    expect(await signIn(running)).toMatchObject({
      state: "failed",
      message: "the sign-in was refused",
      page: expect.stringContaining("was refused"),
    });
    expect(await settled(running, "needs sign-in")).toMatchObject({ state: "needs sign-in" });
  });

  test("a person who closes the page, and gives up: the port is free, and a late browser is told", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    const { id, redirectUri } = (await running.host.operator.run("oauth:begin", { server: "up" })) as { id: string; redirectUri: string };
    await running.host.operator.run("oauth:cancel", { id });
    expect(await running.host.operator.run("oauth:wait", { id })).toMatchObject({ state: "failed", message: "the sign-in was given up" });
    await vi.waitFor(() => expect(fetch(redirectUri)).rejects.toThrow());
  });

  test("a taken port: an app that was registered by hand needs it, and one that registers itself takes another", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    await using all = await world();
    const callback = { port };
    const byHand = await all.host({ servers: { up: { clientId: "by-hand" } }, callback });
    await settled(byHand);
    await expect(byHand.host.operator.run("oauth:begin", { server: "up" })).rejects.toThrow(`port ${port}`);
    const byItself = await all.host({ callback });
    await settled(byItself);
    expect(await signIn(byItself)).toMatchObject({ state: "done" });
    taken.close();
  });

  test("another authorization server than before: the app of the config is not taken there", async () => {
    await using all = await world();
    await using other = await world();
    const callback = { port: 0 };
    await using running = await all.host({ servers: { up: { clientId: "app", clientSecret: "the secret of the app" } }, callback });
    all.as.answer = (_, path) =>
      path === "/token" ? { status: 200, body: JSON.stringify({ access_token: "at", token_type: "bearer" }) } : undefined;
    await settled(running);
    const { url } = (await running.host.operator.run("oauth:begin", { server: "up" })) as { url: string };
    const back = new URL(new URL(url).searchParams.get("redirect_uri") as string);
    back.search = new URLSearchParams({
      code: "c",
      state: new URL(url).searchParams.get("state") as string,
      iss: all.as.issuer,
    }).toString();
    await fetch(back);
    all.server.issuer = other.as.issuer;
    await vi.waitFor(async () => {
      await expect(running.host.operator.run("oauth:begin", { server: "up" })).rejects.toThrow(/names .* now/);
    });
    expect(other.as.requests.every((each) => each.includes("/.well-known/"))).toBe(true);
  });

  test("a callback that is not ours counts for nothing, and shows nothing of what it says", async () => {
    await using all = await world();
    const running = await all.host();
    await settled(running);
    const begun = (await running.host.operator.run("oauth:begin", { server: "up" })) as { id: string; url: string; redirectUri: string };
    const state = new URL(begun.url).searchParams.get("state") as string;
    const came = async (parameters: Record<string, string> | string): Promise<[number, string]> => {
      const response = await fetch(`${begun.redirectUri}?${typeof parameters === "string" ? parameters : new URLSearchParams(parameters)}`);
      return [response.status, await response.text()];
    };
    const wrong: (string | Record<string, string>)[] = [
      {},
      { code: "x" },
      { code: "x", state: "other" },
      `code=x&state=${state}&state=${state}`,
    ];
    for (const parameters of wrong) {
      const [status, body] = await came(parameters);
      expect([status, body.includes("begin again")]).toEqual([400, true]);
    }
    expect((await fetch(begun.redirectUri, { method: "HEAD" })).status).toBe(404);
    const [, body] = await came({ error: "access_denied", error_description: "<b>MARK</b>", state, iss: "https://other.example" });
    expect(body).not.toMatch(/MARK|other\.example/);
    expect(all.as.count("/token")).toBe(0);
    // It was used up by that, and whoever waits for it is told.
    const over = await running.host.operator.run("oauth:wait", { id: begun.id });
    expect(over).toMatchObject({ state: "failed", message: expect.stringContaining("begin again") });
    await expect(came({ code: "x", state, iss: all.as.issuer })).rejects.toThrow();
    expect(all.as.count("/token")).toBe(0);
  });
});

describe("the host's own account", () => {
  const client = {
    client_id: "machine",
    client_secret: "a secret of the machine",
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  };

  test("gets its token by itself, and another one in time", async () => {
    await using all = await world({ as: { clients: [client] } });
    const running = await all.host({
      servers: { up: { grant: "client_credentials", clientId: "machine", clientSecret: client.client_secret } },
    });
    const caller = await clientOf(running);
    expect(await settled(running, "ready")).toMatchObject({ state: "ready" });
    expect(text((await caller.callTool({ name: "whoami" })).content)).toBe("machine");
    later(0.95 * HOUR);
    await Promise.all(Array.from({ length: 10 }, () => caller.callTool({ name: "whoami" })));
    expect(all.as.count("/token")).toBe(2);
    await caller.close();
  });

  test("that is refused is told as a mistake of the config, without a storm", async () => {
    await using all = await world({ as: { clients: [client] } });
    const running = await all.host({ servers: { up: { grant: "client_credentials", clientId: "machine", clientSecret: "wrong" } } });
    expect(await settled(running)).toMatchObject({ state: "failed" });
    for (let use = 0; use < 10; use++) await expect(running.host.reconnect("up")).rejects.toMatchObject({ type: "upstream_auth" });
    expect(all.as.count("/token")).toBe(1);
    expect(running.host.reports().oauth).toMatchObject({
      servers: { up: { state: "stopped", why: expect.stringContaining("invalid_client") } },
    });
  });
});

describe("beside other plugins", () => {
  test("what another plugin gives a server that is not named is that plugin's, refused or not", async () => {
    await using all = await world();
    const other = definePlugin({
      name: "other",
      host: "^1.0.0",
      apply: (host) =>
        host.hooks.credentials.tap("other", (credentials) => ({ ...credentials, headers: { authorization: "Bearer of another" } })),
    })();
    const running = await all.host({}, { plugins: [other] });
    expect(await settled(running)).toMatchObject({ state: "failed", reason: expect.stringContaining("credentials") });
    expect(all.as.requests).toHaveLength(0);
  });

  test("a sign-in without a refresh token ends with its token, or as soon as that is refused", async () => {
    await using all = await world({ as: { refreshes: false } });
    const running = await all.host();
    await settled(running);
    await signIn(running);
    const client = await clientOf(running);
    later(0.97 * HOUR);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    all.server.refuses = true;
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({
      data: { type: "sign_in_required" },
      message: expect.stringContaining("none to renew it with"),
    });
    expect(all.as.count("/token")).toBe(1);
    await client.close();
  });

  test("without a store for secrets a sign-in is the running host's, which says so", async () => {
    await using all = await world();
    await using running = await startHost({
      listen: null,
      mcpServers: { up: { url: all.server.url } },
      plugins: [oauth({ callback: { port: 0 } })],
    });
    expect(running.logs.some(({ message }) => String(message).includes("kept in memory"))).toBe(true);
    await settled(running);
    expect(await signIn(running)).toMatchObject({ state: "done" });
    expect(running.host.reports().oauth).toMatchObject({ kept: "memory" });
  });
});
