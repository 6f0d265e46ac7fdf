import { readFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { AUDIENCE, testIssuer } from "../../packages/plugin-auth/test/issuer.ts";
import { serveHttp, serveSse, serveWebSocket } from "../fixtures/upstream.mjs";
import { listening } from "../harness/faulty-wires.ts";
import { ROOT, spawnHost, startHost } from "../harness/hosts.ts";
import { proxy } from "../harness/proxy.ts";
import { RawHttp } from "../harness/raw-http.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

const portOf = (url: string): string => new URL(url).port;
const TLS = join(ROOT, "test/fixtures/tls");

describe("a server that is reached through a proxy", () => {
  test.each([
    ["Streamable HTTP", serveHttp, "http://mcp.example.test/mcp"],
    ["HTTP+SSE", serveSse, "http://mcp.example.test/sse"],
    ["WebSocket", serveWebSocket, "ws://mcp.example.test/mcp"],
  ] as const)("over %s is, with everything that goes to it", async (_, serve, url) => {
    const upstream = await serve();
    const path = new URL(upstream.url).pathname;
    await using between = await proxy({ "mcp.example.test:80": portOf(upstream.url) }, "user:p%40ss");
    const server = { url: new URL(path, url).href, proxy: between.url.replace("//", "//user:p%2540ss@") };
    const running = await startHost({ mcpServers: { one: server } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("echo")).result).toBeDefined();
    await running.host.close();
    expect(new Set(between.tunnels)).toEqual(new Set(["mcp.example.test:80"]));
    expect(between.others).toEqual([]);
    expect(JSON.stringify(running.logs)).not.toContain("p%2540ss");
    await upstream.close();
  });

  test.each(["http://mcp.example.test/mcp", "ws://mcp.example.test/mcp"])("that refuses (%s) is down, with the reason", async (url) => {
    await using between = await proxy({}, "user:secret-of-the-proxy");
    const one = { url, proxy: between.url.replace("//", "//user:wrong-secret@") };
    await using running = await startHost({ mcpServers: { one, two: { url, proxy: "http://127.0.0.1:9" } } });
    const reason = (name: string) => running.host.status().upstreams.find((each) => each.name === name)?.reason;
    await vi.waitFor(() => expect(reason("one")).toMatch(/cannot be reached \(its proxy answered HTTP 407\)$/));
    await vi.waitFor(() => expect(reason("two")).toMatch(/cannot be reached \(its proxy cannot be reached: ECONNREFUSED\)$/));
    expect(JSON.stringify([running.logs, running.host.status()])).not.toContain("wrong-secret");
  });
});

describe("the environment's proxy", () => {
  test("is used, though not for this machine", async () => {
    const upstream = await serveHttp();
    await using between = await proxy({ "mcp.example.test:80": portOf(upstream.url) });
    for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) vi.stubEnv(name, between.url);
    await using running = await startHost({
      mcpServers: { far: { url: "http://mcp.example.test/mcp" }, near: { url: upstream.url } },
    });
    await vi.waitFor(() => expect(running.host.status().upstreams.map(({ state }) => state)).toEqual(["ready", "ready"]));
    expect(new Set(between.tunnels)).toEqual(new Set(["mcp.example.test:80"]));
    await running.host.close();
    await upstream.close();
  });

  test("that is none is told, and what to correct", async () => {
    vi.stubEnv("HTTP_PROXY", "socks5://proxy.corp:1080");
    await using running = await startHost({ mcpServers: { far: { url: "http://mcp.example.test/mcp" } } });
    await vi.waitFor(() =>
      expect(running.host.status().upstreams[0]?.reason).toMatch(/its proxy is no http:\/\/ or https:\/\/ URL; correct `proxy`/),
    );
  });

  test("leads to servers over HTTPS and WSS, to an issuer's keys and to tokens, all encrypted from end to end", async () => {
    const [streamable, socket] = [await serveHttp(), await serveWebSocket()];
    const issuer = await testIssuer();
    const grants: string[] = [];
    const tokens = http.createServer((request, response) => {
      grants.push(request.method ?? "");
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ access_token: "token-of-the-host", expires_in: 600 }));
    });
    const login = await listening(tokens);
    const fronts = await Promise.all([streamable.url, socket.url, issuer.jwksUri, login.url].map(encrypted));
    const names = ["mcp", "ws", "keys", "login"].map((name) => `${name}.example.test:443`);
    await using between = await proxy(Object.fromEntries(names.map((name, n) => [name, fronts[n]?.port ?? 0])));
    vi.stubEnv("HTTPS_PROXY", between.url);
    vi.stubEnv("NODE_EXTRA_CA_CERTS", join(TLS, "remote.pem"));
    const credentials = {
      mcp: {
        from: "client-credentials",
        tokenUrl: "https://login.example.test/token",
        clientId: "host",
        clientSecret: "a-secret-of-the-host",
      },
    };
    {
      await using host = await spawnHost({
        mcpServers: {
          mcp: { url: `https://mcp.example.test${new URL(streamable.url).pathname}` },
          ws: { url: `wss://ws.example.test${new URL(socket.url).pathname}` },
        },
        plugins: [
          [
            "@host/plugin-auth",
            {
              jwt: [{ issuer: issuer.issuer, audience: AUDIENCE, jwksUri: "https://keys.example.test/jwks" }],
              rules: [{ allow: { servers: ["*"] } }],
              credentials,
            },
          ],
        ],
      } as Parameters<typeof spawnHost>[0]);
      const client = await RawHttp.open(host.url, { headers: { authorization: `Bearer ${await issuer.sign()}` } });
      await vi.waitFor(async () => expect(await client.tools()).toContain("headers"));
      const { result } = await client.call("headers");
      expect(result.structuredContent.headers.authorization).toBe("Bearer token-of-the-host");
    }
    expect([...new Set(between.tunnels)].sort()).toEqual([...names].sort());
    expect(between.others).toEqual([]);
    expect(grants).toContain("POST");
    for (const front of fronts) await front.close();
    await Promise.all([streamable.close(), socket.close(), login.close(), issuer[Symbol.asyncDispose]()]);
  });
});

/** Speaks TLS for a server of this machine, as one that is elsewhere. */
async function encrypted(url: string): Promise<{ port: number; close(): Promise<void> }> {
  const { connect } = await import("node:net");
  const { createServer } = await import("node:tls");
  const server = createServer({ cert: readFileSync(join(TLS, "remote.pem")), key: readFileSync(join(TLS, "remote.key")) }, (secure) => {
    const plain = connect(Number(portOf(url)), "127.0.0.1");
    secure.pipe(plain).pipe(secure);
    for (const [one, other] of [
      [secure, plain],
      [plain, secure],
    ] as const)
      one.on("error", () => {}).on("close", () => other.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { port, close: () => new Promise((done) => void server.close(() => done())) };
}
