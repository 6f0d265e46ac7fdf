import { definePlugin, refuse } from "mcp-host";
import { expect, test } from "vitest";
import { inProcessTransport } from "../fixtures/upstream.mjs";
import { startHost } from "../harness/hosts.ts";
import { type Answer, type Asked, ask, bearer, initialize, open } from "../harness/wire.ts";

const mcpServers = { up: { transport: () => inProcessTransport({ name: "up" }) } };
const alice = { authorization: "Bearer alice" };

/** Routes of every kind. */
const routes = definePlugin({
  name: "routes",
  host: "^1.0.0",
  apply(host) {
    host.hooks.http.tap("routes", (app, publicApp) => {
      app.get("/figures", (context) => context.text("guarded"));
      app.post("/figures", async (context) => context.text(await context.req.text()));
      app.all("/all/*", (context) => context.text("guarded"));
      publicApp.get("/hello", (context) => context.text("public"));
      publicApp.get("/both", (context) => context.text("public"));
      app.get("/both", (context) => context.text("guarded"));
      publicApp.use("/all/*", (_, next) => next());
    });
  },
});

/** What comes of a request: the status, and what was served. */
async function outcome(url: URL, asked: Asked): Promise<[number, string]> {
  const { status, text, ended } = await open(url, asked);
  await ended;
  return [status, status === 200 ? text() : ""];
}

test("routes are behind `authenticate` unless they were declared public", async () => {
  await using running = await startHost({ mcpServers, plugins: [routes(), bearer()] });
  const { url } = running;
  const as = (path: string, asked: Asked = {}): Promise<[number, string]> => outcome(url, { path, ...asked });
  expect(await as("/figures")).toEqual([401, ""]);
  expect(await as("/figures", { headers: { authorization: "Bearer " } })).toEqual([401, ""]);
  expect(await as("/figures", { headers: alice })).toEqual([200, "guarded"]);
  expect(await as("/figures", { body: "words" })).toEqual([401, ""]);
  expect(await as("/figures", { body: "words", headers: alice })).toEqual([200, "words"]);
  expect(await as("/figures", { method: "HEAD" })).toEqual([401, ""]);
  expect(await as("/hello")).toEqual([200, "public"]);
  expect(await as("/both")).toEqual([200, "public"]);
  for (const path of ["/figures?x=/hello", "/%66igures", "/all/x", "/all/../figures", "/all/hello", "/all//hello"])
    expect((await as(path))[0], path).not.toBe(200);
  // What is not there needs nobody's name.
  for (const path of ["/", "/elsewhere", "/figures/", "/hello/x", "/Figures"]) expect(await as(path), path).toEqual([404, ""]);
  expect(await as("/figures", { method: "DELETE" })).toEqual([404, ""]);
});

test("who is refused at a route is told what the endpoint tells", async () => {
  const told = ({ status, headers, json, text }: Answer): unknown => [status, headers["www-authenticate"], json?.error ?? text];
  const failing = (fail: () => never) =>
    definePlugin({ name: "failing", host: "^1.0.0", apply: ({ hooks }) => hooks.authenticate.tap("failing", fail) })();
  const challenge = { headers: { "www-authenticate": 'Bearer error="invalid_token"' } };
  for (const [plugin, status] of [
    [bearer(), 401],
    [
      failing(() => {
        throw refuse("unauthorized", "not you", challenge);
      }),
      401,
    ],
    [
      failing(() => {
        throw refuse("forbidden", "not here");
      }),
      403,
    ],
    [
      failing(() => {
        throw new Error("secret-canary");
      }),
      500,
    ],
  ] as const) {
    await using running = await startHost({ mcpServers, plugins: [routes(), plugin] });
    const endpoint = await ask(running.url, { body: initialize() });
    const route = await ask(running.url, { path: "/figures" });
    expect(endpoint.status).toBe(status);
    expect(told(route)).toEqual(told(endpoint));
    expect(route.text).not.toContain("canary");
    expect(route.headers).toMatchObject({ "content-type": "application/json", "x-content-type-options": "nosniff" });
  }
});

test("without an auth plugin they are as open as the endpoint", async () => {
  await using running = await startHost({ mcpServers, plugins: [routes()] });
  expect(await outcome(running.url, { path: "/figures" })).toEqual([200, "guarded"]);
  expect(await outcome(running.url, { path: "/hello" })).toEqual([200, "public"]);
});

test("a reload that brings an auth plugin closes them", async () => {
  await using running = await startHost({ mcpServers, plugins: [routes()] });
  const at = (path: string): Promise<[number, string]> => outcome(running.url, { path });
  expect(await at("/figures")).toEqual([200, "guarded"]);
  await running.host.reload({ mcpServers, listen: { port: 0 }, plugins: [routes(), bearer()] });
  expect(await at("/figures")).toEqual([401, ""]);
  expect(await at("/hello")).toEqual([200, "public"]);
});

test("what a route throws is the log's business: the client is told whose it is, or what it says with refuse", async () => {
  const secret = `ghp_${"a1B2".repeat(9)}`;
  const failing = definePlugin({
    name: "failing",
    host: "^1.0.0",
    apply(host) {
      host.hooks.http.tap("failing", (app, publicApp) => {
        app.get("/boom", () => {
          throw new Error(`boom with ${secret}`);
        });
        publicApp.get("/later", async () => {
          await Promise.resolve();
          throw new Error("later");
        });
        app.get("/refused", () => {
          throw refuse("rate_limited", "slow down", { retryAfterMs: 1_500 });
        });
        app.get("/own", () => {
          throw Object.assign(new Error("own"), { getResponse: () => new Response("mine", { status: 418 }) });
        });
        publicApp.get("/odd", () => {
          throw "no error"; // as JavaScript may
        });
      });
    },
  });
  const minding = definePlugin({
    name: "minding",
    host: "^1.0.0",
    apply(host) {
      host.hooks.http.tap("minding", (app) => {
        app.onError((_, context) => context.text("minded", 502));
        app.get("/minded", () => {
          throw new Error("its own business");
        });
      });
    },
  });
  await using running = await startHost({ mcpServers, plugins: [failing(), minding()] });
  const get = (path: string): Promise<Answer> => ask(running.url, { path });
  const boom = await get("/boom");
  expect([boom.status, boom.json?.error]).toMatchObject([
    500,
    { code: -31500, message: 'plugin "failing" failed', data: { type: "plugin_failure", plugin: "failing" } },
  ]);
  expect((await get("/later")).status).toBe(500);
  const refused = await get("/refused");
  expect([refused.status, refused.headers["retry-after"], refused.json?.error]).toMatchObject([429, "2", { message: "slow down" }]);
  for (const [path, status, text] of [
    ["/own", 418, "mine"],
    ["/minded", 502, "minded"],
  ] as const) {
    const answer = await open(running.url, { path });
    await answer.ended;
    expect([answer.status, answer.text()]).toEqual([status, text]);
  }
  const odd = await get("/odd");
  expect([odd.status, odd.json?.error]).toMatchObject([500, { message: "Internal error" }]);
  expect(running.logs.filter(({ level }) => level === "error")).toMatchObject([
    {
      message: "a plugin failed",
      plugin: "failing",
      hook: "http",
      method: "GET",
      path: "/boom",
      stack: [expect.stringContaining(import.meta.filename)],
    },
    { message: "a plugin failed", plugin: "failing", hook: "http", path: "/later", error: "Error: later" },
    { message: "an HTTP request failed", error: "no error" },
  ]);
  expect(JSON.stringify(running.logs)).not.toContain(secret);
});
