import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Home, home, type Running, start, urlOf } from "../harness/cli.ts";
import { eventsOf, resume, untilMessages } from "../harness/events.ts";
import { ROOT, upstream } from "../harness/hosts.ts";
import { SocketClient } from "../harness/socket.ts";
import { type Answer, type Asked, ask, open, type Tls, WireClient } from "../harness/wire.ts";
import { programOf, RECIPES, type RunningProxy, recipe, startProxy } from "./proxies.ts";

const NAME = "mcp.example.com";
const tls: Tls = { ca: readFileSync(join(ROOT, "test/fixtures/tls/ca.pem"), "utf8"), servername: "localhost" };
const headers = { host: NAME };
/** Whoever prefers events gets a stream from the start. */
const STREAM = { accept: "text/event-stream, application/json" };
const OPERATOR = "a-token-of-the-operator-alone";
/** Seconds that a proxy waits for a sign of life in these tests, in the place of the recipes' 60. */
const PATIENCE = 9;

interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

let place: Home;
let written: string;
let running: Running;
let port: string;
/** What runs of each recipe. */
const started = new Map<string, { proxy: RunningProxy; silent: Promise<Answer> }>();
const SILENCE = (PATIENCE + 3) * 1000;

beforeAll(async () => {
  place = home();
  written = join(place.path, "arrivals.jsonl");
  writeFileSync(written, "");
  const config = {
    listen: { port: 0, hosts: [NAME], sse: true, websocket: true },
    mcpServers: { up: { ...upstream({ only: ["echo", "progress", "slow", "elicit"] }), isolation: "session" } },
    plugins: [
      [join(ROOT, "test/fixtures/arrivals-plugin.mjs"), { file: written }],
      "@host/plugin-metrics",
      ["@host/plugin-admin", { tokens: [{ name: "op", token: OPERATOR, scope: "configure" }] }],
    ],
  };
  writeFileSync(join(place.path, "mcp-host.config.json"), JSON.stringify(config));
  running = start(place, ["start", "http", "--insecure-no-auth", "--log-format", "json"]);
  port = (await urlOf(running)).port;
  for (const [name, each] of Object.entries(RECIPES)) {
    const program = programOf(each);
    if (program === undefined) continue;
    const proxy = await startProxy(each, program, port, PATIENCE);
    const client = await WireClient.connect(proxy.url, { headers, tls });
    // It takes its time: the other tests go on meanwhile.
    const silent = client.request("tools/call", { name: "slow", arguments: { ms: SILENCE } });
    silent.catch(() => {}); // its test tells
    started.set(name, { proxy, silent });
  }
});
afterAll(async () => {
  for (const { proxy } of started.values()) await proxy[Symbol.asyncDispose]();
  await running?.[Symbol.asyncDispose]();
  place?.[Symbol.dispose]();
});

const arrivals = (): Arrived[] =>
  readFileSync(written, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Arrived);
/** The status of an answer, whatever it holds. */
async function statusOf(url: URL, asked: Asked): Promise<number> {
  const answer = await open(url, asked);
  answer.leave();
  return answer.status;
}
const arrivedWith = (mark: string): Arrived => {
  const found = arrivals().find(({ headers: own }) => own["user-agent"] === mark);
  return found ?? expect.fail(`nothing arrived of ${mark}`);
};

