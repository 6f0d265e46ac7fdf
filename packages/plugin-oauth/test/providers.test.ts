import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { bearerOf } from "../dist/challenge.js";
import { discover, metadataPlaces } from "../dist/discovery.js";
import { Egress } from "../dist/egress.js";
import { server as serverSchema } from "../dist/options.js";
import { Tokens } from "../dist/tokens.js";
import { type Answer, type Answers, asked, origin, script } from "./scripted.ts";

const egress = (timeout = 20_000) => new Egress(timeout, new AbortController().signal);
const optionsOf = (given: object = {}) => serverSchema.parse(given);
const PRM = "/.well-known/oauth-protected-resource";
const AS = "/.well-known/oauth-authorization-server";
const OIDC = "/.well-known/openid-configuration";
const metadata = (more: object = {}) => ({
  body: {
    issuer: origin,
    authorization_endpoint: `${origin}/a`,
    token_endpoint: `${origin}/t`,
    code_challenge_methods_supported: ["S256"],
    ...more,
  },
});
const resource = (more: object = {}) => ({ body: { resource: `${origin}/mcp`, authorization_servers: [origin], ...more } });
const find = (given: object = {}, header?: string) =>
  bearerOf(header).then((challenge) => discover({ url: `${origin}/mcp`, options: optionsOf(given), challenge }, egress()));
const paths = () => asked.map(({ path }) => path);

describe("the challenge of a 401", () => {
  test.each([
    ["one", 'Bearer resource_metadata="https://a.example/x", scope="a b"', { resourceMetadata: "https://a.example/x", scope: "a b" }],
    ["after another scheme", 'Basic realm="x, y", Bearer scope=a', { scope: "a" }],
    ["with quoted commas and escapes", 'Bearer realm="a\\"b, c", error="invalid_token"', { error: "invalid_token" }],
  ])("%s", async (_, header, wanted) => expect(await bearerOf(header)).toMatchObject(wanted));

  test.each([
    ["none", undefined],
    ["another scheme alone", "Basic realm=x"],
    ["no challenge at all", "=,="],
    ["many", `Basic ${"x=y, ".repeat(800)}`],
  ])("%s", async (_, header) => expect(await bearerOf(header)).toBeUndefined());
});

