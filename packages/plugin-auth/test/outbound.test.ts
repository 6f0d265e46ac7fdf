import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CredentialsRequest, createLogger, type Principal } from "mcp-host";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TokenSource } from "../dist/client-credentials.js";
import { credential } from "../dist/options.js";
import { Outbound } from "../dist/outbound.js";
import { challenge, ProtectedResource } from "../dist/resource.js";
import { Secrets } from "../dist/secrets.js";

const NONE = { headers: {}, env: {} };
const upstreams = [
  { key: "web", wire: "http", isolation: "principal" },
  { key: "local", wire: "stdio", isolation: "principal" },
] as const;
const counted: unknown[][] = [];
const context = { upstreams, log: createLogger({ level: "error" }), tokens: { add: (...args: unknown[]) => void counted.push(args) } };
const request = (key: string, principal?: Principal): CredentialsRequest => ({
  upstream: upstreams.find((one) => one.key === key) ?? { key, wire: "http", isolation: "shared" },
  principal,
  reason: "connect",
  challenge: undefined,
  last: undefined,
});
const outbound = (credentials: Record<string, unknown>): Outbound =>
  new Outbound(Object.fromEntries(Object.entries(credentials).map(([key, one]) => [key, credential.parse(one)])), context);

test("an upstream without credentials of its own gets what it would get anyway", async () => {
  const given = { headers: { a: "b" }, env: {} };
  expect(await outbound({ web: { from: "static", value: "x" } }).give(given, request("other"))).toBe(given);
});

test("values go into the header or the variable that the config names", async () => {
  const both = outbound({
    web: { from: "static", value: "v", header: "X-Key", scheme: "Token" },
    local: { from: "static", value: "v", env: "KEY" },
  });
  expect(await both.give({ headers: { a: "b" }, env: {} }, request("web"))).toEqual({ headers: { a: "b", "X-Key": "Token v" }, env: {} });
  expect(await both.give({ headers: {}, env: { A: "b" } }, request("local"))).toEqual({ headers: {}, env: { A: "b", KEY: "v" } });
});

test("whoever has none is refused, and nobody's birthright helps", async () => {
  const personal = outbound({ web: { from: "principal", values: { alice: "a" } }, local: { from: "claim", claim: "t", env: "T" } });
  const alice: Principal = { id: "alice", roles: [], claims: { t: "token-of-alice" } };
  expect(await personal.give(NONE, request("web", alice))).toMatchObject({ headers: { Authorization: "Bearer a" } });
  expect(await personal.give(NONE, request("local", alice))).toMatchObject({ env: { T: "token-of-alice" } });
  for (const principal of [
    undefined,
    { id: "bob", roles: [] },
    { id: "constructor", roles: [] },
    { id: "x", roles: [], claims: { t: "" } },
  ])
    for (const key of ["web", "local"])
      await expect(personal.give(NONE, request(key, principal))).rejects.toMatchObject({ type: "upstream_auth", upstream: key });
});

