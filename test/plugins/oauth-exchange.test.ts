import { type AuthOptions, auth } from "@host/plugin-auth";
import { type OAuthOptions, oauth } from "@host/plugin-oauth";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { newKey } from "../../packages/plugin-auth/dist/keys.js";
import { AUDIENCE, type TestIssuer, testIssuer } from "../../packages/plugin-auth/test/issuer.ts";
import { EXCHANGE } from "../fixtures/token-exchange.mjs";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { startHost } from "../harness/hosts.ts";
import { later, type World, world } from "../harness/signed-in.ts";

const HOUR = 3_600_000;
const PEPPER = "a pepper that only tests know";
const APP = {
  client_id: "gateway",
  client_secret: "the secret of the gateway",
  grant_types: [EXCHANGE],
  redirect_uris: [],
  response_types: [],
};
const text = (content: unknown) => (content as { text: string }[])[0]?.text ?? "";

let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await testIssuer();
});
afterAll(() => issuer[Symbol.asyncDispose]());
afterEach(() => void vi.useRealTimers());

/** What needs no token, so that there is something to call. */
const OPEN = ["server/discover", "initialize", "notifications/initialized", "tools/list"];

/** Tokens that came to be exchanged, each as often as it came, and those that are not taken. */
interface Exchanges {
  readonly came: string[];
  readonly refused: Set<string>;
}

/** A server whose authorization server exchanges the tokens of clients, and a host before it. */
async function exchanging(given: object = {}, allowed: AuthOptions = {}, openMethods: string[] = []) {
  const exchanges: Exchanges = { came: [], refused: new Set() };
  const all: World = await world({
    server: { openMethods },
    as: {
      clients: [APP],
      exchanges: (token) => {
        exchanges.came.push(token);
        const { sub } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { sub: string };
        return exchanges.refused.has(token) ? undefined : `${sub} at home`;
      },
    },
  });
  const servers: OAuthOptions["servers"] = {
    up: { grant: "token_exchange", issuer: all.as.issuer, clientId: APP.client_id, clientSecret: APP.client_secret, ...given },
  };
  const jwt = [{ issuer: issuer.issuer, jwksUri: issuer.jwksUri, audience: AUDIENCE }];
  const running = await all.host({ servers }, { listen: { port: 0 }, plugins: [auth({ jwt, default: "allow", ...allowed })] });
  /** A client, as soon as it sees the server's tool where that is `listed`. */
  const client = async (credentials: string | undefined, listed = true) => {
    const made = sdkClient();
    await made.connect(httpTransport(running.url, credentials === undefined ? {} : { authorization: `Bearer ${credentials}` }));
    if (listed)
      await expect.poll(async () => (await made.listTools()).tools.map(({ name }) => name), { timeout: 20_000 }).toEqual(["whoami"]);
    return made;
  };
  return { all, running, client, ...exchanges, [Symbol.asyncDispose]: () => all[Symbol.asyncDispose]() };
}

describe("a caller's token is exchanged for one of the server's", () => {
  test("once for all that one principal calls at once, and never for another", async () => {
    await using here = await exchanging();
    const [alice, bob] = [await issuer.sign({ sub: "alice" }), await issuer.sign({ sub: "bob" })];
    const clients = [await here.client(alice), await here.client(alice), await here.client(bob)];
    const asked = clients.flatMap((client) => Array.from({ length: 10 }, () => client.callTool({ name: "whoami" })));
    const said = (await Promise.all(asked)).map(({ content }) => text(content));
    expect(said).toEqual([...Array(20).fill("alice at home"), ...Array(10).fill("bob at home")]);
    expect(here.came.toSorted()).toEqual([alice, bob].toSorted());
    expect(here.all.server.seen).not.toContain(alice);
    expect(new Set(here.all.server.seen.filter((token) => token !== undefined)).size).toBe(2);
    const known = JSON.stringify([here.running.logs, here.running.host.status(), here.running.host.reports()]);
    for (const secret of [alice, bob, ...here.all.server.seen]) if (secret !== undefined) expect(known).not.toContain(secret);
    expect(here.running.host.reports().oauth).toMatchObject({ servers: { up: { mode: "principal", waiting: 0 } } });
    for (const client of clients) await client.close();
  });

  test("anew in time, with the token that the client came with last", async () => {
    await using here = await exchanging();
    const first = await issuer.sign();
    const client = await here.client(first);
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice at home");
    later(0.9 * HOUR);
    const second = await issuer.sign();
    const renewed = await here.client(second);
    expect(text((await renewed.callTool({ name: "whoami" })).content)).toBe("alice at home");
    expect(here.came).toEqual([first]);
    later(0.2 * HOUR);
    expect(text((await renewed.callTool({ name: "whoami" })).content)).toBe("alice at home");
    expect(here.came).toEqual([first, second]);
    for (const each of [client, renewed]) await each.close();
  });

  test("tokens with other scopes are another caller's", async () => {
    await using here = await exchanging();
    const tokens = [await issuer.sign({ scope: "a" }), await issuer.sign({ scope: "a b" })];
    for (const token of tokens) {
      const client = await here.client(token);
      await client.callTool({ name: "whoami" });
      await client.close();
    }
    expect(here.came).toEqual(tokens);
  });
});

