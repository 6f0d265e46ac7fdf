import dns from "node:dns";
import { createServer as createHttp } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { proxiedFetch } from "mcp-host";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Egress } from "../dist/egress.js";
import { isPrivate } from "../dist/private-address.js";

/** What names resolve to in these tests. */
const NAMES: Record<string, string[]> = {
  "mcp.example": ["203.0.113.5"],
  "mcp.corp.example": ["10.0.0.5"],
  "login.example": ["127.0.0.1"],
  "mixed.example": ["203.0.113.6", "127.0.0.1"],
};
const { lookup } = dns;
const ofPromises = dns.promises.lookup;
let connections = 0;
/** Takes connections and ends them: nobody here speaks TLS. */
const server = createServer((socket) => {
  connections++;
  socket.on("error", () => {});
  socket.destroy();
});
let port = 0;

beforeAll(async () => {
  const found = (host: string) => (NAMES[host] ?? []).map((address) => ({ address, family: 4 }));
  // Whatever else is looked up is looked up as ever.
  dns.lookup = ((host: string, ...rest: never[]) => {
    const told = rest.at(-1) as unknown as (error: null, all: object[]) => void; // what it is called with here
    if (host in NAMES) setImmediate(() => told(null, found(host)));
    else (lookup as unknown as (...all: unknown[]) => void)(host, ...rest);
  }) as unknown as typeof lookup;
  dns.promises.lookup = (async (host: string, options: object) =>
    host in NAMES ? found(host) : ofPromises(host, options)) as unknown as typeof ofPromises;
  syncBuiltinESMExports();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
beforeEach(() => {
  connections = 0;
});
afterAll(() => {
  dns.lookup = lookup;
  dns.promises.lookup = ofPromises;
  syncBuiltinESMExports();
  server.close();
});

const PUBLIC = "https://mcp.example/mcp";
const ask = (host: string, sake: string, named?: ReadonlyMap<string, string>) =>
  new Egress(20_000, new AbortController().signal, undefined, named).for(sake)(`https://${host}:${port}/token`);

describe("a public server's words about where to go", () => {
  test.each(["login.example", "mixed.example"])("lead to no private network by a name: %s", async (host) => {
    await expect(ask(host, PUBLIC)).rejects.toMatchObject({ kind: "insecure", message: expect.stringContaining("`issuer`") });
    expect(connections).toBe(0);
  });

  test.each([
    ["a server on a private network by its name", "https://mcp.corp.example/mcp", undefined],
    ["a server on a private network by its address", "https://10.0.0.5/mcp", undefined],
    ["a config that names the authorization server", PUBLIC, "login.example"],
  ])("%s may", async (_, sake, named) => {
    const names = named === undefined ? undefined : new Map([[sake, `https://${named}:${port}/issuer`]]);
    await expect(ask("login.example", sake, names)).rejects.toMatchObject({ kind: "unreachable" });
    expect(connections).toBe(1);
  });

  test("another name than the one that the config names may not", async () => {
    await expect(ask("login.example", PUBLIC, new Map([[PUBLIC, "https://other.example"]]))).rejects.toMatchObject({ kind: "insecure" });
  });
});

test("where every address may be reached, the answer comes", async () => {
  const web = createHttp((_, response) => void response.end("here"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const seen: string[] = [];
  const mayReach = (address: string) => seen.push(address) > 0;
  const url = `http://login.example:${(web.address() as AddressInfo).port}/`;
  expect(await (await proxiedFetch(url, {}, { mayReach })).text()).toBe("here");
  expect(seen).toEqual(["127.0.0.1"]);
  web.close();
});

test.each([
  ["10.1.2.3", true],
  ["100.64.0.1", true],
  ["172.31.0.1", true],
  ["172.32.0.1", false],
  ["169.254.169.254", true],
  ["::1", true],
  ["::ffff:10.0.0.1", true],
  ["fd00::1", true],
  ["fe80::1", true],
  ["2001:db8::1", false],
  ["203.0.113.5", false],
  ["localhost", true],
  ["10.example", false],
])("%s is private: %s", (host, wanted) => expect(isPrivate(host)).toBe(wanted));
