import { definePlugin, matcher, type Route } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

/** Refuses these entries to everybody. @param withArguments only when the exchange is known, as a rule over arguments does */
const deny = (globs: readonly string[], withArguments = false) => {
  const denied = matcher(globs);
  return definePlugin({
    name: "deny",
    host: "^1.0.0",
    security: true,
    apply(host) {
      host.hooks.permit.tap("deny", (entry, _, exchange) => (denied(entry) && (!withArguments || exchange) ? false : undefined));
    },
  })();
};

const routeTo = (route: Route) =>
  definePlugin({ name: "router", host: "^1.0.0", apply: (host) => host.hooks.route.tap("router", () => route) })();

/** Two servers with the same tool, and one tool that only the second has. */
async function world(route: Route, ...denied: Parameters<typeof deny>) {
  const a = fakeUpstream({ tools: { who: () => "a" }, prompts: { p: { get: () => "a" } } });
  const b = fakeUpstream({ tools: { who: () => "b", secret: () => "b's secret" }, prompts: { p: { get: () => "b" } } });
  const host = await createTestHost({ plugins: [deny(...denied), routeTo(route)], upstreams: { a, b }, config: { listen: { port: 0 } } });
  await host.host.known(5_000);
  return { host, a, b, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

const calls = (fake: ReturnType<typeof fakeUpstream>): number => fake.received("tools/call").length;

describe("what is called is judged, wherever a route leads", () => {
  test.each([
    ["the upstream is denied", { upstream: "b" }, ["b:*"], "Unknown tool: who"],
    ["its native name is denied", { upstream: "b", native: "secret" }, ["b:secret"], "Unknown tool: who"],
    ["its exposed name is denied", { upstream: "b", native: "secret" }, ["secret"], "Unknown tool: who"],
    ["a name that the upstream does not list is denied", { upstream: "a", native: "hidden" }, ["a:hidden"], "Unknown tool: who"],
    ["the named entry is denied", { upstream: "b" }, ["a:who"], "Unknown tool: who"],
  ] as const)("%s: the call is refused as one of an unknown name, and nothing is sent", async (_, route, globs, words) => {
    await using them = await world(route, globs);
    await expect(them.host.client.callTool("who")).rejects.toThrow(words);
    expect([calls(them.a), calls(them.b)]).toEqual([0, 0]);
  });

  test("with the arguments too: the entry that is called is asked again with the exchange", async () => {
    await using them = await world({ upstream: "b", native: "secret" }, ["b:secret"], true);
    await expect(them.host.client.callTool("who")).rejects.toMatchObject({ code: -31403 });
    expect([calls(them.a), calls(them.b)]).toEqual([0, 0]);
  });

  test("prompts are judged alike", async () => {
    await using them = await world({ upstream: "b" }, ["b:p"]);
    await expect(them.host.client.getPrompt("p")).rejects.toThrow("Unknown prompt: p");
  });

  test("what is allowed goes where the route leads", async () => {
    await using them = await world({ upstream: "b", native: "secret" }, ["b:other"]);
    expect(await them.host.client.callTool("who")).toMatchObject({ content: [{ text: "b's secret" }] });
  });
});
