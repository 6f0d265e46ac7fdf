import { definePlugin, type PluginHost } from "mcp-host";
import { createTestHost } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../../../test/fixtures/upstream.mjs";
import { METHODS } from "../dist/exchange/methods.js";
import { HOOKS } from "../dist/plugin/hooks.js";

// What the types forbid, plugins in JavaScript can write.
type Tap = (...args: unknown[]) => unknown;
type Raw = Record<string, Record<"tap" | "tapAsync" | "tapPromise" | "intercept", Tap> & { for: (method: unknown) => Raw[string] }>;

async function start(apply: (hooks: Raw, host: PluginHost) => void): Promise<void> {
  const odd = definePlugin({ name: "odd", host: "^1.0.0", apply: (host) => apply(host.hooks as unknown as Raw, host) });
  await using _ = await createTestHost({ plugins: [odd()], client: false });
}

const hook = (hooks: Raw, name: string): Raw[string] => hooks[name] as Raw[string];

describe("a misspelt hook", () => {
  test.each([
    ["transfrom", ' (did you mean "transform"?)'],
    ["Notify", ' (did you mean "notify"?)'],
    ["beforeCall", ""],
  ])("%s stops the start with the nearest name", async (name, nearest) => {
    const expected = `plugin "odd" looks for hooks.${name}, and there is no such hook${nearest}; \`mcp-host inspect\` lists them`;
    await expect(start((hooks) => hook(hooks, name).tap("odd", () => {}))).rejects.toThrow(expected);
  });

  test("whether this host has a hook can be asked", async () => {
    let answers: unknown;
    await start((_hooks, host) => (answers = ["settled" in host.hooks, "transfrom" in host.hooks, JSON.stringify(host.hooks).length > 2]));
    expect(answers).toEqual([true, false, true]);
  });
});

describe("a tap that is written in another way than taps are", () => {
  test.each<[string, (hooks: Raw) => unknown, string]>([
    [
      "by method, of a hook for all",
      (hooks) => hook(hooks, "permit").for("tools/call"),
      'plugin "odd" uses hooks.permit.for("tools/call"): permit is for all methods; tap hooks.permit.tap("odd", ...), where `entry.kind` says what it is',
    ],
    ["by method, of route", (hooks) => hook(hooks, "route").for("*"), "where `exchange.method` says which it is"],
    ["by method, of ready", (hooks) => hook(hooks, "ready").for("*"), 'tap hooks.ready.tap("odd", ...)'],
    [
      "without a name",
      (hooks) => hook(hooks, "permit").tap(() => {}),
      'plugin "odd" taps hooks.permit without a name, but with a function in its place: write tap(name, function), with the plugin\'s name',
    ],
    [
      "without a name, by method",
      (hooks) =>
        hook(hooks, "transform")
          .for("tools/call")
          .tap(undefined, () => {}),
      'taps hooks.transform.for("tools/call") without a name, but with undefined in its place',
    ],
    ["with an empty name", (hooks) => hook(hooks, "settled").tap("", () => {}), "without a name, but with an empty text in its place"],
    ["with an object without a name", (hooks) => hook(hooks, "settled").tap({}, () => {}), "without a name, but with object in its place"],
    ["without a function", (hooks) => hook(hooks, "settled").tap("odd"), "taps hooks.settled with undefined: it must be a function"],
  ])("%s", async (_what, tap, problem) => {
    await expect(start((hooks) => tap(hooks))).rejects.toThrow(problem);
  });
});

