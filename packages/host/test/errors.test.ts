import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ERRORS, type ErrorType, HostError, isRefusal, refuse } from "../dist/errors.js";
import { PeerError, toRpcError } from "../dist/wire/peer-error.js";

const rows = Object.entries(ERRORS) as [ErrorType, { code: number; status?: number; retryable: boolean | "safe"; meaning: string }][];

test("docs/errors.md says of each type what the host does", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/errors.md"), "utf8");
  const documented = [...page.matchAll(/^\| `(\w+)` \| (-\d+) \| (\d+|–) \| ([^|]+) \| (.+) \|$/gm)].map(([, ...cells]) => cells);
  const words = { true: "yes", false: "no", safe: "if nothing was sent" } as const;
  expect(documented).toEqual(
    rows.map(([type, { code, status, retryable, meaning }]) => [
      type,
      String(code),
      String(status ?? "–"),
      words[`${retryable}`],
      meaning.replaceAll("|", "\\|"),
    ]),
  );
});

test("own codes lie outside the reserved range, and reserved ones are the protocol's", () => {
  for (const [type, { code }] of rows)
    expect(code > -32000 || [-32700, -32600, -32601, -32602, -32603, -32002, -32020, -32022].includes(code), `${type}: ${code}`).toBe(true);
});

test("each meaning is made of whole sentences", () => {
  for (const [type, { meaning }] of rows) expect(meaning, type).toMatch(/^[A-Z].*[.)]$/s);
});

test.each(rows)("%s is answered with its code and its data", (type, { code, retryable }) => {
  const error = new HostError(type, "words");
  expect(error.toRpc("id")).toEqual({
    code,
    message: "words",
    data: { origin: "mcp-host", type, requestId: "id", sent: "no", retryable: retryable === "safe" ? true : retryable },
  });
});

test("what may have run already is not called retryable", () => {
  for (const sent of ["unknown", "yes"] as const)
    expect(new HostError("upstream_lost", "", { sent }).toRpc("-").data).toMatchObject({ sent, retryable: false });
});

test("an error tells whose fault it is and when to come back, and keeps its cause to itself", () => {
  const error = new HostError("overloaded", "full", {
    upstream: "u",
    plugin: "p",
    retryAfterMs: 5,
    cause: new Error("secret"),
    headers: {},
  });
  expect(error.toRpc("-").data).toMatchObject({ upstream: "u", plugin: "p", retryAfterMs: 5 });
  expect(JSON.stringify(error.toRpc("-"))).not.toContain("secret");
});

test("a type without a status of its own is a 500 at the edge", () => {
  expect(new HostError("forbidden", "").status).toBe(403);
  expect(new HostError("plugin_failure", "").status).toBe(500);
});

test("a refusal is recognised, also when another copy of the package made it", () => {
  expect(isRefusal(refuse("forbidden", "no"))).toBe(true);
  expect(isRefusal(Object.assign(new Error("no"), { [Symbol.for("mcp-host.refusal")]: true }))).toBe(true);
  expect(isRefusal({ ...refuse("forbidden", "no") })).toBe(false);
  for (const other of [new HostError("forbidden", "no"), new Error("no"), null, "no"]) expect(isRefusal(other)).toBe(false);
});

test("an upstream's error passes as it came, and an unknown one says nothing", () => {
  const rpc = { code: -32050, message: "theirs", data: { origin: "theirs" } };
  expect(toRpcError(new PeerError(rpc), "id")).toBe(rpc);
  expect(toRpcError(refuse("rate_limited", "slow down", { retryAfterMs: 9 }), "id")).toMatchObject({ code: -31429, message: "slow down" });
  for (const bug of [new TypeError("at /home/user/secret.ts"), "text", undefined])
    expect(toRpcError(bug, "id")).toEqual({
      code: -32603,
      message: "Internal error",
      data: { origin: "mcp-host", type: "internal", requestId: "id", sent: "unknown", retryable: false },
    });
});

test("an upstream's error is handed on as it came, unless its code is no integer or it is too large", () => {
  const plain = { code: -32042, message: "m", data: { elicitations: [{ url: "https://x" }] } };
  expect(toRpcError(new PeerError(plain), "id")).toEqual(plain);
  expect(toRpcError(new PeerError({ code: -32000, message: "m" }), "id")).toEqual({ code: -32000, message: "m" });
  expect(toRpcError(new PeerError({ code: 1.5, message: "m", data: { a: 1 } }), "id")).toEqual({
    code: 1,
    message: "m",
    data: { a: 1, "io.mcp-host/changed": ["the code was 1.5, which is no integer"] },
  });
  expect(toRpcError(new PeerError({ code: 1e300, message: "m", data: [1] }), "id")).toMatchObject({ code: -32603, data: { value: [1] } });
  const large = toRpcError(new PeerError({ code: -1, message: "E".repeat(1_000_000), data: { a: "D".repeat(5_000_000) } }), "id");
  expect(JSON.stringify(large).length).toBeLessThan(20_000);
  expect(large).toMatchObject({
    code: -1,
    data: { "io.mcp-host/changed": ["the message had 1000000 characters", expect.stringMatching(/^the data had 5\d+ characters$/)] },
  });
});