describe.each(Object.entries(RECIPES))("%s with its recipe", (name, each) => {
  const program = programOf(each);
  const reason = program === undefined ? ` (skipped: ${name} is not installed; it is in Debian's package ${each.debian})` : "";

  describe.skipIf(program === undefined)(`in front of a host${reason}`, () => {
    const at = () => started.get(name) ?? expect.fail(`${name} does not run`);
    const below = (path: string): URL => new URL(path, at().proxy.url);
    const connected = (path: string, more: object = {}): Promise<WireClient> => WireClient.connect(below(path), { headers, tls, ...more });

    test.each(["/mcp", "/gateway/mcp"])("a session at %s, from initialize to its end, over TLS", async (path) => {
      const client = await connected(path);
      expect(await client.call("echo", { n: 1 })).toMatchObject({ arguments: { n: 1 } });
      expect((await client.ask({ method: "DELETE" })).status).toBe(204);
      expect((await client.request("tools/list")).status).toBe(404);
      expect(arrivals().some((arrived) => arrived.path.startsWith("/gateway"))).toBe(false);
    });

    // Where events were held back, the client would never see the question that its answer waits for.
    test("events go out when they come", async () => {
      const client = await connected("/mcp", { capabilities: { elicitation: {} } });
      const standing = await client.open({ method: "GET" });
      const call = client.request("tools/call", { name: "elicit", arguments: {} });
      const [question] = (await untilMessages(standing, 1)).flatMap(({ message }) => message ?? []);
      expect(question).toMatchObject({ method: "elicitation/create" });
      const result = { action: "accept", content: { color: "r" } };
      expect((await client.ask({ body: { jsonrpc: "2.0", id: question?.id, result } })).status).toBe(202);
      expect((await call).messages.at(-1)?.result.structuredContent).toMatchObject({ result });
      standing.leave();
    });

    test("a client whose stream broke comes back for the rest", async () => {
      const client = await connected("/gateway/mcp");
      const params = { name: "progress", arguments: { steps: 20, delayMs: 50 }, _meta: { progressToken: "p" } };
      const stream = await client.open({ headers: STREAM, body: client.body("tools/call", params) });
      const before = await untilMessages(stream, 2);
      stream.leave();
      await stream.ended;
      const again = await resume(client, before.findLast(({ id }) => id !== undefined)?.id);
      expect(again.status).toBe(200);
      await again.ended;
      const steps = [...before, ...eventsOf(again.text())].flatMap(({ message }) => message?.params?.progress ?? []);
      // It came while the call went on, and not at its end.
      expect(before.filter(({ message }) => message).length).toBeLessThan(20);
      expect(steps).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      expect(again.messages().at(-1)?.result.structuredContent).toMatchObject({ steps: 20 });
      expect(arrivals().some(({ method, headers: own }) => method === "GET" && own["last-event-id"] !== undefined)).toBe(true);
    });

    test("the headers of both eras come to the host as they were sent, and those of its answers to the client", async () => {
      const client = await connected("/mcp");
      const legacy = await client.ask({ headers: { "user-agent": `${name}-legacy` }, body: client.body("tools/list") });
      expect(legacy.json.result.tools).toBeInstanceOf(Array);
      expect(arrivedWith(`${name}-legacy`).headers).toMatchObject({
        "mcp-session-id": client.session,
        "mcp-protocol-version": "2025-11-25",
        accept: "application/json, text/event-stream",
      });
      const key = "io.modelcontextprotocol/";
      const _meta = {
        [`${key}protocolVersion`]: "2026-07-28",
        [`${key}clientInfo`]: { name: "modern", version: "1" },
        [`${key}clientCapabilities`]: {},
      };
      const own = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "echo", "mcp-param-n": "1" };
      const modern = await ask(below("/mcp"), {
        ...{ tls, headers: { ...headers, ...own, "user-agent": `${name}-modern` } },
        body: { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { n: 1 }, _meta } },
      });
      expect(modern.messages.at(-1)?.result.structuredContent, modern.text).toMatchObject({ arguments: { n: 1 } });
      expect(arrivedWith(`${name}-modern`).headers).toMatchObject(own);
    });

    test.each(["/ws", "/gateway/ws"])("WebSocket at %s", async (path) => {
      const client = await SocketClient.connect(at().proxy.url, { path, headers, ...tls });
      expect(await client.call("echo", { n: 2 })).toMatchObject({ arguments: { n: 2 } });
      client.socket.close();
      await client.closed;
    });

    test("figures, health and the operators' API cannot be reached, whatever the path is written like", async () => {
      const authorization = `Bearer ${OPERATOR}`;
      const direct = new URL(`http://127.0.0.1:${port}/`);
      for (const path of ["/metrics", "/stats", "/healthz", "/readyz", "/admin/api/v1/status"]) {
        expect(await statusOf(new URL(path, direct), { headers: { authorization } }), `${path} of the host`).toBe(200);
        const mark = `${name}-hidden`;
        for (const hidden of [
          path,
          `/gateway${path}`,
          `/mcp/..${path}`,
          `/mcp/p/..${path}`,
          `/mcp/%2e%2e${path}`,
          `/${path}`,
          `/mcp/p/..%2f..${path}`,
        ]) {
          const status = await statusOf(at().proxy.url, { tls, path: hidden, headers: { ...headers, authorization, "user-agent": mark } });
          expect([400, 403, 404], hidden).toContain(status);
        }
        expect(arrivals().filter(({ headers: own }) => own["user-agent"] === mark)).toEqual([]);
      }
    });

    test("the host is told the address that the proxy saw, and not what the client says of it", async () => {
      const mark = `${name}-address`;
      const forged = { "x-forwarded-for": "6.6.6.6", "x-real-ip": "6.6.6.6", forwarded: "for=6.6.6.6", "x-forwarded-proto": "http" };
      const client = await connected("/mcp", { headers: { ...headers, ...forged, "user-agent": mark } });
      await client.request("tools/list");
      const arrived = arrivedWith(mark).headers;
      expect(arrived).toMatchObject({ "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https", host: NAME });
      expect(JSON.stringify(arrived)).not.toContain("6.6.6.6");
    });

    test("another name, and a body that is larger than the host takes, are refused", async () => {
      const body = { jsonrpc: "2.0", id: 1, method: "ping" };
      await statusOf(at().proxy.url, { tls, headers: { host: "evil.example.net", "user-agent": `${name}-foreign` }, body });
      expect(arrivals().filter(({ headers: own }) => own["user-agent"] === `${name}-foreign`)).toEqual([]);
      // Caddy before 2.7 says 502. Some hang up while the body is still on its way.
      const large = statusOf(at().proxy.url, { tls, headers, body: "x".repeat(5 * 1024 * 1024) });
      const outcome = await large.catch((error: NodeJS.ErrnoException) => error.code);
      expect([413, 502, "EPIPE", "ECONNRESET"]).toContain(outcome);
    });

    // Without a sign of life the proxy would end it after 9 s; the host gives one after 5 s.
    test("a call that is silent for longer than the proxy waits is held", async () => {
      const { status, messages } = await at().silent;
      expect(status).toBe(200);
      expect(messages.at(-1)?.result.structuredContent).toMatchObject({ waited: SILENCE });
    });
  });
});

