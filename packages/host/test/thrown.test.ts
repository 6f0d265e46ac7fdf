import { definePlugin, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { errorFields } from "../dist/log.js";

const no = (): never => {
  throw new Error("no");
};

/** Values that throw where they are looked at. */
const HOSTILE: readonly [what: string, make: () => unknown][] = [
  ["every property", () => new Proxy(new Error("x"), { get: no })],
  ["whether there is a property", () => new Proxy(new Error("x"), { has: no, get: no })],
  ["whose it is", () => new Proxy(new Error("x"), { getPrototypeOf: no })],
  ["everything", () => new Proxy({}, { get: no, has: no, getPrototypeOf: no })],
  ["its message", () => Object.defineProperty(new Error("x"), "message", { get: no })],
  ["its words", () => ({ toString: no })],
];

test.each([...HOSTILE, ["its words, having none", () => Object.create(null) as unknown] as const])(
  "a log line tells of what throws at %s",
  (_, make) => {
    expect(errorFields(make())).toEqual({ error: "what cannot be looked at: that throws, too" });
    const outer = errorFields(new Error("outer", { cause: make() }));
    expect(outer).toEqual({ error: "Error: outer <- what cannot be looked at: that throws, too" });
  },
);

test("a log line tells of any other as ever", () => {
  expect(errorFields(new TypeError("a", { cause: "b" }))).toEqual({ error: "TypeError: a <- b" });
  expect(errorFields(Symbol("s"))).toEqual({ error: "Symbol(s)" });
});

/** A plugin made on the spot. */
function plugin(apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name: "hostile", host: "^1.0.0", apply })();
}

describe.each(HOSTILE)("a call is answered whatever is thrown, such as what throws at %s", (_, make) => {
  const throwing = (): never => {
    throw make();
  };
  test.each<[where: string, made: Plugin, answer: unknown]>([
    ["a call tap", plugin(({ hooks }) => hooks.call.for("tools/call").tap("hostile", () => async () => throwing())), "failure"],
    ["a call tap at once", plugin(({ hooks }) => hooks.call.for("tools/call").tap("hostile", () => throwing)), "failure"],
    ["a respond tap", plugin(({ hooks }) => hooks.respond.for("tools/call").tap("hostile", throwing)), "failure"],
    ["a respond tap later", plugin(({ hooks }) => hooks.respond.for("tools/call").tap("hostile", async () => throwing())), "failure"],
    ["a transform tap", plugin(({ hooks }) => hooks.transform.for("tools/call").tap("hostile", throwing)), "failure"],
    ["a settled tap", plugin(({ hooks }) => hooks.settled.tap("hostile", throwing)), "result"],
  ])("in %s", async (__, made, answer) => {
    await using host = await createTestHost({ plugins: [made], upstreams: { up: fakeUpstream({ tools: { a: () => "a" } }) } });
    const given = await host.client.callTool("a").catch((error: unknown) => error);
    if (answer === "failure") expect(given).toMatchObject({ code: -31500, rpc: { message: 'plugin "hostile" failed' } });
    else expect(given).toEqual({ content: [{ type: "text", text: "a" }] });
    expect(host.log).toContainEqual(
      expect.objectContaining({
        level: "error",
        message: "a plugin failed",
        plugin: "hostile",
        error: expect.stringContaining("cannot be looked at"),
      }),
    );
  });

  test("in a tap that permits, which refuses then", async () => {
    const made = plugin(({ hooks }) => hooks.permit.tap("hostile", throwing));
    await using host = await createTestHost({ plugins: [made], upstreams: { up: fakeUpstream({ tools: { a: () => "a" } }) } });
    await expect(host.client.callTool("a")).rejects.toThrow("Unknown tool: a");
  });

  test("in an offered tool", async () => {
    const made = plugin((host) => void host.offer({ tools: { a: { call: throwing } } }));
    await using host = await createTestHost({ plugins: [made] });
    expect(await host.client.callTool("a")).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('plugin "hostile" failed; the host\'s log has the reason') }],
    });
  });
});
