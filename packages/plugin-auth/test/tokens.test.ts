import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KeySet } from "../dist/key-set.js";
import { issuer as issuerSchema } from "../dist/options.js";
import { BadToken, claimedIssuer, Issuer } from "../dist/tokens.js";
import { AUDIENCE, type TestIssuer, testIssuer, unsigned } from "./issuer.ts";

let server: TestIssuer;
const failures: (Error | undefined)[] = [];
beforeEach(async () => {
  server = await testIssuer();
  failures.length = 0;
});
afterEach(async () => {
  vi.useRealTimers();
  await server[Symbol.asyncDispose]();
});

function verifier(options: Record<string, unknown> = {}, context: { claims?: string[]; implies?: Record<string, string[]> } = {}): Issuer {
  const parsed = issuerSchema.parse({ issuer: server.issuer, jwksUri: server.jwksUri, ...options });
  return new Issuer(parsed, { resource: AUDIENCE, claims: [], implies: {}, ...context, fetched: (_, error) => failures.push(error) });
}

const seconds = (): number => Math.floor(Date.now() / 1000);

test("a good token gives principal, roles, scopes and expiry", async () => {
  const exp = seconds() + 100;
  const token = await server.sign({ exp, roles: ["dev", 7], scope: "read write", client_id: "app", team: "blue", secret: "unread" });
  const { principal, scopes, expires } = await verifier({ roles: ["human"] }, { claims: ["team"] }).verify(token);
  expect(principal).toMatchObject({ id: "jwt:alice", roles: ["human", "dev", "scope:read", "scope:write"], claims: { team: "blue" } });
  expect([...scopes]).toEqual(["read", "write"]);
  expect(expires).toBe(exp * 1000);
});

test("a role that the token claims is never a scope, whatever it looks like and wherever it is", async () => {
  const claims = { roles: ["scope:write", "dev"], realm: { roles: "scope:write" }, scope: "read" };
  const token = await server.sign(claims);
  expect((await verifier().verify(token)).principal.roles).toEqual(["dev", "scope:read"]);
  expect((await verifier({ rolesClaim: ["realm", "roles"] }).verify(token)).principal.roles).toEqual(["scope:read"]);
  // What the operator writes down may be one.
  expect((await verifier({ roles: ["scope:write"] }).verify(token)).principal.roles).toEqual(["scope:write", "dev", "scope:read"]);
});

describe("what is refused", () => {
  const now = seconds();
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["another audience", { aud: "https://other.example/mcp" }, /"aud" is not accepted/],
    ["no audience", { aud: undefined }, /no "aud"/],
    ["a list of other audiences", { aud: ["https://a.example", "https://b.example"] }, /"aud" is not accepted/],
    ["an audience that only begins alike", { aud: `${AUDIENCE}/other` }, /"aud" is not accepted/],
    ["another issuer", { iss: "https://other.example" }, /"iss" is not accepted/],
    ["an expired token", { exp: now - 31 }, /has expired/],
    ["a token that never expires", { exp: undefined }, /no "exp"/],
    ["an expiry that is no number", { exp: "tomorrow" }, /"exp" is not accepted/],
    ["a token that is not valid yet", { nbf: now + 90 }, /not valid yet/],
    ["no subject", { sub: undefined }, /no "sub"/],
    ["an empty subject", { sub: "" }, /no usable id/],
    ["a subject that is no text", { sub: 7 }, /no usable id/],
    ["a very long subject", { sub: "x".repeat(300) }, /no usable id/],
    ["more roles than anybody has", { roles: Array.from({ length: 300 }, (_, n) => `r${n}`) }, /more than 200 roles/],
  ])("%s", async (_, claims, words) => {
    const token = await server.sign(claims as never);
    await expect(verifier().verify(token)).rejects.toThrow(words);
  });

  test("alg none, in any spelling", async () => {
    const claims = { iss: server.issuer, aud: AUDIENCE, sub: "alice", exp: seconds() + 100 };
    for (const alg of ["none", "None", "NONE", ""]) await expect(verifier().verify(unsigned({ alg }, claims))).rejects.toThrow(BadToken);
  });

  test("a token signed by HMAC with the public key as the secret", async () => {
    const claims = { iss: server.issuer, aud: AUDIENCE, sub: "alice", exp: seconds() + 100 };
    const head = unsigned({ alg: "HS256", kid: "k0" }, claims).slice(0, -1);
    const signature = createHmac("sha256", JSON.stringify(await server.publicKey()))
      .update(head)
      .digest("base64url");
    await expect(verifier().verify(`${head}.${signature}`)).rejects.toThrow(/signature algorithm is not accepted/);
  });

  test("an algorithm that the config does not name", async () => {
    await expect(verifier({ algorithms: ["RS256"] }).verify(await server.sign())).rejects.toThrow(/signature algorithm is not accepted/);
  });

  test("a changed payload and a changed signature", async () => {
    const [head, , signature] = (await server.sign()).split(".");
    const payload = Buffer.from(JSON.stringify({ iss: server.issuer, aud: AUDIENCE, sub: "root", exp: seconds() + 100 })).toString(
      "base64url",
    );
    await expect(verifier().verify(`${head}.${payload}.${signature}`)).rejects.toThrow("the token is not valid");
  });

  test("a key that the issuer does not publish, and key ids that are paths or URLs; nothing is fetched because of them", async () => {
    const issuer = verifier();
    for (const kid of ["k9", "../../../../dev/null", "http://127.0.0.1:1/keys", "' OR 1=1 --", "__proto__"])
      await expect(issuer.verify(await server.sign({}, { kid }))).rejects.toThrow(/does not publish/);
    expect(server.fetches, "one fetch, and the cooldown").toBe(1);
  });

  test("keys that the token brings along", async () => {
    const other = await testIssuer();
    const token = await other.sign({}, { kid: "k7", jku: other.jwksUri, jwk: await other.publicKey() });
    await expect(verifier().verify(token)).rejects.toThrow(/does not publish/);
    expect(other.fetches).toBe(0);
    await other[Symbol.asyncDispose]();
  });

  test("another type than the one that is wanted", async () => {
    const issuer = verifier({ type: "at+jwt" });
    await expect(issuer.verify(await server.sign({}, { typ: "JWT" }))).rejects.toThrow(/"typ" is not accepted/);
    await expect(issuer.verify(await server.sign({}, { typ: "at+jwt" }))).resolves.toBeDefined();
  });

  test("what is no JWT, or names no issuer", () => {
    for (const text of ["", "x", "a.b.c", unsigned({}, { iss: 7 }), unsigned({}, {})]) expect(() => claimedIssuer(text)).toThrow(BadToken);
    expect(claimedIssuer(unsigned({}, { iss: "me" }))).toBe("me");
  });
});