describe("whoever gets no token is told why", () => {
  test("an API key and nobody at all cannot be exchanged, and nothing is asked", async () => {
    const { key, digest } = newKey("ci", PEPPER);
    const keys = [{ id: "ci", digest, roles: [] }];
    await using here = await exchanging({}, { apiKeys: { pepper: PEPPER, keys }, anonymous: [] }, OPEN);
    for (const [credentials, who] of [
      [key, "key:ci"],
      [undefined, "anonymous"],
    ] as const) {
      const client = await here.client(credentials);
      const sent = here.all.server.requests.length;
      await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({
        data: { type: "sign_in_required", sent: "no" },
        message: expect.stringContaining(`"${who}" came without a token`),
      });
      expect(here.all.server.requests).toHaveLength(sent);
      await client.close();
    }
    expect([here.came, here.all.as.count("/token")]).toEqual([[], 0]);
  });

  test("where nothing is open to them, they see nothing of it, and the server is asked once", async () => {
    await using here = await exchanging({}, { anonymous: [] });
    const client = await here.client(undefined, false);
    const reasons = () => JSON.stringify(here.running.host.status().upstreams);
    await vi.waitFor(() => expect(reasons()).toContain("came without a token"), { timeout: 20_000 });
    const sent = here.all.server.requests.length;
    for (let times = 0; times < 5; times++) expect((await client.listTools()).tools).toEqual([]);
    expect(here.all.server.requests).toHaveLength(sent);
    await client.close();
  });

  test("a token that is refused is not sent again, and the next one is", async () => {
    await using here = await exchanging();
    const token = await issuer.sign();
    here.refused.add(token);
    const client = await here.client(token, false);
    for (let call = 0; call < 10; call++) {
      await client.listTools();
      const error = (await client.callTool({ name: "whoami" }).catch((thrown: unknown) => thrown)) as Error;
      expect(error).toBeInstanceOf(Error);
      expect(error.message).not.toContain(token);
    }
    expect(here.came).toEqual([token]);
    const other = await issuer.sign({ jti: "another" });
    const renewed = await here.client(other);
    expect(text((await renewed.callTool({ name: "whoami" })).content)).toBe("alice at home");
    expect(here.came).toEqual([token, other]);
    for (const each of [client, renewed]) await each.close();
  });

  test("what is wrong with the host's own account is told to the operator, without a storm", async () => {
    await using here = await exchanging({ clientSecret: "another secret" });
    const client = await here.client(await issuer.sign(), false);
    for (let call = 0; call < 10; call++) {
      await client.listTools();
      await expect(client.callTool({ name: "whoami" })).rejects.toThrow();
    }
    expect(here.all.as.count("/token")).toBe(1);
    expect(here.running.logs.some((line) => JSON.stringify(line).includes("invalid_client"))).toBe(true);
    await client.close();
  });

  test("a server that refuses what was just exchanged is asked once", async () => {
    await using here = await exchanging();
    here.all.server.refuses = true;
    const client = await here.client(await issuer.sign(), false);
    for (let call = 0; call < 10; call++) {
      await client.listTools();
      await expect(client.callTool({ name: "whoami" })).rejects.toThrow();
    }
    expect(here.came).toHaveLength(1);
    expect(here.running.logs.some((line) => JSON.stringify(line).includes("another audience"))).toBe(true);
    await client.close();
  });

  test("without a plugin that checks tokens the host does not start", async () => {
    const up = { grant: "token_exchange", issuer: "https://as.example", clientId: "x" } as const;
    const starting = startHost({
      listen: null,
      mcpServers: { up: { url: "https://up.example/mcp" } },
      plugins: [oauth({ servers: { up } })],
    });
    await expect(starting).rejects.toThrow(/caller-tokens/);
  });
});
