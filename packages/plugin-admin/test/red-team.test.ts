import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { raw } from "../../../test/harness/wire.ts";
import { type AdminHost, adminHost, configWith, TOKENS } from "./running.ts";

let admin: AdminHost;
/** One without tokens: whoever is on this machine may read. */
let open: AdminHost;

beforeAll(async () => {
  [admin, open] = await Promise.all([adminHost(), adminHost(configWith({ tokens: [] }))]);
}, 60_000);

afterAll(async () => {
  await Promise.all([admin, open].map((each) => each[Symbol.asyncDispose]()));
}, 30_000);

/** A request with any headers, those of the connection included. */
function send(
  base: URL,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<{ status: number; text: string }> {
  return new Promise((done, failed) => {
    const asked = request({ host: base.hostname, port: base.port, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => done({ status: response.statusCode ?? 0, text }));
    });
    asked.on("error", failed);
    asked.end(body);
  });
}

const bearer = { authorization: `Bearer ${TOKENS.configure}` };
const own = (base: URL): string => `http://${base.host}`;

test("without a token this machine may read, and do nothing else", async () => {
  expect(await open.ask("GET", "status")).toMatchObject({ status: 200 });
  expect((await open.ask("GET", "whoami")).body).toEqual({ who: "admin:local", scope: "read", allowCommands: false });
  for (const path of ["reload", "stop", "servers/near/reconnect", "config/change", "plugins/cache/stats"])
    expect((await open.ask("POST", path)).status, path).toBe(401);
  expect((await open.ask("DELETE", "clients/x")).status).toBe(401);
  // Where there are tokens, nobody reads without one.
  expect((await admin.ask("GET", "status")).status).toBe(401);
});

test("a name that leads here, a page of another site and a proxy are not this machine", async () => {
  const path = "/admin/api/v1/status";
  const { host } = open.base;
  expect((await send(open.base, "GET", path, { host })).status).toBe(200);
  expect((await send(open.base, "GET", path, { host: `localhost:${open.base.port}` })).status).toBe(200);
  expect((await send(open.base, "GET", path, { host, origin: own(open.base), "sec-fetch-site": "same-origin" })).status).toBe(200);
  const cases: [Record<string, string>, number][] = [
    [{ host: `evil.example:${open.base.port}` }, 403],
    [{ host: `127.0.0.1.evil.example:${open.base.port}` }, 403],
    [{ host, origin: "http://evil.example" }, 403],
    [{ host, origin: "null" }, 403],
    [{ host, "sec-fetch-site": "cross-site" }, 401],
    [{ host, "sec-fetch-site": "same-site" }, 401],
    [{ host, "x-forwarded-for": "1.2.3.4" }, 401],
    [{ host, forwarded: "for=1.2.3.4" }, 401],
    [{ host, "x-real-ip": "127.0.0.1" }, 401],
    [{ host, via: "1.1 proxy" }, 401],
    [{ host, cookie: `token=${TOKENS.configure}`, "x-forwarded-for": "::1" }, 401],
    [{ host, authorization: "Bearer wrong" }, 401],
    [{ host, authorization: "Basic YTpi" }, 401],
  ];
  for (const [headers, status] of cases) expect((await send(open.base, "GET", path, headers)).status, JSON.stringify(headers)).toBe(status);
  // Nor does a token help a page of another site.
  expect((await send(admin.base, "POST", "/admin/api/v1/reload", { ...bearer, origin: "http://evil.example" })).status).toBe(403);
  expect(
    (await send(admin.base, "OPTIONS", "/admin/api/v1/reload", { origin: own(admin.base), "access-control-request-method": "POST" }))
      .status,
  ).toBe(401);
});

test("a token in the URL is refused whoever asks, and not looked at; cookies and other schemes are nothing", async () => {
  for (const name of ["token", "access_token", "api_key", "Authorization", "bearer"]) {
    const { status, body, text } = await admin.ask("GET", `status?${name}=${TOKENS.configure}`);
    expect({ status, detail: body.detail }).toEqual({ status: 400, detail: expect.stringContaining("credential") });
    expect(text).not.toContain(TOKENS.configure);
    expect((await admin.ask("GET", `status?${name}=x`, "configure")).status).toBe(400);
  }
  expect((await admin.ask("GET", "status", { headers: { cookie: `token=${TOKENS.configure}` } })).status).toBe(401);
  expect((await admin.ask("GET", "status", { headers: { "x-api-key": TOKENS.configure } })).status).toBe(401);
  for (const authorization of [
    TOKENS.configure,
    `Bearer ${TOKENS.configure}x`,
    `Bearer ${TOKENS.configure.slice(0, -1)}`,
    "Bearer ",
    `Basic ${btoa(`x:${TOKENS.configure}`)}`,
  ])
    expect([401, 429]).toContain((await admin.ask("GET", "status", { headers: { authorization } })).status);
});