describe("what is accepted", () => {
  test("a list of audiences that has ours, and a token within the leeway", async () => {
    const issuer = verifier();
    await expect(issuer.verify(await server.sign({ aud: ["https://other.example", AUDIENCE] }))).resolves.toBeDefined();
    await expect(issuer.verify(await server.sign({ exp: seconds() - 20, nbf: seconds() + 20 }))).resolves.toBeDefined();
  });

  test("audiences of the issuer's own, subjects and roles from other claims", async () => {
    const issuer = verifier({ name: "corp", audience: ["one", "two"], subject: "email", rolesClaim: ["realm_access", "roles"] });
    const { principal } = await issuer.verify(await server.sign({ aud: "two", email: "a@b", realm_access: { roles: ["x"] } }));
    expect(principal).toMatchObject({ id: "corp:a@b", roles: ["x"] });
    const one = await verifier({ rolesClaim: "https://ns.example/role" }).verify(await server.sign({ "https://ns.example/role": "only" }));
    expect(one.principal.roles).toEqual(["only"]);
  });

  test("scopes as a list, and those that others include", async () => {
    const { scopes } = await verifier({}, { implies: { admin: ["write"], write: ["read", "admin"] } }).verify(
      await server.sign({ scp: ["admin"] }),
    );
    expect([...scopes].sort()).toEqual(["admin", "read", "write"]);
  });
});

test("the binding differs by issuer's client, scopes and kept claims, and by nothing else", async () => {
  const issuer = verifier({}, { claims: ["team"] });
  const binding = async (claims: Record<string, unknown>): Promise<string | undefined> =>
    (await issuer.verify(await server.sign({ scope: "a b", client_id: "app", team: "blue", ...claims }))).principal.binding;
  const first = await binding({});
  expect(await binding({ exp: seconds() + 999, jti: "other", scope: "b a", unread: "x" })).toBe(first);
  const others = [{ scope: "a" }, { scope: "a b c" }, { client_id: "other" }, { team: "red" }, { team: undefined }];
  const bindings = await Promise.all(others.map(binding));
  expect(new Set([first, ...bindings]).size).toBe(others.length + 1);
});

