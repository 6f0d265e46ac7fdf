import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { createHost, createLogger, definePlugin, type GuardOptions, type Host, HostError, type HostOptions, refuse } from "mcp-host";
import { expect, test } from "vitest";

const log = createLogger({ level: "silent" });

function embedded(plugins: ReturnType<ReturnType<typeof definePlugin>>[] = [], options: HostOptions = {}): Host {
  return createHost({ mcpServers: {}, plugins, drain: 0 }, { log, ...options });
}

/** A server whose only route is behind a guard. Gives what asks it: `<status> <principal or reason>`. */
async function guarded(host: Host, options?: GuardOptions) {
  const guard = host.guard(options);
  const server = createServer((request, response) => {
    const from = request.headers["x-from"];
    if (from) Object.defineProperty(request.socket, "remoteAddress", { value: from });
    guard(request).then(
      ({ id }) => response.end(id),
      (error: unknown) => response.writeHead(error instanceof HostError ? error.status : 500).end((error as Error).message),
    );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    port,
    ask: (headers: Record<string, string> = {}): Promise<string> =>
      new Promise((resolve, reject) => {
        const sent = httpRequest(
          { port, host: "127.0.0.1", method: "POST", headers: { connection: "close", ...headers } },
          async (answer) => {
            let text = "";
            for await (const chunk of answer) text += chunk;
            resolve(`${answer.statusCode} ${text}`);
          },
        );
        sent.once("error", reject);
        sent.end();
      }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

test("a guard lets this machine in by its names, and no web page of another origin", async () => {
  await using host = embedded();
  await using server = await guarded(host);
  const { port } = server;
  for (const name of ["127.0.0.1", "localhost", "[::1]"])
    expect(await server.ask({ host: `${name}:${port}`, origin: `http://${name}:${port}` })).toBe("200 anonymous");
  expect(await server.ask({ host: `evil.example:${port}` })).toContain(
    "403 the Host header is not one of the host's names; add it to guard's",
  );
  for (const origin of ["https://evil.example", "null", `http://localhost:${port + 1}`])
    expect(await server.ask({ origin })).toContain("403 the Origin header is not an allowed one; add it to guard's");
  expect(await server.ask({ "x-from": "192.0.2.1" })).toMatch(/^403 nobody says who clients are.*give guard\(\) an "authenticate"/);
});

test("names and origins of a guard are allowed where somebody says who clients are, and who is unknown is 401", async () => {
  const authenticate: GuardOptions["authenticate"] = ({ headers }) =>
    headers["x-user"] === undefined ? undefined : { id: String(headers["x-user"]), roles: [] };
  await using host = embedded();
  await using server = await guarded(host, { hosts: ["chat.example.com"], origins: ["https://chat.example.com"], authenticate });
  const there = { host: "chat.example.com", origin: "https://chat.example.com" };
  expect(await server.ask({ ...there, "x-user": "ada", "x-from": "192.0.2.1" })).toBe("200 ada");
  expect(await server.ask(there)).toContain("401 ");

  const named = embedded();
  named.guard({ hosts: ["chat.example.com"] });
  await expect(named.start()).rejects.toThrow('guard: "chat.example.com" can be reached from other machines');
  await named.close();
});

test("plugins are asked who may come in and who it is, and hear of what is refused", async () => {
  const refused: unknown[] = [];
  const door = definePlugin({
    name: "door",
    host: "^1.0.0",
    apply({ hooks }) {
      hooks.admit.tap("door", ({ headers, path }) => {
        if (headers["x-trouble"]) throw refuse("rate_limited", `not ${path} again`, { retryAfterMs: 1_000 });
      });
      hooks.authenticate.tap("door", ({ headers }) => (headers["x-break"] ? ({} as never) : { id: "ada", roles: [] })); // what code without types gives
      hooks.refused.tap("door", ({ status, type }) => void refused.push([status, type]));
    },
  });
  await using host = embedded([door()]);
  await using server = await guarded(host);
  expect(await server.ask()).toBe("200 ada");
  expect(await server.ask({ "x-trouble": "yes" })).toBe("429 not / again");
  expect(await server.ask({ "x-break": "yes" })).toMatch(/^401 /);
  expect(await server.ask({ origin: "https://evil.example" })).toMatch(/^403 /);
  expect(refused).toEqual([
    [429, "rate_limited"],
    [401, "unauthorized"],
    [403, "forbidden"],
  ]);
});

test("a tap that throws refuses without telling why, and a host that has stopped lets nobody in", async () => {
  const broken = definePlugin({
    name: "broken",
    host: "^1.0.0",
    apply: ({ hooks }) =>
      hooks.admit.tap("broken", ({ headers }) => {
        if (headers["x-break"]) throw new Error("the table of secrets is gone");
      }),
  });
  const host = embedded([broken()]);
  await using server = await guarded(host);
  expect(await server.ask()).toBe("200 anonymous");
  const told = await server.ask({ "x-break": "yes" });
  expect(told).toMatch(/^50\d /);
  expect(told).not.toContain("secrets");
  await host.close();
  expect(await server.ask()).toBe("503 the host is stopping");
});