describe("the recipes", () => {
  const files = ["nginx.conf", "haproxy.cfg", "Caddyfile", "envoy.yaml", "traefik.yaml"];

  test("are for the same name, the same host and the same paths", () => {
    for (const file of files) {
      const text = recipe(file);
      for (const part of [NAME, "127.0.0.1", "3000", "/gateway", "mcp|ws|sse|messages", "oauth-protected-resource", "Forwarded"])
        expect(text.toLowerCase(), `${file}: ${part}`).toContain(part.toLowerCase());
    }
    expect(readFileSync(join(ROOT, "deploy/machine/.env.example"), "utf8")).toContain(`PUBLIC_HOST=${NAME}\n`);
  });

  test("that nobody has run say so in their first line", () => {
    const tried = Object.values(RECIPES).map(({ file }) => file);
    for (const file of files) {
      const [first = ""] = recipe(file).split("\n");
      expect(first.includes("NOT RUN"), file).toBe(!tried.includes(file));
    }
  });

  test("wait longer than a stream is silent", () => {
    const front = readFileSync(join(ROOT, "packages/host/src/front/http.ts"), "utf8");
    expect(front).toContain("const KEEP_ALIVE = 15_000;");
    for (const file of ["nginx.conf", "haproxy.cfg"])
      for (const [, seconds] of recipe(file).matchAll(/(?:read_timeout|timeout (?:client|server|tunnel)) (\d+)s/g))
        expect(Number(seconds)).toBeGreaterThan(30);
  });
});