describe("the keys of an issuer", () => {
  test("are fetched on first use, once for many tokens, and again when a token names an unknown one", async () => {
    const issuer = verifier({ cooldown: 0 });
    await Promise.all([await server.sign(), await server.sign(), await server.sign()].map((token) => issuer.verify(token)));
    expect(server.fetches).toBe(1);
    const old = await server.sign();
    await server.rotate();
    await expect(issuer.verify(await server.sign())).resolves.toBeDefined();
    expect(server.fetches).toBe(2);
    await expect(issuer.verify(old), "its key is gone").rejects.toThrow(/does not publish/);
    expect(failures.every((error) => error === undefined)).toBe(true);
  });

  test("that cannot be had refuse, and say that the token is not to blame", async () => {
    server.answer = { status: 503 };
    const issuer = verifier();
    const failure = await issuer.verify(await server.sign()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ isInvalid: false, message: expect.stringMatching(/cannot be verified now/) });
    await expect(issuer.verify(await server.sign())).rejects.toThrow(BadToken);
    expect(server.fetches, "no second try within the cooldown").toBe(1);
    expect(failures).toHaveLength(1);
  });

  test.each([
    ["no JSON", { body: "<html>" }, /not JSON/],
    ["no object", { body: "[]" }, /no JSON object/],
    ["no keys", { body: "{}" }, /no "keys"/],
    ["far too many keys", { body: JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: "EC" })) }) }, /more than 100/],
    ["keys that are none", { body: JSON.stringify({ keys: [7] }) }, /./],
    ["an endless answer", { body: "x".repeat(300 * 1024) }, /larger than/],
    ["a redirect", { status: 302, location: "http://127.0.0.1:1/" }, /./],
  ])("%s instead of keys is a failure", async (_, answer, words) => {
    server.answer = answer;
    await expect(verifier().verify(await server.sign())).rejects.toThrow(/cannot be verified now/);
    expect(failures[0]?.message).toMatch(words);
  });

  test("without names are all tried, in any order, and a token that none of them signed is refused", async () => {
    for (let others = 0; others < 3; others++) {
      server.others.push(await server.publicKey());
      await server.rotate();
    }
    server.named = false;
    const issuer = verifier();
    await expect(issuer.verify(await server.sign({}, { kid: undefined }))).resolves.toBeDefined();
    const stranger = await testIssuer();
    await expect(issuer.verify(await stranger.sign({}, { kid: undefined }))).rejects.toThrow("the token is not valid");
    const claims = { aud: "https://other.example/mcp" };
    await expect(issuer.verify(await server.sign(claims, { kid: undefined }))).rejects.toThrow(/"aud" is not accepted/);
    await stranger[Symbol.asyncDispose]();
  });

  test("without names that were changed are fetched again, once in a cooldown", async () => {
    server.named = false;
    const issuer = verifier({ cooldown: 60_000 });
    await expect(issuer.verify(await server.sign({}, { kid: undefined }))).resolves.toBeDefined();
    await server.rotate();
    await expect(issuer.verify(await server.sign({}, { kid: undefined })), "within the cooldown").rejects.toThrow("the token is not valid");
    expect(server.fetches).toBe(1);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_001 });
    await expect(issuer.verify(await server.sign({}, { kid: undefined }))).resolves.toBeDefined();
    expect(server.fetches).toBe(2);
  });

  test("that are old are used while the issuer is asked, and nobody waits for it", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const fetched = vi.fn();
    const keys = new KeySet({ url: server.jwksUri, timeout: 4_000, maxAge: 1_000, maxStale: 10_000, cooldown: 1_000, fetched });
    const ask = (kid: string) => keys.get({ alg: "ES256", kid }, { payload: "", signature: "" } as never);
    await ask("k0");
    let release = (): void => {};
    server.held = new Promise((resolve) => {
      release = resolve;
    });
    await server.rotate();
    vi.setSystemTime(Date.now() + 1_001);
    await expect(ask("k0"), "the issuer has not answered").resolves.toBeDefined();
    await vi.waitFor(() => expect(server.fetches).toBe(2));
    const waiting = ask("k1");
    release();
    await expect(waiting, "a key that is unknown is waited for").resolves.toBeDefined();
    expect(server.fetches).toBe(2);
    await expect(ask("k0")).rejects.toThrow();
    // Nothing that is older than it may be is used meanwhile.
    server.held = undefined;
    vi.setSystemTime(Date.now() + 10_001);
    await expect(ask("k1")).resolves.toBeDefined();
    expect(server.fetches).toBe(3);
  });

  test("that are old are fetched again, are used for a while when that fails, and then no more", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const fetched = vi.fn();
    const keys = new KeySet({ url: server.jwksUri, timeout: 4_000, maxAge: 1_000, maxStale: 10_000, cooldown: 100, fetched });
    expect(keys.fetchedAt).toBeUndefined();
    const ask = () => keys.get({ alg: "ES256", kid: "k0" }, { payload: "", signature: "" } as never);
    await ask();
    await ask();
    expect(server.fetches).toBe(1);
    vi.setSystemTime(Date.now() + 1_001);
    await ask();
    await vi.waitFor(() => expect(fetched).toHaveBeenCalledTimes(2)); // they were old
    server.answer = { status: 500 };
    vi.setSystemTime(Date.now() + 5_000);
    await expect(ask(), "the old ones are used").resolves.toBeDefined();
    await vi.waitFor(() => expect(fetched).toHaveBeenCalledTimes(3));
    vi.setSystemTime(Date.now() + 5_001);
    await expect(ask(), "they are too old").rejects.toThrow(/cannot be fetched/);
  });

  test("are given up after the timeout", async () => {
    const { createServer } = await import("node:http");
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    await expect(verifier({ jwksUri: `http://127.0.0.1:${port}/`, timeout: 30 }).verify(await server.sign())).rejects.toThrow(
      /verified now/,
    );
    silent.closeAllConnections();
    silent.close();
  });
});
