import { definePlugin } from "mcp-host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";

const SENTINEL = (text: string): string => `=?base64?${Buffer.from(text).toString("base64")}?=`;
const INPUT = {
  type: "object",
  properties: {
    region: { type: ["string", "null"], "x-mcp-header": "Region" },
    size: { type: "integer", "x-mcp-header": "Size" },
    dry: { type: ["boolean", "string"], "x-mcp-header": "Dry-Run" },
    where: { type: "object", properties: { city: { type: "string", "x-mcp-header": "City" } } },
  },
};

/** Offers a tool that says what it was called with, one that wants its header wrongly, and one that nobody may use. */
const routing = definePlugin({
  name: "routing",
  host: "^1.0.0",
  apply(host) {
    const { hooks } = host;
    const tool = (input: Message) => ({ input, call: (args: Message) => ({ structuredContent: { args } }) });
    const misnamed = { type: "object", properties: { x: { type: "array", "x-mcp-header": "Region" } } };
    host.offer({ tools: { routed: tool(INPUT), hidden: tool(INPUT), wrong: tool(misnamed) } });
    hooks.permit.tap("routing", ({ native }) => (native === "hidden" ? false : undefined));
  },
});

describe("headers that repeat arguments of a tool", () => {
  let running: TestHost;
  let client: ModernHttp;
  beforeAll(async () => {
    running = await startHost({ plugins: [routing()] });
    client = new ModernHttp(running.url);
  });
  afterAll(() => running[Symbol.asyncDispose]());

  const call = async (args: Message, headers: Record<string, string | string[]>, name = "routed") => {
    const given = Object.entries(headers).map(([header, value]) => [`mcp-param-${header}`, value]);
    // Node sends a list as several headers of one name.
    const { status, messages } = await client.send(
      "tools/call",
      { name, arguments: args },
      { id: "x", headers: Object.fromEntries(given) },
    );
    return { status, message: messages[0] };
  };

  test.each<[string, Message, Record<string, string>]>([
    ["a text", { region: "us-west1" }, { region: "us-west1" }],
    ["a text in Base64", { region: "us-west1" }, { Region: SENTINEL("us-west1") }],
    ["an empty text", { region: "" }, { region: "" }],
    ["a text that is no ASCII", { region: "Zürich 世界" }, { region: SENTINEL("Zürich 世界") }],
    ["a text with spaces around it", { region: " padded " }, { region: SENTINEL(" padded ") }],
    ["a text that looks like Base64 of one", { region: "=?base64?literal?=" }, { region: SENTINEL("=?base64?literal?=") }],
    ["a number", { size: 42 }, { size: "42" }],
    ["a number with a fraction that says nothing", { size: 42 }, { size: "42.0" }],
    ["a negative number", { size: -7 }, { size: "-7" }],
    ["a number in Base64", { size: 42 }, { size: SENTINEL("42") }],
    ["a truth value", { dry: false }, { "dry-run": "false" }],
    ["an argument within another", { where: { city: "Bern" } }, { city: "Bern" }],
    ["null, which has none", { region: null }, {}],
    ["no argument", {}, {}],
    ["a header that no tool asks for", { region: "a" }, { region: "a", nobody: "asked" }],
  ])("%s is called", async (_, args, headers) => {
    const { status, message } = await call(args, headers);
    expect([status, message?.error, message?.result?.structuredContent]).toEqual([200, undefined, { args }]);
  });

  test.each<[string, Message, Record<string, string | string[]>]>([
    ["another text", { region: "us-west1" }, { region: "us-east1" }],
    ["another case", { region: "us-west1" }, { region: "US-WEST1" }],
    ["no header", { region: "us-west1" }, {}],
    ["no header of an argument within another", { where: { city: "Bern" } }, {}],
    ["a header for null", { region: null }, { region: "null" }],
    ["a header without an argument", {}, { region: "us-west1" }],
    ["an empty header without an argument", {}, { region: "" }],
    ["another number", { size: 42 }, { size: "43" }],
    ["a number that is none", { size: 0 }, { size: "" }],
    ["a number in another notation", { size: 16 }, { size: "0x10" }],
    ["a truth value in capitals", { dry: true }, { "dry-run": "True" }],
    ["a text for a truth value", { dry: "true" }, { "dry-run": "yes" }],
    ["the same header twice", { region: "a" }, { region: ["a", "a"] }],
    ["two headers that make one text", { region: "a, b" }, { region: ["a", "b"] }],
    ["Base64 that is none", { region: "=?base64?bad!?=" }, { region: "=?base64?bad!?=" }],
    ["Base64 without its end", { region: "us" }, { region: "=?base64?dX?=" }],
    ["bytes that are no ASCII", { region: "Z\u00fcrich" }, { region: "Z\u00fcrich" }],
  ])("%s is refused", async (_, args, headers) => {
    const { status, message } = await call(args, headers);
    expect([status, message]).toMatchObject([400, { id: "x", error: { code: -32020, data: { type: "header_mismatch" } } }]);
  });

  test("what a tool wants wrongly is not asked for, and of a hidden tool nothing is told", async () => {
    expect((await call({ x: ["a"] }, {}, "wrong")).message?.result).toMatchObject({ structuredContent: { args: { x: ["a"] } } });
    const [hidden, missing] = [await call({ region: "a" }, {}, "hidden"), await call({ region: "a" }, {}, "missing")];
    expect(hidden.status).toBe(200);
    expect(hidden.message?.error.message.replace("hidden", "missing")).toBe(missing.message?.error.message);
  });
});

test("web pages may send them, of those that they ask for; and what else a client of 2026-07-28 sends", async () => {
  const origin = "https://app.example.com";
  await using running = await startHost({ listen: { origins: [origin] } });
  const preflight = async (asked: string): Promise<string> => {
    const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": asked };
    const answer = await new ModernHttp(running.url).post(undefined, headers, "OPTIONS").answer;
    expect(answer.status).toBe(204);
    return String(answer.headers["access-control-allow-headers"]).toLowerCase();
  };
  const usual = await preflight("content-type");
  for (const name of ["mcp-method", "mcp-name", "mcp-protocol-version"]) expect(usual.split(", ")).toContain(name);
  expect(await preflight("content-type, mcp-param-region,Mcp-Param-Dry-Run")).toBe(`${usual}, mcp-param-region, mcp-param-dry-run`);
  expect(await preflight("x-else, mcp-param-, mcp-param-a b, mcp-param-ü, mcp-param-ok")).toBe(`${usual}, mcp-param-ok`);
  expect(await preflight(`mcp-param-${"x".repeat(100)}`)).toBe(usual);
  const many = Array.from({ length: 100 }, (_, n) => `mcp-param-p${n}`).join(", ");
  expect((await preflight(many)).split("mcp-param-")).toHaveLength(33);
});