describe("tokens of the host's own", () => {
  let answer: { status: number; body: string };
  const forms: string[] = [];
  const server = createServer((incoming, response) => {
    let text = "";
    incoming.on("data", (chunk) => {
      text += chunk;
    });
    incoming.on("end", () => {
      forms.push(text);
      response.writeHead(answer.status).end(answer.body);
    });
  });
  let url = "";
  beforeEach(async () => {
    forms.length = 0;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`; // it listens on TCP
  });
  afterEach(async () => {
    vi.useRealTimers();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const source = (options: Record<string, unknown> = {}, fetched: (error: Error | undefined) => void = () => {}): TokenSource =>
    new TokenSource(
      credential.parse({ from: "client-credentials", tokenUrl: url, clientId: "host", clientSecret: "secret", ...options }) as never,
      fetched,
    );
  const token = (value: string, rest: object = {}): void => {
    answer = { status: 200, body: JSON.stringify({ access_token: value, token_type: "bearer", ...rest }) };
  };

  test("are kept until half a minute before they expire, or until half of a short life", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
    const tokens = source({ authentication: "post", audience: "them" });
    token("first-token", { expires_in: 3_600 });
    expect(await tokens.get(false)).toEqual({ value: "first-token", expires: 1_000_000 + 3_570_000 });
    expect(Object.fromEntries(new URLSearchParams(forms[0]))).toEqual({
      grant_type: "client_credentials",
      audience: "them",
      client_id: "host",
      client_secret: "secret",
    });
    token("second-token", { expires_in: 20 });
    vi.setSystemTime(1_000_000 + 3_569_999);
    expect((await tokens.get(false)).value).toBe("first-token");
    vi.setSystemTime(1_000_000 + 3_570_000);
    expect(await tokens.get(false)).toEqual({ value: "second-token", expires: 1_000_000 + 3_570_000 + 10_000 });
  });

  test("without an expiry are kept until they are refused, and asked for once by all", async () => {
    const tokens = source();
    token("first-token");
    expect(await Promise.all([tokens.get(false), tokens.get(false)])).toEqual(Array(2).fill({ value: "first-token", expires: undefined }));
    await tokens.get(false);
    expect(forms).toHaveLength(1);
    token("second-token");
    expect((await tokens.get(true)).value).toBe("second-token");
  });

  test.each([
    ["an error", 401, '{"error":"invalid_client","error_description":"secret"}', "the token endpoint answered HTTP 401 (invalid_client)"],
    ["an error that is no code", 500, '{"error":"<script>"}', "the token endpoint answered HTTP 500"],
    ["no token", 200, "{}", "the token endpoint gave no access_token"],
    [
      "a token of another type",
      200,
      '{"access_token":"x","token_type":"DPoP"}',
      "the token endpoint gave a token of another type than Bearer",
    ],
    ["no JSON", 200, "secret", "the answer (HTTP 200) is not JSON"],
  ])("%s is told without the answer's words", async (_, status, body, words) => {
    answer = { status, body };
    const told: (Error | undefined)[] = [];
    await expect(source({}, (error) => told.push(error)).get(false)).rejects.toThrow(new Error(words));
    expect(told.map((error) => error?.message)).toEqual([words]);
  });

  test("and values of claims are in the process's register of secrets until the host closes", async () => {
    const { redactText } = await import("../../host/dist/redact.js");
    const both = outbound({
      web: { from: "client-credentials", tokenUrl: url, clientId: "host", clientSecret: "secret" },
      local: { from: "claim", claim: "t", env: "T" },
    });
    token("granted-while-open");
    await both.give(NONE, request("web"));
    await both.give(NONE, request("local", { id: "alice", roles: [], claims: { t: "claimed-while-open" } }));
    expect(redactText("granted-while-open claimed-while-open")).toBe("[redacted] [redacted]");
    both.close();
    expect(redactText("granted-while-open claimed-while-open")).toBe("granted-while-open claimed-while-open");
  });

  test("that cannot be had make the upstream unavailable, and are counted", async () => {
    counted.length = 0;
    answer = { status: 500, body: "{}" };
    const refused = outbound({ web: { from: "client-credentials", tokenUrl: url, clientId: "host", clientSecret: "secret" } });
    await expect(refused.give(NONE, request("web"))).rejects.toMatchObject({ type: "upstream_down", upstream: "web" });
    token("good-token", { expires_in: 60 });
    expect(await refused.give(NONE, request("web"))).toMatchObject({
      headers: { Authorization: "Bearer good-token" },
      expires: expect.any(Number),
    });
    expect(counted).toEqual([
      [1, "web", "error"],
      [1, "web", "ok"],
    ]);
  });
});

test("of secrets that come and go the newest are kept", async () => {
  const { redactText } = await import("../../host/dist/redact.js");
  const secrets = new Secrets(2);
  for (const secret of ["come-and-go-1", "come-and-go-2", "come-and-go-2", "come-and-go-3"]) secrets.keep(secret);
  expect(redactText("come-and-go-1 come-and-go-2 come-and-go-3")).toBe("come-and-go-1 [redacted] [redacted]");
  secrets.clear();
  expect(redactText("come-and-go-2 come-and-go-3")).toBe("come-and-go-2 come-and-go-3");
});

test("metadata and challenges of a resource, with and without a path", () => {
  const root = new ProtectedResource({ url: "https://a.example/", scopes: [] }, ["https://i.example"]);
  expect(root.paths).toEqual(["/.well-known/oauth-protected-resource"]);
  expect(root.parameters).toEqual([["resource_metadata", "https://a.example/.well-known/oauth-protected-resource"]]);
  expect(root.metadata).toEqual({
    resource: "https://a.example/",
    authorization_servers: ["https://i.example"],
    bearer_methods_supported: ["header"],
  });
  const deep = new ProtectedResource({ url: "https://a.example/x/mcp/", scopes: [], documentation: "https://docs.example" }, []);
  expect(deep.paths[0]).toBe("/.well-known/oauth-protected-resource/x/mcp");
  expect(deep.metadata).toMatchObject({ resource_documentation: "https://docs.example" });
  expect(challenge([])).toEqual({ "www-authenticate": "Bearer" });
  expect(challenge([["a", 'x"y\\z']])).toEqual({ "www-authenticate": `Bearer a="x'y'z"` });
});