describe("which authorization server it is", () => {
  test("the place that the challenge names comes first, and may be relative", async () => {
    script({ "/elsewhere": resource(), [AS]: metadata() });
    expect(await find({}, 'Bearer resource_metadata="/elsewhere"')).toMatchObject({ resource: `${origin}/mcp`, as: { issuer: origin } });
    expect(paths()).toEqual(["/elsewhere", AS]);
  });

  test("else it is at the well-known place with the path, then without; a page and 502 are none", async () => {
    script({
      "/page": { headers: { "content-type": "text/html" }, body: "<html>" },
      [`${PRM}/mcp`]: { status: 502 },
      [PRM]: resource({ resource: origin }),
      [AS]: metadata(),
    });
    // The text of it, and not a URL that was read and written: `new URL()` would add a slash.
    expect((await find({}, 'Bearer resource_metadata="/page"')).resource).toBe(origin);
    expect(paths()).toEqual(["/page", `${PRM}/mcp`, PRM, AS]);
  });

  test.each([
    ["is out of order", { [`${PRM}/mcp`]: { status: 500 } }, "unreachable"],
    [
      "is about another server",
      { [`${PRM}/mcp`]: { body: { resource: "https://other.example/mcp", authorization_servers: ["https://other.example"] } } },
      "resource-mismatch",
    ],
    ["names none", { [`${PRM}/mcp`]: { body: { resource: "ORIGIN/mcp" } } }, "no-metadata"],
    [
      "names one without https",
      { [`${PRM}/mcp`]: { body: { resource: "ORIGIN/mcp", authorization_servers: ["http://login.example"] } } },
      "no-metadata",
    ],
    ["is too large", { [`${PRM}/mcp`]: { body: `"${"x".repeat(1024 * 1024)}"` } }, "invalid-answer"],
    ["leads to another origin", { [`${PRM}/mcp`]: { status: 302, headers: { location: "http://127.0.0.1:9/" } } }, "invalid-answer"],
  ])("what %s stops it", async (_, given, kind) => {
    script(JSON.parse(JSON.stringify(given).replaceAll("ORIGIN", origin)) as Answers);
    await expect(find()).rejects.toMatchObject({ kind });
  });

  test("one that does not answer is given up in time", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/mcp`;
    await expect(discover({ url, options: optionsOf(), challenge: undefined }, egress(500))).rejects.toMatchObject({
      kind: "unreachable",
      message: expect.stringContaining("500 ms"),
    });
    silent.closeAllConnections();
    silent.close();
  });

  test("one that names nobody is its own, with metadata or without; unless the config says that it is not", async () => {
    script({ [AS]: metadata() });
    expect(await find()).toMatchObject({ resource: undefined, as: { token_endpoint: `${origin}/t` } });
    script({});
    expect(await find()).toMatchObject({ as: { token_endpoint: `${origin}/token`, registration_endpoint: `${origin}/register` } });
    await expect(find({ legacy: false })).rejects.toMatchObject({ kind: "no-metadata" });
  });

  test("metadata is looked for in every place, in order", async () => {
    expect(metadataPlaces("https://a.example/t")).toEqual([
      `https://a.example${AS}/t`,
      `https://a.example${OIDC}/t`,
      `https://a.example/t${OIDC}`,
    ]);
    expect(metadataPlaces("https://a.example/")).toEqual([`https://a.example${AS}`, `https://a.example${OIDC}`]);
    const issuer = () => `${origin}/t`;
    for (const [place, length] of [
      [`${AS}/t`, 1],
      [`${OIDC}/t`, 2],
      [`/t${OIDC}`, 3],
    ] as const) {
      script({ [place]: metadata({ issuer: issuer() }) });
      expect((await find({ issuer: issuer() })).as.issuer).toBe(issuer());
      expect(paths()).toHaveLength(length);
    }
  });

  test("a slash at the end of an issuer is none to quarrel about, and what it says itself is what counts", async () => {
    script({ [AS]: metadata({ issuer: `${origin}/` }) });
    expect((await find({ issuer: origin })).as.issuer).toBe(`${origin}/`);
  });

  test("another issuer is taken only where the config trusts it", async () => {
    script({ [AS]: metadata({ issuer: "https://cf.example" }) });
    await expect(find({ issuer: origin })).rejects.toMatchObject({
      kind: "issuer-mismatch",
      message: expect.stringContaining("trustedIssuers"),
    });
    expect((await find({ issuer: origin, trustedIssuers: ["https://cf.example"] })).as.issuer).toBe("https://cf.example");
    await expect(find({ issuer: origin, trustedIssuers: ["https://cf.example/"] })).rejects.toMatchObject({ kind: "issuer-mismatch" });
  });

  test.each([
    ["no word of PKCE", { code_challenge_methods_supported: undefined }, "pkce-unsupported"],
    ["only the plain method of it", { code_challenge_methods_supported: ["plain"] }, "pkce-unsupported"],
    ["an endpoint without https", { token_endpoint: "http://login.example/t" }, "insecure"],
    ["an endpoint that is a script", { authorization_endpoint: "javascript:alert(1)" }, "insecure"],
    ["no endpoint", { authorization_endpoint: undefined }, "no-metadata"],
  ])("metadata with %s stops it", async (_, more, kind) => {
    script({ [AS]: metadata(more) });
    await expect(find({ issuer: origin })).rejects.toMatchObject({ kind });
    if (kind === "pkce-unsupported") expect(await find({ issuer: origin, assumePkce: true })).toBeDefined();
  });

  test("a public server cannot send the host to a private address", () => {
    const out = egress();
    for (const url of ["https://169.254.169.254/x", "https://10.0.0.1/", "https://[fd00::1]/", "https://127.0.0.1/", "http://localhost/"])
      expect(() => out.check(url, "https://mcp.example/mcp"), url).toThrow(/private network|https/);
    for (const url of ["file:///etc/passwd", "http://login.example/", "https://user:secret@login.example/"])
      expect(() => out.check(url, "http://127.0.0.1/mcp"), url).toThrow(/no https/);
    expect(() => out.check("https://10.0.0.1/", "https://10.0.0.2/mcp")).not.toThrow();
  });

  test("`resource` is what the config says, or nothing", async () => {
    script({ [`${PRM}/mcp`]: resource(), [AS]: metadata() });
    expect((await find({ resource: false })).resource).toBeUndefined();
    expect((await find({ resource: "api://x" })).resource).toBe("api://x");
  });
});

