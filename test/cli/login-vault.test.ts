import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { authorizationServer, type ProtectedServer, protectedServer } from "../fixtures/authorization.mjs";
import { home, type Running, run, start } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { login } from "../harness/login.ts";

afterEach(() => void vi.useRealTimers());

const PLUGINS = ["@host/plugin-vault", ["@host/plugin-oauth", { callback: { port: 0 } }]];

async function clientOf(host: Running): Promise<ReturnType<typeof sdkClient>> {
  await vi.waitFor(() => expect(host.stderr()).toMatch(/http:\/\/127\.0\.0\.1:\d+\/mcp/));
  const client = sdkClient();
  await client.connect(httpTransport(new URL(/http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(host.stderr())?.[0] as string)));
  return client;
}

/** Every file below a folder. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((each) =>
    each.isFile() ? [join(each.parentPath, each.name)] : [],
  );

test("four servers are signed in to without a host, are there when one starts, and are signed out of", async () => {
  await using as = await authorizationServer();
  const servers = new Map<string, ProtectedServer>();
  for (const name of ["one", "two", "three", "four"]) servers.set(name, await protectedServer({ issuer: as.issuer, token: as.token }));
  const mcpServers = Object.fromEntries([...servers].map(([name, { url }]) => [name, { url }]));
  using at = home({ mcpServers, plugins: PLUGINS });
  for (const name of servers.keys())
    expect(await login(at, name)).toMatchObject({ code: 0, stderr: expect.stringContaining(`signed in to ${name}`) });
  const registered = as.count("/reg");
  for (let life = 0; life < 2; life++) {
    await using host = start(at, ["start", "--port", "0"]);
    const client = await clientOf(host);
    // Two and more servers list a tool of this name: one is given, the others are withheld.
    await vi.waitFor(async () => {
      const { stdout } = await run(at, ["status", "--json"]);
      const { upstreams } = JSON.parse(stdout) as { upstreams: { name: string; state: string }[] };
      expect(upstreams.map(({ state }) => state)).toEqual(["ready", "ready", "ready", "ready"]);
    }, 10_000);
    expect((await client.callTool({ name: "whoami" })).content).toMatchObject([{ text: "alice" }]);
    await client.close();
  }
  expect(as.count("/reg")).toBe(registered);
  // What came to the servers is in no file in clear.
  const tokens = new Set([...servers.values()].flatMap(({ seen }) => seen.filter((each) => each !== undefined)));
  expect(tokens.size).toBe(4);
  for (const file of filesIn(at.path))
    for (const token of tokens) expect(readFileSync(file, "latin1").includes(token as string), file).toBe(false);
  const out = await run(at, ["logout", "three", "--json"]);
  expect(JSON.parse(out.stdout)).toEqual({ server: "three", signedOut: true });
  const again = await run(at, ["logout", "three", "--json"]);
  expect(JSON.parse(again.stdout)).toEqual({ server: "three", signedOut: false });
  for (const each of servers.values()) await each[Symbol.asyncDispose]();
});

test("two processes with one vault refresh once, and both go on", async () => {
  await using as = await authorizationServer({ accessTokenSeconds: 8 });
  await using server = await protectedServer({ issuer: as.issuer, token: as.token });
  using at = home({ mcpServers: { up: { url: server.url } }, plugins: PLUGINS });
  expect(await login(at, "up")).toMatchObject({ code: 0 });
  await using one = start(at, ["start", "--port", "0"]);
  await using two = start(at, ["start", "--port", "0"]);
  const clients = [await clientOf(one), await clientOf(two)];
  const call = (): Promise<unknown[]> =>
    Promise.all(clients.flatMap((client) => Array.from({ length: 10 }, () => client.callTool({ name: "whoami" }))));
  await vi.waitFor(() => call(), 10_000);
  // A token is renewed at half of so short a life: whoever calls then sees to it.
  const before = as.count("/token");
  await vi.waitFor(
    async () => {
      await call();
      expect(as.count("/token")).toBeGreaterThan(before);
    },
    { timeout: 15_000, interval: 100 },
  );
  const last = (): string | undefined => server.seen.at(-1);
  await call();
  expect(new Set(server.seen.slice(-20)).size, "both have the same").toBe(1);
  expect(last()).toBeDefined();
  const tokens = new Set(server.seen.filter((each) => each !== undefined));
  expect(as.count("/token"), "one request for each token that there ever was").toBe(tokens.size);
  for (const client of clients) await client.close();
});
