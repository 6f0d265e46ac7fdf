import { oauth } from "@host/plugin-oauth";
import { createHost } from "mcp-host";
import { FakeClock } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { listenFor } from "../dist/loopback.js";
import { Memory } from "../dist/memory.js";
import { options as schema, server as serverSchema } from "../dist/options.js";
import { page } from "../dist/pages.js";
import { Standings } from "../dist/standing.js";

describe("servers that cannot be signed in to so", () => {
  const problems = (server: object, given: object) =>
    createHost({ mcpServers: { up: server as { url: string } }, plugins: [oauth({ servers: { up: given } })] })
      .prepare()
      .then(
        () => "none",
        (error: Error) => error.message,
      );
  const url = "https://mcp.example/mcp";
  test.each([
    ["a process", { command: "node" }, {}, "only servers with an http"],
    ["a socket", { url: "wss://mcp.example/mcp" }, {}, "only servers with an http"],
    ["a header in the config", { url, headers: { authorization: "Bearer x" } }, {}, "take out one of them"],
    ["nobody", { url }, { grant: "client_credentials", clientSecret: "s" }, "clientId: is needed"],
    ["nothing to prove it with", { url }, { grant: "client_credentials", clientId: "a" }, "a clientSecret, or a privateKey"],
    [
      "its own account for each",
      { url },
      { grant: "client_credentials", clientId: "a", clientSecret: "s", mode: "principal" },
      "own account",
    ],
    ["no key", { url }, { clientId: "a", tokenEndpointAuthMethod: "private_key_jwt" }, "privateKey: is needed"],
    ["a secret of nobody", { url }, { clientSecret: "s" }, "clientSecret: is of no use without the clientId"],
    ["no secret", { url }, { clientId: "a", tokenEndpointAuthMethod: "client_secret_post" }, "clientSecret: is needed"],
    ["callers' tokens sent wherever it says", { url }, { grant: "token_exchange", clientId: "a" }, "issuer: is needed"],
    ["nobody who exchanges", { url }, { grant: "token_exchange", issuer: "https://as.example" }, "clientId: is needed"],
    [
      "one exchange for all",
      { url },
      { grant: "token_exchange", issuer: "https://as.example", clientId: "a", mode: "host" },
      'cannot be "host"',
    ],
    ["nothing wrong", { url }, { clientId: "a", clientSecret: "s" }, "none"],
  ])("%s", async (_, server, given, words) => expect(await problems(server, given)).toContain(words));
});

test("the memory keeps values, leases and listeners as a store does", () => {
  const clock = new FakeClock();
  const memory = new Memory(() => clock.monotonic());
  memory.set("a", 1, 1_000);
  expect(memory.update("a", (value) => (value as number) + 1)).toBe(2);
  clock.advance(1_001);
  expect(memory.get("a")).toBeUndefined();
  memory.set("b", 1);
  memory.set("b", undefined);
  expect(memory.get("b")).toBeUndefined();
  const lease = memory.lease("l", 100);
  expect(memory.lease("l", 100)).toBeUndefined();
  expect(lease?.renew(200)).toBe(true);
  clock.advance(150);
  expect(memory.lease("l", 100)).toBeUndefined();
  clock.advance(100);
  const other = memory.lease("l", 100);
  expect(other).toBeDefined();
  expect(lease?.renew(100)).toBe(false);
  lease?.release();
  expect(memory.lease("l", 100)).toBeUndefined();
  other?.release();
  expect(memory.lease("l", 100)).toBeDefined();
  const heard: unknown[] = [];
  const end = memory.subscribe("c", (message) => heard.push(message));
  memory.publish("c", 1);
  end();
  memory.publish("c", 2);
  expect(heard).toEqual([1]);
  for (let each = 0; each < 10_001; each++) memory.set(`many ${each}`, each);
  expect(memory.get("many 0")).toBeUndefined();
  memory.delete("many 1");
  expect([memory.get("many 1"), memory.get("many 2")]).toEqual([undefined, 2]);
});

test("pages say what they are told as text, and run nothing", () => {
  const { body, headers } = page(400, "<script>", "a & \"b\" 'c'", { href: 'javascript:"', words: "<b>" });
  expect(body).toContain("&lt;script&gt;");
  expect(body).not.toMatch(/<script>|<b>|javascript:"/);
  expect(headers).toMatchObject({
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": expect.stringContaining("default-src 'none'"),
  });
});

test("the listener answers on localhost, too, only what it is there for, and not for ever", async () => {
  const came: string[] = [];
  const callback = schema.parse({ callback: { host: "localhost", port: 0 } }).callback;
  const loopback = await listenFor(callback, true, async (parameters) => {
    came.push(String(parameters));
    if (parameters.has("fail")) throw new Error("it fails");
    return page(200, "Done", "done");
  });
  expect(loopback.redirectUri).toMatch(/^http:\/\/localhost:\d+\/oauth\/callback$/);
  expect((await fetch(`${loopback.redirectUri}?a=1`)).status).toBe(200);
  expect((await fetch(`${loopback.redirectUri}?fail=1`)).status).toBe(500);
  expect((await fetch(loopback.redirectUri.replace("callback", "other"))).status).toBe(404);
  expect((await fetch(loopback.redirectUri, { method: "POST" })).status).toBe(404);
  expect(came).toEqual(["a=1", "fail=1"]);
  let status = 0;
  for (let each = 0; each < 100; each++) status = (await fetch(loopback.redirectUri)).status;
  expect(status).toBe(429);
  loopback.close();
});

test("more scope may be asked for three times an hour", () => {
  let now = 0;
  const standings = new Standings(() => now);
  const owner = { who: "host", url: "https://mcp.example/mcp", options: serverSchema.parse({}) };
  expect([1, 2, 3, 4].map(() => standings.mayStepUp(owner))).toEqual([true, true, true, false]);
  now = 3_600_000;
  expect(standings.mayStepUp(owner)).toBe(true);
  expect([standings.signedOut(owner), standings.signedOut(owner), standings.count(owner.url, "needs sign-in")]).toEqual([true, false, 1]);
});
