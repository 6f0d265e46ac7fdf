import { auth } from "@host/plugin-auth";
import { createHost } from "mcp-host";
import { testPlugin } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { newKey } from "../dist/keys.js";

const PEPPER = "a pepper for the contract";
const key = { id: "a", digest: newKey("a", PEPPER).digest };
const issuer = { issuer: "https://issuer.example", jwksUri: "https://issuer.example/jwks", audience: "x" };
const at = (path: string): string => `plugins[0].options.${path}`;

testPlugin(auth, {
  test,
  module: "@host/plugin-auth",
  options: { apiKeys: { pepper: PEPPER, keys: [key] }, jwt: [issuer], default: "allow", rules: [{ deny: { tools: ["nothing"] } }] },
  badOptions: [
    { options: { apiKeys: { pepper: "short" } }, place: at("apiKeys.pepper"), hint: "openssl rand" },
    {
      options: { apiKeys: { pepper: PEPPER, keys: [{ id: "a", digest: "secret" }] } },
      place: at("apiKeys.keys[0].digest"),
      hint: "new-key",
    },
    { options: { apiKeys: { pepper: PEPPER, keys: [{ ...key, expires: "soon" }] } }, place: at("apiKeys.keys[0].expires"), hint: "2030" },
    { options: { jwt: [{ ...issuer, audience: undefined }] }, place: at("jwt[0].audience"), hint: "is missing" },
    { options: { jwt: [{ ...issuer, jwksUri: "http://issuer.example/jwks" }] }, place: at("jwt[0].jwksUri"), hint: "https" },
    { options: { jwt: [{ ...issuer, jwksUri: "https://user:pw@issuer.example/" }] }, place: at("jwt[0].jwksUri"), hint: "user name" },
    { options: { jwt: [{ ...issuer, algorithms: ["HS256"] }] }, place: at("jwt[0].algorithms[0]"), hint: "RS256" },
    { options: { jwt: [{ ...issuer, algorithms: ["none"] }] }, place: at("jwt[0].algorithms[0]"), hint: "RS256" },
    { options: { jwt: [{ ...issuer, leeway: "61s" }] }, place: at("jwt[0].leeway"), hint: "60s" },
    { options: { jwt: [issuer, issuer] }, place: at("jwt[1].name"), hint: "taken" },
    { options: { jwt: [issuer, { ...issuer, name: "two" }] }, place: at("jwt[1].issuer"), hint: "twice" },
    { options: { jwt: [{ ...issuer, name: "key" }] }, place: at("jwt[0].name"), hint: "taken" },
    { options: { resource: { url: "https://host.example/mcp?x=1" } }, place: at("resource.url"), hint: "query" },
    { options: { rules: [{ allow: { tools: ["*"] }, when: "1 +" }] }, place: at("rules[0].when"), hint: "CEL" },
    { options: { rules: [{ roles: ["a"] }] }, place: at("rules[0]"), hint: '"allow" or "deny"' },
    { options: { rules: [{ allow: {} }] }, place: at("rules[0].allow"), hint: "servers, tools" },
    { options: { scopes: { required: ['a"b'] } }, place: at("scopes.required[0]"), hint: "scope" },
    { options: { credentials: { contract: { from: "magic" } } }, place: at("credentials.contract.from"), hint: "client-credentials" },
  ],
});

describe("what only the servers can tell is told at the start", () => {
  const http = { url: "http://127.0.0.1:9/mcp" };
  const problem = async (options: Parameters<typeof auth>[0], mcpServers: Record<string, unknown>): Promise<string> => {
    try {
      await createHost({ mcpServers: mcpServers as never, plugins: [auth(options)] }).prepare();
      return "none";
    } catch (error) {
      return (error as Error).message;
    }
  };

  test("credentials for a server that there is not, or that takes none", async () => {
    const credentials = { up: { from: "static", value: "secret-value" } } as const;
    expect(await problem({ credentials }, { down: http })).toMatch(
      /options.credentials\["up"\]: no upstream is called "up"; there are down/,
    );
    expect(await problem({ credentials }, { up: { transport: () => ({}) } })).toMatch(/in-process transport/);
    expect(await problem({ credentials }, { up: { command: "true" } })).toMatch(/credentials\["up"\].env: "up" is a stdio server/);
    expect(await problem({ credentials }, { up: http })).toBe("none");
    const granted = { up: { from: "client-credentials", tokenUrl: "https://a.example/t", clientId: "a", clientSecret: "b" } } as const;
    expect(await problem({ credentials: granted }, { up: { command: "true" } })).toMatch(/cannot be given new tokens/);
  });

  test("keys in a file, and ids that are there twice", async () => {
    using folder = temporary({ "keys.json": JSON.stringify([key]) });
    const apiKeys = { pepper: PEPPER, file: `${folder.path}/keys.json` };
    expect(await problem({ apiKeys }, {})).toBe("none");
    expect(await problem({ apiKeys: { ...apiKeys, keys: [key] } }, {})).toMatch(/two keys with the id "a"/);
  });

  test("upstreams that no two principals share", async () => {
    await using host = createHost({ mcpServers: { one: http, two: http }, plugins: [auth({ isolate: ["t*"] })] });
    await host.prepare();
    expect(host.status().upstreams.map(({ isolation }) => isolation)).toEqual(["shared", "principal"]);
  });
});