describe("token answers", () => {
  const machine = {
    client: { issuer: "https://as.example", source: "configured" as const, id: "me", method: "client_secret_post" as const },
    server: "",
  };
  const ask = (answer: Answer, given: object = {}) => {
    script({ "/t": answer });
    const options = optionsOf({ grant: "client_credentials", clientId: "me", clientSecret: "the secret of me", ...given });
    const grant = { ...machine, server: `${origin}/mcp`, resource: "https://r.example", scopeAsked: "read" };
    return new Tokens(egress()).byCredentials({ issuer: origin, token_endpoint: `${origin}/t` }, grant, options);
  };

  test.each([
    [
      "Bearer in any case, a life in words",
      { access_token: "x", token_type: "BEARER", expires_in: "60" },
      { access_token: "x", expires_in: 60 },
    ],
    ["nothing of its life", { access_token: "x", token_type: "bearer", expires_in: null, scope: "" }, { access_token: "x" }],
    ["an ID token of another's", { access_token: "x", token_type: "bearer", id_token: "no.token.atall" }, { access_token: "x" }],
  ])("%s", async (_, body, wanted) => expect(await ask({ body })).toMatchObject(wanted));

  test.each([
    ["of another type", { access_token: "x", token_type: "DPoP" }, /another type than Bearer/],
    ["that no header can hold", { access_token: "a\r\nb", token_type: "bearer" }, /no header may hold/],
  ])("a token %s is refused", async (_, body, words) => {
    await expect(ask({ body })).rejects.toMatchObject({ kind: "invalid-answer", message: expect.stringMatching(words) });
  });

  test("further in, where the config says so, with what belongs to it; at the top otherwise", async () => {
    const user = { access_token: "user's", token_type: "user", scope: "a", expires_in: 60, refresh_token: "" };
    const body = { ok: true, access_token: "the bot's", token_type: "bot", refresh_token: "the bot's", authed_user: user };
    const path = { tokenPath: "authed_user.access_token" };
    const given = await ask({ body }, path);
    expect(given).toMatchObject({ access_token: "user's", token_type: "bearer", scope: "a", expires_in: 60 });
    expect(given).not.toHaveProperty("refresh_token");
    expect(await ask({ body: { access_token: "x", token_type: "bearer", authed_user: {} } }, path)).toMatchObject({ access_token: "x" });
    await expect(ask({ body: { ok: false, error: "invalid_code" } }, path)).rejects.toMatchObject({ code: "invalid_code" });
    expect(() => optionsOf({ tokenPath: "authed_user..token" })).toThrow(/authed_user\.access_token/);
  });

  test("as a form, in which some answer whatever they are asked for", async () => {
    expect(
      await ask({ headers: { "content-type": "application/x-www-form-urlencoded" }, body: "access_token=x&token_type=bearer&scope=" }),
    ).toMatchObject({ access_token: "x" });
  });

  test("resource, scope and further parameters are sent", async () => {
    await ask({ body: { access_token: "x", token_type: "bearer" } }, { extraParams: { token: { audience: "https://api.example" } } });
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toMatchObject({
      resource: "https://r.example",
      scope: "read",
      audience: "https://api.example",
      client_id: "me",
    });
  });

  test.each([
    ["an error with 200, as some have it", { body: { error: "bad_verification_code" } }, "refused", "bad_verification_code"],
    [
      "an error beside a challenge",
      { status: 401, headers: { "www-authenticate": "Basic" }, body: { error: "invalid_client" } },
      "refused",
      "invalid_client",
    ],
    ["invalid_target", { status: 400, body: { error: "invalid_target" } }, "refused", "invalid_target"],
    ["temporarily_unavailable", { status: 400, body: { error: "temporarily_unavailable" } }, "unreachable", "temporarily_unavailable"],
    ["429", { status: 429, headers: { "retry-after": "7" }, body: "slow" }, "unreachable", undefined],
    ["503 as a page", { status: 503, headers: { "content-type": "text/html" }, body: "<html>MARK" }, "unreachable", undefined],
    ["a page with 200", { headers: { "content-type": "text/html" }, body: "<html>MARK" }, "invalid-answer", undefined],
    ["a token of another type", { body: { access_token: "x", token_type: "mac" } }, "invalid-answer", undefined],
    ["a token that is too long", { body: { access_token: "x".repeat(20_000), token_type: "bearer" } }, "invalid-answer", undefined],
  ])("%s", async (_, answer, kind, code) => {
    const error = (await ask(answer).catch((thrown: unknown) => thrown)) as { kind: string; code?: string; message: string };
    expect(error).toMatchObject({ kind, ...(code && { code }) });
    expect(error.message).not.toMatch(/MARK|secret of me/);
  });

  test("a private key signs who the client is; one that is none is told without anything of it", async () => {
    const { generateKeyPairSync } = await import("node:crypto");
    const pem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    script({ "/t": { body: { access_token: "x", token_type: "bearer" } } });
    const grant = { client: { ...machine.client, method: "private_key_jwt" as const }, server: `${origin}/mcp` };
    const by = (privateKey: string) =>
      new Tokens(egress()).byCredentials(
        { issuer: origin, token_endpoint: `${origin}/t` },
        grant,
        optionsOf({ privateKey, keyId: "k", assertionAudience: "https://aud.example" }),
      );
    await by(pem);
    const assertion = new URLSearchParams(asked[0]?.body).get("client_assertion") ?? "";
    const [head, body] = assertion
      .split(".")
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()) as object);
    expect([head, body]).toMatchObject([
      { alg: "ES256", kid: "k" },
      { aud: "https://aud.example", sub: "me", iss: "me" },
    ]);
    const error = (await by("-----BEGIN MARK-----").catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toMatch(/`privateKey` is no private key/);
    expect(error.message).not.toContain("MARK");
  });
});
