import { describe, expect, test } from "vitest";
import { proxyFor } from "../dist/upstream/proxy.js";

const P = "http://proxy.corp:3128";
const Q = "http://other.corp:3128";
const through = (url: string, env: Record<string, string>, setting?: string | false) => proxyFor(new URL(url), setting, env);

test.each<[string, Record<string, string>, string | undefined]>([
  ["https://a.example/mcp", {}, undefined],
  ["https://a.example/mcp", { HTTPS_PROXY: P }, P],
  ["wss://a.example/mcp", { HTTPS_PROXY: P }, P],
  ["https://a.example/mcp", { HTTP_PROXY: P }, undefined],
  ["http://a.example/mcp", { HTTP_PROXY: P, HTTPS_PROXY: Q }, P],
  ["ws://a.example/mcp", { http_proxy: P }, P],
  ["https://a.example/mcp", { https_proxy: P, HTTPS_PROXY: Q }, P],
  ["https://a.example/mcp", { https_proxy: "", HTTPS_PROXY: Q }, Q],
  ["https://a.example/mcp", { ALL_PROXY: P }, P],
  ["http://a.example/mcp", { all_proxy: P, HTTP_PROXY: Q }, Q],
])("%s with %j is reached through %s", (url, env, proxy) => {
  expect(through(url, env)).toBe(proxy);
});

test("what the server's entry says goes before the environment", () => {
  expect(through("https://a.example/mcp", { HTTPS_PROXY: P, NO_PROXY: "*" }, Q)).toBe(Q);
  expect(through("https://a.example/mcp", { HTTPS_PROXY: P }, false)).toBeUndefined();
});

test.each([
  "http://localhost:1/",
  "https://127.0.0.1/",
  "http://127.9.9.9/",
  "wss://[::1]/",
  "https://LOCALHOST/",
  "http://app.localhost/",
])("%s is this machine, and never reached through a proxy", (url) => {
  expect(through(url, { HTTP_PROXY: P, HTTPS_PROXY: P, ALL_PROXY: P })).toBeUndefined();
  expect(through(url, {}, P)).toBeUndefined();
});

describe("NO_PROXY", () => {
  test.each<[string, string, boolean]>([
    ["*", "https://a.example/", true],
    ["a.example", "https://a.example/", true],
    ["A.Example", "https://a.example/", true],
    ["example", "https://a.example/", true],
    [".example", "https://a.example/", true],
    ["*.example", "https://a.example/", true],
    ["example", "https://anexample/", false],
    ["b.example", "https://a.example/", false],
    ["x, b.example a.example", "https://a.example/", true],
    ["a.example:443", "https://a.example/", true],
    ["a.example:8443", "https://a.example/", false],
    ["a.example:8443", "https://a.example:8443/", true],
    ["a.example", "https://a.example./", true],
    ["10.0.0.0/8", "http://10.1.2.3/", true],
    ["10.0.0.0/8", "http://11.1.2.3/", false],
    ["10.0.0.0/33", "http://10.1.2.3/", false],
    ["10.0.0.0/", "http://10.1.2.3/", false],
    ["10.1.2.3", "http://10.1.2.3/", true],
    ["fd00::/8", "http://[fd00::1]/", true],
    ["[fd00::1]:80", "http://[fd00::1]/", true],
    ["[fd00::1]", "http://[fd00::1]/", true],
    ["fd00::1", "http://[fd00::1]/", true],
    [",, :80", "https://a.example/", false],
    ["", "https://a.example/", false],
  ])("%j and %s: %s", (list, url, exempt) => {
    const env = { HTTP_PROXY: P, HTTPS_PROXY: P };
    expect(through(url, { ...env, NO_PROXY: list })).toBe(exempt ? undefined : P);
    expect(through(url, { ...env, no_proxy: list, NO_PROXY: "unheard" })).toBe(exempt ? undefined : P);
  });
});
