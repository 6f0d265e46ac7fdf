import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { proxy } from "../../../test/harness/proxy.ts";
import { KeptConnections } from "../dist/upstream/kept-connections.js";

afterEach(() => vi.unstubAllEnvs());

async function server() {
  const counts = { connections: 0, requests: 0 };
  const made = createServer((request, response) => {
    counts.requests++;
    if (request.url === "/never") return;
    if (request.url === "/away") return void response.writeHead(302, { location: "https://example.com/" }).end();
    request.resume().on("end", () => response.end(`${request.method} ${request.headers["x-a"] ?? ""}`));
  });
  made.on("connection", () => counts.connections++);
  made.listen(0, "127.0.0.1");
  await once(made, "listening");
  const { port } = made.address() as AddressInfo;
  return {
    port,
    counts,
    async [Symbol.asyncDispose]() {
      made.closeAllConnections();
      await new Promise((closed) => made.close(closed));
    },
  };
}

test("requests go over connections that are kept, and closing ends them", async () => {
  await using at = await server();
  const url = `http://127.0.0.1:${at.port}`;
  const kept = new KeptConnections(url, { connections: 2 });
  for (let request = 0; request < 5; request++)
    expect(await (await kept.fetch(`${url}/x`, { method: "POST", body: "{}", headers: { "x-a": "1" } })).text()).toBe("POST 1");
  await Promise.all(Array.from({ length: 10 }, async () => (await kept.fetch(url)).text()));
  expect(at.counts.requests).toBe(15);
  expect(at.counts.connections).toBeLessThanOrEqual(2);
  expect((await kept.fetch(`${url}/away`, { redirect: "manual" })).status).toBe(302);
  await expect(kept.fetch("http://127.0.0.1:1/")).rejects.toThrow(`the connections are to ${url}, not to http://127.0.0.1:1`);
  const pending = kept.fetch(`${url}/never`).catch((error) => error);
  await vi.waitFor(() => expect(at.counts.requests).toBe(17));
  await kept.close();
  expect(await pending).toBeInstanceOf(TypeError);
  await expect(kept.fetch(url)).rejects.toThrow();
});

test("who is closed before the first request opens nothing", async () => {
  await using at = await server();
  const kept = new KeptConnections(`http://127.0.0.1:${at.port}`, { connections: 1 });
  await kept.close();
  await expect(kept.fetch(`http://127.0.0.1:${at.port}`)).rejects.toThrow();
  expect(at.counts.connections).toBe(0);
});

test("they lead through the proxy that the environment names", async () => {
  await using at = await server();
  await using through = await proxy({ "hooks.example:80": at.port });
  vi.stubEnv("http_proxy", through.url);
  vi.stubEnv("no_proxy", "");
  const kept = new KeptConnections("http://hooks.example/", { connections: 1 });
  for (let request = 0; request < 3; request++) expect(await (await kept.fetch("http://hooks.example/")).text()).toBe("GET ");
  await kept.close();
  expect(through.tunnels.length, "one tunnel, or two where the first was not free yet").toBeLessThanOrEqual(2);
  expect(at.counts.requests).toBe(3);
});
