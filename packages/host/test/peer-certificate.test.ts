import { readFileSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterEach, expect, test, vi } from "vitest";
import { certificateUntil } from "../../../test/harness/certificate.ts";
import { listening } from "../../../test/harness/faulty-wires.ts";
import { ROOT } from "../../../test/harness/hosts.ts";
import { proxy } from "../../../test/harness/proxy.ts";
import { peerCertificate } from "../dist/upstream/peer-certificate.js";

afterEach(() => vi.unstubAllEnvs());

const TLS = join(ROOT, "test/fixtures/tls");
const remote = { cert: readFileSync(join(TLS, "remote.pem")), key: readFileSync(join(TLS, "remote.key")) };

async function server(options: { cert: string | Buffer; key: string | Buffer }) {
  const heard: string[] = [];
  const made = createServer(options, (socket) => {
    socket.on("data", (data) => heard.push(String(data)));
    socket.on("error", () => {}); // whoever only looks goes without a word
  });
  made.on("tlsClientError", () => {});
  const { url, close } = await listening(made);
  return { port: Number(new URL(url).port), heard, [Symbol.asyncDispose]: close };
}

test("a certificate is told whatever it is worth, and nothing is sent", async () => {
  const ended = Math.floor((Date.now() - 3_600_000) / 1_000) * 1_000;
  await using at = await server(certificateUntil(ended));
  for (const address of [`https://127.0.0.1:${at.port}/mcp`, `wss://localhost:${at.port}`])
    expect(await peerCertificate(address)).toEqual({
      subject: "CN=localhost",
      issuer: "CN=localhost",
      validFrom: expect.any(Number),
      validTo: ended,
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    });
  expect(at.heard).toEqual([]);
});

test("the way leads through the proxy of the environment, and through that of the entry", async () => {
  await using at = await server(remote);
  await using through = await proxy({ "remote.example:443": at.port });
  vi.stubEnv("HTTPS_PROXY", through.url);
  const { validTo } = await peerCertificate("https://remote.example/mcp");
  expect(new Date(validTo).getUTCFullYear()).toBeGreaterThan(2100);
  vi.stubEnv("HTTPS_PROXY", "");
  expect((await peerCertificate("https://remote.example/mcp", { proxy: through.url })).validTo).toBe(validTo);
});

test("where there is none, it says why, within its time and without the address", async () => {
  await expect(peerCertificate("http://127.0.0.1:1")).rejects.toThrow("http: has no certificates; https: and wss: have");
  await expect(peerCertificate("https://127.0.0.1:1")).rejects.toThrow(/^it cannot be reached \(ECONNREFUSED\)$/);
  const mute = createTcpServer((socket) => void socket.on("error", () => {}));
  const { url, close } = await listening(mute);
  await expect(peerCertificate(url.replace("http:", "https:"), { timeout: 50 })).rejects.toThrow("it showed no certificate within 50 ms");
  await close();
});