test.each([
  "/admin/api/v1/../../mcp",
  "/admin/api/v1/%2e%2e/status",
  "/admin/api/v1//status",
  "//admin/api/v1/status",
  "/admin/api/v1/status/",
  "/admin/api/v1/servers/%2e%2e%2fstatus",
  "/admin/api/v1/servers/..%2f..%2f..%2fetc%2fpasswd",
  "/admin/api/v1/servers/%00",
  "/admin/api/v1/servers/%zz",
  "/admin/api/v1/servers/__proto__",
  "/admin/api/v1/servers/constructor",
  "/admin/api/v1/constructor",
  "/ADMIN/API/V1/status",
  "/admin/api/v1/plugins/cache:clear",
  `/admin/api/v1/servers/${"x".repeat(600)}`,
])("%s leads nowhere with a token, and past no guard without one", async (path) => {
  const without = await send(admin.base, "GET", path);
  expect([400, 401, 404]).toContain(without.status);
  const { status, text } = await send(admin.base, "GET", path, bearer);
  expect([400, 404, 405]).toContain(status);
  expect(text).not.toMatch(/"pid"|root:|at .*\.js:/);
});

test.each(["/admin/api/v1/docs/../status", "/admin/api/v1/docs/%2e%2e/status", "/admin/api/v1/docs/./../status"])(
  "%s is no part of the page, which everybody may see",
  async (path) => {
    expect((await send(admin.base, "GET", path)).status).toBe(401);
  },
);

test("a body that is too large, endless, no JSON, too deep or poisoned is refused, and the host goes on", async () => {
  const path = "/admin/api/v1/plugins/cache/clear";
  const json = { ...bearer, "content-type": "application/json" };
  const large = JSON.stringify({ pattern: "x".repeat(70_000) });
  expect((await send(admin.base, "POST", path, { ...json, "content-length": String(large.length) }, large)).status).toBe(413);
  expect((await send(admin.base, "POST", path, { ...json, "transfer-encoding": "chunked" }, large)).status).toBe(413);
  const cases: [string, string, number][] = [
    ["application/json", "{", 400],
    ["application/json", "[]", 400],
    ["application/json", "null", 400],
    ["application/json", `{"pattern":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, 400],
    ["application/json", '{"__proto__":{"polluted":true},"pattern":"x"}', 400],
    ["application/json", '{"pattern":"x","other":1}', 400],
    ["application/json", '{"pattern":["x"]}', 400],
    ["text/plain", '{"pattern":"x"}', 415],
    ["application/x-www-form-urlencoded", "pattern=x", 415],
    ["application/json", '{"pattern":"\xff"}', 200],
  ];
  for (const [type, body, status] of cases)
    expect((await send(admin.base, "POST", path, { ...bearer, "content-type": type }, body)).status, body.slice(0, 60)).toBe(status);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  const broken = await raw(
    admin.base,
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: ${admin.base.host}\r\nAuthorization: ${bearer.authorization}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\xff\xff`,
      "latin1",
    ),
  );
  expect(broken).toContain("400 Bad Request");
  expect((await admin.ask("GET", "health", "read")).status).toBe(200);
});

test("methods, params and headers that do not belong are refused with what does", async () => {
  expect(await admin.ask("PUT", "config", "configure")).toMatchObject({ status: 405 });
  expect((await admin.ask("POST", "status", "configure")).headers.get("allow")).toBe("GET");
  expect(await admin.ask("GET", "catalog?limit=1&limit=2", "read")).toMatchObject({ status: 400 });
  expect(await admin.ask("GET", "catalog?nonsense=1", "read")).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining("kind, upstream") },
  });
  expect(await admin.ask("POST", "reload?x=1", "operate")).toMatchObject({ status: 400 });
  expect(await admin.ask("POST", "servers/near/reconnect", "operate", { upstream: "far" })).toMatchObject({ status: 400 });
  const { headers, body } = await admin.ask("GET", "none", "read");
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("access-control-allow-origin")).toBeNull();
  expect(body).toMatchObject({ type: "urn:mcp-host:error:not_found", status: 404, title: "Not found" });
});

test("who tries too often is told to wait, and whoever has a token comes in all the same", async () => {
  const headers = { authorization: "Bearer wrong-wrong-wrong-wrong-1" };
  const statuses: number[] = [];
  for (let tries = 0; tries < 30; tries++) statuses.push((await admin.ask("GET", "status", { headers })).status);
  expect(statuses.at(-1)).toBe(429);
  expect((await admin.ask("GET", "status", { headers })).headers.get("retry-after")).toMatch(/^\d+$/);
  expect((await admin.ask("GET", "status", "read")).status).toBe(200);
});
