import { chmodSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { createLogger } from "mcp-host";
import { afterEach, expect, test, vi } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { Gate } from "../dist/gate.js";
import { ApiKeys, newKey, readKeys } from "../dist/keys.js";
import { apiKey } from "../dist/options.js";
import { Recent } from "../dist/recent.js";

const PEPPER = "a pepper for tests only";
afterEach(() => void vi.useRealTimers());

test("a key is taken out of every log line by its form, whether the host was told of it or not", () => {
  const { key } = newKey("alice", PEPPER);
  let text = "";
  const log = createLogger({
    format: "json",
    stream: new Writable({
      write: (chunk, _, done) => {
        text += chunk;
        done();
      },
    }),
  });
  log.info(`said ${key} and went`, { also: key, cut: "x ".repeat(2_035) + key });
  expect(text).toContain("said [redacted] and went");
  expect(text).not.toContain(key.slice(0, 20));
});

test("a new key is 32 random bytes behind a readable prefix, and only its digest is kept", () => {
  const made = Array.from({ length: 50 }, () => newKey("alice", PEPPER));
  for (const { key, digest } of made) {
    expect(key).toMatch(/^mcph_alice_[A-Za-z0-9_-]{43}$/);
    expect(digest).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(key).not.toContain(digest);
  }
  expect(new Set(made.map(({ key }) => key)).size).toBe(50);
});

test("a key is known by its digest under the pepper, and by nothing else", () => {
  const ids = ["alice", "a_b", "x.y-z"];
  const made = ids.map((id) => ({ id, ...newKey(id, PEPPER) }));
  const keys = new ApiKeys(
    PEPPER,
    made.map(({ id, digest }) => apiKey.parse({ id, digest, roles: ["dev"], claims: { team: "blue" } })),
  );
  expect(keys.size).toBe(3);
  for (const { id, key } of made) {
    expect(keys.find(key)).toMatchObject({ id: `key:${id}`, roles: ["dev"], claims: { team: "blue" } });
    expect(keys.find(key), "one object, so that sessions compare fast").toBe(keys.find(key));
    expect(keys.find(`${key}x`)).toBeUndefined();
    expect(keys.find(key.slice(0, -1))).toBeUndefined();
    expect(keys.find(key.replace(id, "other"))).toBeUndefined();
  }
  const { digest, key } = made[0] as (typeof made)[0];
  expect(keys.find(`mcph_alice_${digest}`), "the digest is no key").toBeUndefined();
  expect(new ApiKeys("another pepper, for tests", [apiKey.parse({ id: "alice", digest })]).find(key)).toBeUndefined();
  for (const text of ["mcph_", "mcph__", `mcph_${"x".repeat(44)}`, "mcph_constructor_x"]) expect(keys.find(text)).toBeUndefined();
});

test("where only API keys are configured, whatever a client sends is told and counted as a key that is not known", async () => {
  const { key, digest } = newKey("alice", PEPPER);
  const requests = { add: vi.fn() };
  const gate = new Gate({
    keys: new ApiKeys(PEPPER, [apiKey.parse({ id: "alice", digest })]),
    issuers: new Map(),
    resource: undefined,
    anonymous: undefined,
    required: [],
    requests,
  });
  const identify = (token: string) =>
    gate.identify({ method: "POST", path: "/mcp", headers: { authorization: `Bearer ${token}` }, address: "127.0.0.1" });
  expect(await identify(key)).toMatchObject({ id: "key:alice" });
  const jwt = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.";
  for (const wrong of [`${key}x`, key.slice(5), "opaque", "sk-live-of-somebody-else", jwt]) {
    requests.add.mockClear();
    const refused = await Promise.resolve()
      .then(() => identify(wrong))
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ type: "unauthorized", message: "the API key is not known here" });
    expect(requests.add.mock.calls).toEqual([[1, "key", "unknown"]]);
  }
});

test("a key ends when it says so", () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2029-12-31T23:59:59Z") });
  const { key, digest } = newKey("alice", PEPPER);
  const keys = new ApiKeys(PEPPER, [apiKey.parse({ id: "alice", digest, expires: "2030-01-01T00:00:00Z" })]);
  expect(keys.find(key)).toMatchObject({ id: "key:alice" });
  vi.setSystemTime(Date.parse("2030-01-01T00:00:00Z"));
  expect(keys.find(key)).toBe("expired");
});

test("keys from a file, which others may not write", () => {
  const { digest } = newKey("alice", PEPPER);
  using folder = temporary({
    "keys.json": JSON.stringify([{ id: "alice", digest }]),
    "text.json": "secret, no JSON",
    "wrong.json": '[{"id":"a"}]',
  });
  expect(readKeys("keys.json", folder.path)).toMatchObject([{ id: "alice", roles: [] }]);
  expect(readKeys(join(folder.path, "keys.json"), "/")).toHaveLength(1);
  expect(() => readKeys("none.json", folder.path)).toThrow(/options.apiKeys.file: .*none.json is no file/);
  expect(() => readKeys("text.json", folder.path)).toThrow(/is not valid JSON$/);
  expect(() => readKeys("wrong.json", folder.path)).toThrow(/holds no list of keys: 0.digest/);
  chmodSync(join(folder.path, "keys.json"), 0o622);
  expect(() => readKeys("keys.json", folder.path)).toThrow(/can be written by others; run `chmod go-w/);
});

test("what is remembered is bounded, and forgotten when its time is up", () => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_000 });
  const recent = new Recent<string>(2);
  recent.set("past", "never kept", 1_000);
  recent.set("a", "A", 2_000);
  recent.set("b", "B", 3_000);
  expect([recent.get("past"), recent.get("a"), recent.get("b")]).toEqual([undefined, "A", "B"]);
  recent.set("c", "C", 4_000);
  expect([recent.get("a"), recent.size]).toEqual([undefined, 2]);
  vi.setSystemTime(3_000);
  expect([recent.get("b"), recent.get("c"), recent.size]).toEqual([undefined, "C", 1]);
  recent.clear();
  expect(recent.size).toBe(0);
});
