import { Writable } from "node:stream";
import { auth } from "@host/plugin-auth";
import { createHost, createLogger } from "mcp-host";
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
      /options.credentials\["up"\]: no upstream is called "up"; there is down/,
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

describe("rules name servers that there are", () => {
  const http = { url: "http://127.0.0.1:9/mcp" };
  const mcpServers = { memory: http, files: http };
  const start = async (options: Parameters<typeof auth>[0]): Promise<{ problems: string; logs: string }> => {
    let logs = "";
    const stream = new Writable({ write: (chunk, _encoding, done) => done(void (logs += chunk)) });
    try {
      await createHost({ mcpServers, plugins: [auth(options)] }, { log: createLogger({ format: "json", stream }) }).prepare();
      return { problems: "", logs };
    } catch (error) {
      return { problems: (error as Error).message, logs };
    }
  };

  test("one that is not configured stops the start with its place and the nearest name", async () => {
    const { problems } = await start({
      rules: [
        { allow: { servers: ["memory", "memroy"] } },
        { deny: { tools: ["files__x", "file:write_*"], resources: ["file:///x/*", "urn:isbn:*"] } },
      ],
      isolate: ["mm"],
    });
    const at = (place: string, words: string): string => `plugin "auth": options.${place}: no upstream is called ${words}`;
    expect(problems).toContain(at("rules[0].allow.servers[1]", '"memroy" (did you mean "memory"?)'));
    expect(problems).toContain(at("rules[1].deny.tools[1]", '"file" (did you mean "files"?)'));
    expect(problems).toContain(at("rules[1].deny.resources[1]", '"urn"; there are memory, files; if it is a URI, write "*:urn:isbn:*"'));
    expect(problems).toContain(at("isolate[0]", '"mm"; there are memory, files'));
    expect(problems.match(/no upstream/g)).toHaveLength(4);
  });

  test("a glob that fits none is told in the log", async () => {
    const rules = [{ allow: { servers: ["mem*"], tools: ["x*:a", "*:b", "f?les:c"] } }];
    const { problems, logs } = await start({ rules, isolate: ["web-*"] });
    expect(problems).toBe("");
    const told = logs.split("\n").flatMap((line) => (line.includes("fits no server") ? [JSON.parse(line)] : []));
    expect(told.map(({ place, glob }) => [place, glob])).toEqual([
      ["options.rules[0].allow.tools[0]", "x*"],
      ["options.isolate[0]", "web-*"],
    ]);
  });
});
