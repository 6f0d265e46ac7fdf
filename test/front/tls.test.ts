import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";
import { connect, type PeerCertificate, type SecureVersion, type TLSSocket } from "node:tls";
import { afterAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { inProcessTransport, type Message } from "../fixtures/upstream.mjs";
import { home, run, start } from "../harness/cli.ts";
import { ROOT, startHost, temporary } from "../harness/hosts.ts";
import { initialize } from "../harness/wire.ts";

const FIXTURES = join(ROOT, "test/fixtures/tls");
const pem = (name: string): string => readFileSync(join(FIXTURES, name), "utf8");
const ca = pem("ca.pem");
const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const tls = { cert: "cert.pem", key: "cert.key" };

/** A folder with the certificate of this name. */
function certificate(name = "first") {
  return temporary({ "cert.pem": pem(`${name}.pem`), "cert.key": pem(`${name}.key`), "ca.pem": ca });
}

const agents: https.Agent[] = [];
afterAll(() => {
  for (const agent of agents) agent.destroy();
});

/** A client with connections of its own that are kept. */
function client(options: https.AgentOptions = {}): (url: URL, message: Message, headers?: Record<string, string>) => Promise<Message> {
  const agent = new https.Agent({ keepAlive: true, ca, ...options });
  agents.push(agent);
  return (url, message, headers = {}) =>
    new Promise((resolve, reject) => {
      const all = { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers };
      const request = https.request(url, { method: "POST", agent, headers: all }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) }),
        );
      });
      request.on("error", reject);
      request.end(JSON.stringify(message));
    });
}

/** The name in the certificate that a new connection gets. */
function served(url: URL, options: { maxVersion?: SecureVersion } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port: Number(url.port), host: url.hostname, ca, ...options }, () => {
      const { subject }: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(String(subject.CN));
    });
    socket.on("error", reject);
  });
}

test("the host listens with HTTPS, shows an https URL, and takes its own https origin only", async () => {
  using folder = certificate();
  await using host = await startHost({ mcpServers, listen: { tls } }, { folder: folder.path });
  expect(host.url.protocol).toBe("https:");
  expect(host.host.status().url).toBe(host.url.href);
  const ask = client();
  const { status, json, headers } = await ask(host.url, initialize());
  expect([status, json.result.protocolVersion]).toEqual([200, "2025-11-25"]);
  const session = { "mcp-session-id": headers["mcp-session-id"] };
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { n: 1 } } };
  expect((await ask(host.url, call, session)).json.result.structuredContent.arguments).toEqual({ n: 1 });
  expect((await ask(host.url, call, { ...session, origin: host.url.origin })).status).toBe(200);
  expect((await ask(host.url, call, { ...session, origin: `http://${host.url.host}` })).status).toBe(403);
  expect((await ask(host.url, call, { ...session, host: "localhost:1" })).status).toBe(403);
  // Whoever does not trust the certificate gets nowhere, and plain HTTP is no way in.
  await expect(client({ ca: undefined })(host.url, initialize())).rejects.toThrow("unable to verify the first certificate");
  await expect(fetch(`http://${host.url.host}/healthz`)).rejects.toThrow();
});

test("WebSocket comes in over TLS, too", async () => {
  using folder = certificate();
  await using host = await startHost({ mcpServers, listen: { tls, websocket: true } }, { folder: folder.path });
  const socket = new WebSocket(`wss://${host.url.host}/ws`, "mcp", { ca });
  const answer = await new Promise<Message>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send(JSON.stringify(initialize())));
    socket.on("message", (data) => resolve(JSON.parse(String(data))));
  });
  expect(answer.result.protocolVersion).toBe("2025-11-25");
  socket.terminate();
});

test("`minVersion`, `passphrase` and `ca` hold", async () => {
  using folder = temporary({ "cert.pem": pem("first.pem"), "cert.key": pem("first.encrypted.key"), "ca.pem": ca });
  const listen = { tls: { ...tls, passphrase: "sesame", minVersion: "TLSv1.3" as const, ca: "ca.pem" } };
  await using host = await startHost({ mcpServers, listen }, { folder: folder.path });
  await expect(served(host.url, { maxVersion: "TLSv1.2" })).rejects.toThrow(/version|alert/);
  await expect(client()(host.url, initialize())).rejects.toThrow();
  const { status } = await client({ cert: pem("client.pem"), key: pem("client.key") })(host.url, initialize());
  expect(status).toBe(200);
});