describe("a method that never comes to a hook", () => {
  const last = 'one of a server\'s own that is called so is tapped with for("*")';

  test.each([
    ["transform", "tools/list", "tools/list never comes to it; it comes to respond, fail"],
    ["call", "tools/list", "tools/list never comes to it; it comes to respond, fail"],
    ["respond", "resources/subscribe", "resources/subscribe never comes to it; it comes to call, fail"],
    ["authorize", "tasks/get", "tasks/get never comes to it; it comes to call, fail"],
    ["fail", "ping", "ping never comes to it; the host answers it itself"],
    ["respond", "tasks/result", "its answer passes the respond taps of the request that began the task"],
    ["call", "tools/lsit", `the host knows no method "tools/lsit" (did you mean "tools/list"?); ${last}`],
    ["call", "tool/call", `the host knows no method "tool/call" (did you mean "tools/call"?); ${last}`],
    ["call", "Tools/Call", `the host knows no method "Tools/Call" (did you mean "tools/call"?); ${last}`],
    ["call", "tools/annotate", `the host knows no method "tools/annotate"; ${last}`],
    ["call", "initialise", `the host knows no method "initialise" (did you mean "initialize"?); ${last}`],
    ["call", "odd", `the host knows no method "odd"; ${last}`],
    ["call", "sampling/createMessage", "sampling/createMessage is what servers ask clients; tap hooks.ask, and hooks.answer"],
    ["transform", "notifications/message", "notifications/message never comes to it; what servers tell clients is for hooks.notify"],
    ["respond", "notifications/acme/hello", "notifications/acme/hello is never answered"],
    ["transform", undefined, 'it takes a method, or "*" for all, and not undefined'],
  ])("%s.for(%j) stops the start and says where it comes", async (name, method, problem) => {
    const tap = start((hooks) =>
      hook(hooks, name)
        .for(method)
        .tap("odd", () => {}),
    );
    await expect(tap).rejects.toThrow(`plugin "odd" taps hooks.${name}.for(${JSON.stringify(method)}): `);
    await expect(
      start((hooks) =>
        hook(hooks, name)
          .for(method)
          .tap("odd", () => {}),
      ),
    ).rejects.toThrow(problem);
  });

  test("whatever the table of methods says comes to a hook can be tapped", async () => {
    const taps: string[] = [];
    await start((hooks) => {
      for (const [name, { keyed, passes }] of Object.entries(HOOKS) as [string, (typeof HOOKS)["call"]][])
        for (const method of keyed ? Object.keys(METHODS) : [])
          if (passes(METHODS[method as keyof typeof METHODS])) {
            hook(hooks, name)
              .for(method)
              .tap("odd", () => {});
            taps.push(`${name} ${method}`);
          }
    });
    expect(taps).toContain("respond tools/list");
    expect(taps).toContain("call tasks/result");
  });

  test("a server's own methods stay tappable, by name and with all others", async () => {
    const seen: string[] = [];
    const own = definePlugin({
      name: "own",
      host: "^1.0.0",
      apply({ hooks }) {
        hooks.transform.for("vendor/echo").tap("own", (params) => ({ ...params, by: "name" }));
        hooks.transform.for("tables/list").tap("own", (params) => params);
        hooks.transform.for("notifications/acme/hello").tap("own", (params) => params);
        hooks.call.for("*").tap("own", (next) => (exchange) => {
          seen.push(`${exchange.method} ${String(exchange.params.by)}`);
          return next(exchange);
        });
      },
    });
    const up = { transport: () => inProcessTransport({ name: "up" }) };
    await using host = await createTestHost({ plugins: [own()], upstreams: { up } });
    await host.client.request("vendor/echo");
    expect(seen).toEqual(["vendor/echo name"]);
  });
});

describe("tapable's other ways in", () => {
  test.each([
    ["hooks.route", (hooks: Raw) => hook(hooks, "route")],
    ["hooks.call", (hooks: Raw) => hook(hooks, "call")],
    ["hooks.call", (hooks: Raw) => hook(hooks, "call").for("tools/call")],
  ])("intercept on %s is refused", async (site, of) => {
    const expected = `plugin "odd" uses "intercept" on ${site}: the host runs taps alone; use tap`;
    await expect(start((hooks) => of(hooks).intercept({ register: () => {} }))).rejects.toThrow(expected);
  });

  test.each(["tap", "tapAsync", "tapPromise"] as const)("%s on the hooks of all methods is refused", async (way) => {
    const expected = 'plugin "odd" taps hooks.call, which is by method: tap hooks.call.for("tools/call"), or for("*") for all';
    await expect(start((hooks) => hook(hooks, "call")[way]("tools/call", "odd", () => {}))).rejects.toThrow(expected);
  });
});