describe("a certificate that changes", () => {
  test("is served to new connections within seconds, while calls go on over old ones", async () => {
    using folder = certificate();
    await using host = await startHost({ mcpServers, listen: { tls } }, { folder: folder.path });
    const ask = client();
    const { headers } = await ask(host.url, initialize());
    const session = { "mcp-session-id": headers["mcp-session-id"] };
    let renewed = false;
    let calls = 0;
    const caller = async (name: string): Promise<void> => {
      for (let n = 0; !renewed || n < 5; n++) {
        const params = { name: "echo", arguments: { name, n } };
        const { status, json } = await ask(host.url, { jsonrpc: "2.0", id: `${name} ${n}`, method: "tools/call", params }, session);
        expect([status, json.id, json.result.structuredContent.arguments]).toEqual([200, `${name} ${n}`, { name, n }]);
        calls++;
        await new Promise((resolve) => setTimeout(resolve, 5)); // a load, not a race for the machine
      }
    };
    const callers = ["a", "b", "c"].map(caller);
    expect(await served(host.url)).toBe("first");
    for (const suffix of ["pem", "key"]) copyFileSync(join(FIXTURES, `second.${suffix}`), join(folder.path, `cert.${suffix}`));
    await vi.waitFor(async () => expect(await served(host.url)).toBe("second"), { interval: 50 });
    renewed = true;
    await Promise.all(callers);
    expect(calls).toBeGreaterThan(15);
  });

  test("is served at once after a reload", async () => {
    using folder = certificate();
    const config = { mcpServers, listen: { port: 0, tls } };
    await using host = await startHost(config, { folder: folder.path });
    const before = await served(host.url);
    for (const ending of ["pem", "key"]) copyFileSync(join(FIXTURES, `second.${ending}`), join(folder.path, `cert.${ending}`));
    await host.host.reload(config);
    expect(await served(host.url)).not.toBe(before);
  });

  test("to one that cannot be used is not taken: the old one stays, and the log says why", async () => {
    using folder = certificate();
    await using host = await startHost({ mcpServers, listen: { tls } }, { folder: folder.path });
    const problems = () => host.logs.filter(({ message }) => /the old one stays/.test(String(message)));
    const { length } = problems();
    writeFileSync(join(folder.path, "cert.pem"), "nonsense");
    await vi.waitFor(() => expect(problems().length).toBeGreaterThan(length));
    expect(problems().at(-1)).toMatchObject({ problems: [expect.stringContaining("listen.tls")] });
    expect(await served(host.url)).toBe("first");
    // Certificate and key that do not belong together are bad in the same way; once both are there they are taken.
    copyFileSync(join(FIXTURES, "second.pem"), join(folder.path, "cert.pem"));
    await vi.waitFor(() => expect(problems().length).toBeGreaterThan(length + 1));
    expect(await served(host.url)).toBe("first");
    copyFileSync(join(FIXTURES, "second.key"), join(folder.path, "cert.key"));
    await vi.waitFor(async () => expect(await served(host.url)).toBe("second"), { interval: 50 });
  });
});

test("a certificate that cannot be used stops the start with its place and the remedy", async () => {
  const config = { mcpServers: {}, listen: { port: 0, tls } };
  using missing = home(config);
  const { code, stderr } = await run(missing, ["start"]);
  expect(code).toBe(3);
  expect(stderr).toContain(`listen.tls.cert: ${join(missing.path, "cert.pem")} cannot be read (ENOENT); name a PEM file`);
  using wrong = home(config, { "cert.pem": pem("first.pem"), "cert.key": pem("second.key") });
  const other = await run(wrong, ["start"]);
  expect([other.code, other.stderr]).toEqual([3, expect.stringContaining("listen.tls: the certificate and its key cannot be used")]);
});

test("the banner shows the https URL", async () => {
  using at = home({ mcpServers: {}, listen: { port: 0, tls } }, { "cert.pem": pem("first.pem"), "cert.key": pem("first.key") });
  await using running = start(at, ["start"]);
  await vi.waitFor(() => expect(running.stderr()).toMatch(/claude mcp add --transport http mcp-host https:\/\/127\.0\.0\.1:\d+\/mcp/));
});
