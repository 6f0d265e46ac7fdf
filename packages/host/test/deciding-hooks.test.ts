import { type Decision, definePlugin, type Plugin, type PluginHost, refuse } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHostOptions, TestRpcError } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** Notes who decided what about each call that is over. */
function watching(): { watch: Plugin; decisions: (readonly Decision[])[] } {
  const decisions: (readonly Decision[])[] = [];
  const watch = plugin("watch", (host) =>
    host.hooks.settled.tap("watch", (exchange) => void (exchange.method === "tools/call" && decisions.push(exchange.decisions))),
  );
  return { watch, decisions };
}

function around(plugins: TestHostOptions["plugins"] = [], more: Partial<TestHostOptions> = {}) {
  const up = fakeUpstream({ tools: { a: () => "a", b: () => "b", broken: () => Promise.reject(new Error("disk /secret full")) } });
  return { up, host: createTestHost({ plugins, upstreams: { up }, ...more }) };
}

const throwing = (): never => {
  throw new Error("bug");
};

describe("list", () => {
  const names = (tools: readonly { name?: unknown }[]) => tools.map(({ name }) => name);

  test("leaves out and reorders what a caller is shown; what it leaves out can still be called", async () => {
    const shown = plugin("shown", (host) =>
      host.hooks.list.tap("shown", (entries) => entries.filter(({ name }) => name !== "a").toReversed()),
    );
    await using host = await around([shown]).host;
    expect(names(await host.client.listTools())).toEqual(["broken", "b"]);
    expect(await host.client.callTool("a")).toMatchObject({ content: [{ text: "a" }] });
  });

  test("sees what permit lets through, and whom it is for", async () => {
    const seen: unknown[] = [];
    const plugins = [
      plugin("deny", (host) => host.hooks.permit.tap("deny", ({ name }) => (name === "a" ? false : undefined))),
      plugin("look", (host) =>
        host.hooks.list.tap("look", (entries, caller) => {
          if (entries.length > 0) seen.push([names(entries), caller.principal.id, caller.client.info.name, caller.capabilities]);
          return entries;
        }),
      ),
    ];
    await using host = await around(plugins, { client: false }).host;
    const ann = await host.connect({
      principal: { id: "ann", roles: [] },
      info: { name: "desk", version: "1" },
      capabilities: { roots: {} },
    });
    await ann.listTools();
    expect(seen.at(-1)).toEqual([["b", "broken"], "ann", "desk", { roots: {} }]);
  });

  test.each([
    ["an entry of its own", (entries: readonly object[]) => [...entries, { ...entries[0], name: "c" }]],
    ["an edited entry", (entries: readonly object[]) => entries.map((entry) => ({ ...entry }))],
    ["an entry twice", (entries: readonly object[]) => [...entries, ...entries]],
    ["no array", () => ({})],
  ])("may not give %s", async (_what, fn) => {
    const wrong = plugin("wrong", (host) => host.hooks.list.tap("wrong", fn as never));
    await using host = await around([wrong]).host;
    await expect(host.client.listTools()).rejects.toMatchObject({ code: -31500, data: { plugin: "wrong" } });
    expect(host.log.filter(({ level, hook }) => level === "error" && hook === "list").length).toBeGreaterThan(0);
  });

  test("what it leaves out changes what is news: one who is shown the same hears of nothing", async () => {
    const hide = plugin("hide", (host) => host.hooks.list.tap("hide", (entries) => entries.filter(({ name }) => name !== "new")));
    const { up, host: made } = around([hide]);
    await using host = await made;
    await host.client.listTools();
    up.set({ tools: { a: () => "a", b: () => "b", broken: throwing, new: () => "new" } });
    up.set({ tools: { a: () => "a", new: () => "new" } });
    await expect.poll(() => host.client.notifications.map(({ method }) => method)).toEqual(["notifications/tools/list_changed"]);
    expect(names(await host.client.listTools())).toEqual(["a"]);
  });
});

describe("authorize", () => {
  test("may wait, is asked once for each call with what is really sent, and never by lists", async () => {
    const asked: unknown[] = [];
    const plugins = [
      plugin("t", (host) => host.hooks.transform.for("tools/call").tap("t", (params) => ({ ...params, arguments: { x: 1 } }))),
      plugin("policy", (host) =>
        host.hooks.authorize.for("tools/call").tap("policy", async ({ called, params }) => {
          await new Promise(setImmediate);
          asked.push([called?.name, params.arguments]);
          return called?.name === "a" ? false : undefined;
        }),
      ),
    ];
    const { watch, decisions } = watching();
    const { up, host: made } = around([...plugins, watch]);
    await using host = await made;
    expect(await host.client.listTools()).toHaveLength(3);
    await expect(host.client.callTool("a")).rejects.toMatchObject({ code: -31403, data: { type: "forbidden", sent: "no" } });
    await host.client.callTool("b");
    expect(asked).toEqual([
      ["a", { x: 1 }],
      ["b", { x: 1 }],
    ]);
    expect(up.received("tools/call")).toHaveLength(1);
    expect(decisions[0]).toEqual([{ plugin: "policy", hook: "authorize", did: "refused" }]);
  });

  test("refuses in its own words", async () => {
    const policy = plugin("policy", (host) =>
      host.hooks.authorize.for("*").tap("policy", () => Promise.reject(refuse("rate_limited", "three a day", { retryAfterMs: 5 }))),
    );
    await using host = await around([policy]).host;
    await expect(host.client.callTool("a")).rejects.toMatchObject({
      message: "three a day",
      data: { type: "rate_limited", retryAfterMs: 5 },
    });
  });

  test.each([
    ["throws", throwing],
    ["answers true", () => true],
  ])("fails closed when it %s, whatever the config says", async (_how, fn) => {
    const policy = definePlugin({
      name: "policy",
      host: "^1.0.0",
      apply: (host) => host.hooks.authorize.for("*").tap("policy", fn as never),
    });
    const { up, host: made } = around([{ use: policy(), onError: "skip" }]);
    await using host = await made;
    await expect(host.client.callTool("a")).rejects.toMatchObject({ code: -31500, data: { plugin: "policy" } });
    expect(up.received("tools/call")).toEqual([]);
  });

  test("judges what a route really leads to", async () => {
    const called: unknown[] = [];
    const plugins = [
      plugin("reroute", (host) => host.hooks.route.tap("reroute", () => ({ upstream: "other", native: "wipe" }))),
      plugin("policy", (host) =>
        host.hooks.authorize.for("tools/call").tap("policy", (exchange) => {
          called.push([exchange.entry?.name, exchange.called?.upstream, exchange.called?.native]);
          return exchange.called?.native === "wipe" ? false : undefined;
        }),
      ),
    ];
    const other = fakeUpstream({ tools: { wipe: () => "gone" } });
    await using host = await createTestHost({ plugins, upstreams: { up: fakeUpstream({ tools: { a: () => "a" } }), other } });
    await host.client.listTools();
    await expect(host.client.callTool("a")).rejects.toMatchObject({ code: -31403 });
    expect(called).toEqual([["a", "other", "wipe"]]);
    expect(other.received("tools/call")).toEqual([]);
  });
});

describe("fail", () => {
  test("edits an error on its way to the client, which stays one; settled sees what the client got", async () => {
    const outcomes: unknown[] = [];
    const plugins = [
      plugin("redact", (host) =>
        host.hooks.fail
          .for("tools/call")
          .tap("redact", async (error) => ({ ...error, message: error.message.replace(/\S*secret\S*/, "[path]") })),
      ),
      plugin("see", (host) =>
        host.hooks.settled.tap("see", ({ method, outcome }) => void (method === "tools/call" && outcomes.push(outcome))),
      ),
    ];
    const { up, host: made } = around(plugins);
    await using host = await made;
    up.fail({ error: { code: 7, message: "disk /secret/x full", data: { a: 1 } } });
    await expect(host.client.callTool("a")).rejects.toMatchObject({ code: 7, message: "disk [path] full", data: { a: 1 } });
    expect(outcomes).toMatchObject([{ error: { code: 7, message: "disk [path] full" } }]);
  });

  test("sees what a plugin refused, and what was too late; not what succeeds or is cancelled", async () => {
    const seen: unknown[] = [];
    const plugins = [
      plugin("see", (host) =>
        host.hooks.fail.for("*").tap("see", (error, { method }) => {
          seen.push([method, error.code]);
          return error;
        }),
      ),
      plugin("deny", (host) => host.hooks.permit.tap("deny", ({ name }) => (name === "b" ? false : undefined))),
    ];
    const up = fakeUpstream({ tools: { a: () => "a", b: () => "b" } });
    await using host = await createTestHost({ plugins, upstreams: { up: { transport: up.transport, timeout: 30 } } });
    await host.client.callTool("a");
    await expect(host.client.callTool("b")).rejects.toThrow("Unknown tool");
    const gone = new AbortController();
    up.fail("hang");
    const cancelled = host.client.callTool("a", {}, { signal: gone.signal });
    await up.until("tools/call", 2);
    gone.abort(new Error("gone"));
    await expect(cancelled).rejects.toThrow("gone");
    await expect(host.client.callTool("a")).rejects.toMatchObject({ data: { type: "upstream_timeout" } });
    expect(seen).toEqual([
      ["tools/call", -32602],
      ["tools/call", -31505],
    ]);
  });

  test("sees a client's error to whoever asked it, before a server or a plugin does", async () => {
    const seen: unknown[] = [];
    const redact = plugin("redact", (host) => {
      host.hooks.fail.for("*").tap("redact", (error, { method, isQuestion, route }) => {
        seen.push([method, isQuestion, route?.upstream]);
        return { ...error, message: error.message.replace("ann@example.com", "[e-mail]") };
      });
      host.hooks.call.for("tools/call").tap("redact", (next) => async (exchange) => {
        if (exchange.called?.native !== "own") return next(exchange);
        const told = await exchange.ask("elicitation/create", {}).catch((error: Error) => error.message);
        return { content: [{ type: "text", text: told }] };
      });
    });
    const up = fakeUpstream({
      tools: {
        own: () => "",
        ask: (_args, { ask }) => ask("elicitation/create").catch((error: Error) => error.message),
      },
    });
    await using host = await createTestHost({ plugins: [redact], upstreams: { up }, client: { capabilities: { elicitation: {} } } });
    host.client.on("elicitation/create", () => Promise.reject(new TestRpcError(-1, "ask ann@example.com")));
    const text = [{ type: "text", text: "ask [e-mail]" }];
    expect(await host.client.callTool("ask")).toMatchObject({ content: text });
    expect(await host.client.callTool("own")).toMatchObject({ content: text });
    expect(seen).toEqual([
      ["elicitation/create", true, "up"],
      ["elicitation/create", true, undefined],
    ]);
  });

  test("that breaks over a client's error tells whoever asked nothing of it", async () => {
    const broken = plugin("broken", (host) => host.hooks.fail.for("*").tap("broken", throwing));
    const up = fakeUpstream({ tools: { ask: (_args, { ask }) => ask("elicitation/create").catch((error: Error) => error.message) } });
    await using host = await createTestHost({ plugins: [broken], upstreams: { up }, client: { capabilities: { elicitation: {} } } });
    host.client.on("elicitation/create", () => Promise.reject(new TestRpcError(-1, "secret")));
    expect(await host.client.callTool("ask")).toMatchObject({ content: [{ type: "text", text: 'plugin "broken" failed' }] });
  });

  test.each([
    ["throws", throwing],
    ["gives a code that is no integer", (error: object) => ({ ...error, code: "x" })],
    ["gives no message", () => ({ code: 1 })],
  ])("that %s gives the client nothing of the error", async (_how, fn) => {
    const broken = definePlugin({ name: "broken", host: "^1.0.0", apply: (host) => host.hooks.fail.for("*").tap("broken", fn as never) });
    const { up, host: made } = around([{ use: broken(), onError: "skip" }]);
    await using host = await made;
    up.fail({ error: { code: 7, message: "secret" } });
    await expect(host.client.callTool("a")).rejects.toMatchObject({
      code: -31500,
      rpc: { message: 'plugin "broken" failed' },
      data: { plugin: "broken" },
    });
  });
});

describe("decisions", () => {
  test("tell who hid, who refused the arguments, who answered and who routed; and nobody where nobody did", async () => {
    const { watch, decisions } = watching();
    const plugins = [
      plugin("hide", (host) => host.hooks.permit.tap("hide", ({ name }) => (name === "b" ? false : undefined))),
      plugin("judge", (host) =>
        host.hooks.permit.tap("judge", (_entry, _caller, exchange) =>
          (exchange?.params.arguments as { no?: unknown } | undefined)?.no ? false : undefined,
        ),
      ),
      plugin("halt", (host) =>
        host.hooks.transform.for("tools/call").tap("halt", (params) => {
          if (params.arguments?.stop) throw refuse("forbidden", "stop");
          return params;
        }),
      ),
      plugin("outer", (host) => host.hooks.call.for("tools/call").tap("outer", (next) => (exchange) => next(exchange))),
      plugin("answers", (host) =>
        host.hooks.call
          .for("tools/call")
          .tap(
            "answers",
            (next) => async (exchange) => ((exchange.params.arguments as { own?: unknown })?.own ? { content: [] } : next(exchange)),
          ),
      ),
      plugin("routes", (host) =>
        host.hooks.route.tap("routes", ({ original }) =>
          (original.arguments as { route?: unknown } | undefined)?.route ? { upstream: "up", native: "broken" } : undefined,
        ),
      ),
      watch,
    ];
    await using host = await around(plugins).host;
    await host.client.listTools();
    const by = async (name: string, args = {}) => {
      await host.client.callTool(name, args).catch(() => {});
      return decisions.at(-1)?.map(({ plugin: who, hook, did }) => `${who} ${hook} ${did}`);
    };
    expect(await by("a")).toEqual([]);
    expect(await by("b")).toEqual(["hide permit refused"]);
    expect(await by("a", { no: 1 })).toEqual(["judge permit refused"]);
    expect(await by("a", { stop: 1 })).toEqual(["halt transform refused"]);
    expect(await by("a", { own: 1 })).toEqual(["answers call answered"]);
    expect(await by("a", { route: 1 })).toEqual(["routes route routed"]);
  });

  test("a refusal that passes other plugins on its way is its maker's", async () => {
    const { watch, decisions } = watching();
    const plugins = [
      plugin("outer", (host) => host.hooks.call.for("*").tap("outer", (next) => async (exchange) => next(exchange))),
      plugin("limiter", (host) => host.hooks.call.for("*").tap("limiter", () => () => Promise.reject(refuse("rate_limited", "no")))),
      watch,
    ];
    await using host = await around(plugins).host;
    await expect(host.client.callTool("a")).rejects.toThrow("no");
    expect(decisions).toEqual([[{ plugin: "limiter", hook: "call", did: "refused" }]]);
  });

  test("tell which rule refused where a tap of permit or authorize gives it instead of false, and the client is told nothing else", async () => {
    const { watch, decisions } = watching();
    const rules = plugin("rules", (host) => {
      host.hooks.permit.tap("rules", ({ name }, _caller, exchange) => {
        if (name === "b") return { rule: "hidden" };
        return (exchange?.original.arguments as { permit?: unknown } | undefined)?.permit ? { rule: "by permit" } : undefined;
      });
      host.hooks.authorize
        .for("tools/call")
        .tap("rules", async ({ params }) =>
          (params.arguments as { authorize?: unknown }).authorize ? { rule: "by authorize" } : undefined,
        );
    });
    const silent = plugin("silent", (host) => {
      host.hooks.permit.tap("silent", (_entry, _caller, exchange) =>
        (exchange?.original.arguments as { permit?: unknown } | undefined)?.permit ? false : undefined,
      );
      host.hooks.authorize
        .for("tools/call")
        .tap("silent", ({ params }) => ((params.arguments as { authorize?: unknown }).authorize ? false : undefined));
    });
    await using host = await around([rules, watch]).host;
    await using plain = await around([silent]).host;
    for (const hook of ["permit", "authorize"]) {
      const refusal = (of: typeof host) =>
        of.client.callTool("a", { [hook]: 1 }).catch(({ code, message }: TestRpcError) => ({ code, message }));
      expect(await refusal(host)).toEqual(await refusal(plain));
      expect(decisions.at(-1)).toEqual([{ plugin: "rules", hook, did: "refused", rule: `by ${hook}` }]);
    }
    await expect(host.client.callTool("b")).rejects.toThrow("Unknown tool: b");
    expect(decisions.at(-1)).toEqual([{ plugin: "rules", hook: "permit", did: "refused", rule: "hidden" }]);
    expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["a", "broken"]);
  });

  test("tell which of a plugin's rules refused, where it says so, and the client is not told", async () => {
    const { watch, decisions } = watching();
    const rules = plugin("rules", (host) => {
      const no = (rule: string): never => {
        throw refuse("forbidden", "no", { rule });
      };
      host.hooks.permit.tap("rules", (_entry, _caller, exchange) =>
        (exchange?.original.arguments as { permit?: unknown } | undefined)?.permit ? no("by permit") : undefined,
      );
      host.hooks.transform.for("tools/call").tap("rules", (params) => (params.arguments?.transform ? no("by transform") : params));
      host.hooks.authorize
        .for("tools/call")
        .tap("rules", ({ params }) => ((params.arguments as { authorize?: unknown }).authorize ? no("by authorize") : undefined));
      host.hooks.call
        .for("tools/call")
        .tap("rules", (next) => (exchange) => ((exchange.params.arguments as { call?: unknown }).call ? no("by call") : next(exchange)));
    });
    await using host = await around([rules, watch]).host;
    for (const hook of ["permit", "transform", "authorize", "call"]) {
      const error: unknown = await host.client.callTool("a", { [hook]: 1 }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ data: { type: "forbidden" } });
      expect(JSON.stringify((error as { data: unknown }).data)).not.toContain(`by ${hook}`);
      expect(decisions.at(-1)).toEqual([{ plugin: "rules", hook, did: "refused", rule: `by ${hook}` }]);
    }
    await host.client.callTool("a", {});
    expect(decisions.at(-1)).toEqual([]);
  });

  test("who answers where one within refused is named as the one who answered", async () => {
    const { watch, decisions } = watching();
    const plugins = [
      plugin("standIn", (host) =>
        host.hooks.call.for("*").tap("standIn", (next) => (exchange) => next(exchange).catch(() => ({ content: [] }))),
      ),
      plugin("limiter", (host) => host.hooks.call.for("*").tap("limiter", () => () => Promise.reject(refuse("rate_limited", "no")))),
      watch,
    ];
    await using host = await around(plugins).host;
    await host.client.callTool("a");
    expect(decisions[0]?.map(({ plugin: who, did }) => [who, did])).toEqual([
      ["limiter", "refused"],
      ["standIn", "answered"],
    ]);
  });

  test("a route to nowhere names who routed", async () => {
    const lost = plugin("lost", (host) => host.hooks.route.tap("lost", () => ({ upstream: "nowhere" })));
    await using host = await around([lost]).host;
    await expect(host.client.callTool("a")).rejects.toMatchObject({ data: { type: "plugin_failure", plugin: "lost" } });
  });
});

describe("what a tap is given is not changed in place", () => {
  /** Lists once with the tap that changes something, and then as others see it. */
  async function changed(apply: (host: PluginHost) => void) {
    await using host = await around([plugin("mutates", apply)]).host;
    const outcome: unknown = await host.client.listTools().catch((error: unknown) => error);
    return { outcome, names: host.host.status().tools.map(({ name }) => name) };
  }
  const failed = { code: -31500, data: { plugin: "mutates" } };

  test.each<[string, (host: PluginHost) => void]>([
    [
      "an entry in list",
      ({ hooks }) =>
        hooks.list.tap("mutates", (entries) => Object.assign([...entries], { 0: Object.assign(entries[0] ?? {}, { name: "q" }) })),
    ],
    [
      "the entries of list",
      ({ hooks }) =>
        hooks.list.tap("mutates", (entries) => {
          (entries as unknown[]).push(entries[0]);
          return entries;
        }),
    ],
    [
      "a definition in list",
      ({ hooks }) =>
        hooks.list.tap("mutates", (entries) => {
          for (const { definition } of entries) (definition as { description: string }).description = "hacked";
          return entries;
        }),
    ],
    [
      "a name in respond",
      ({ hooks }) =>
        hooks.respond.for("tools/list").tap("mutates", (result) => {
          for (const tool of result.tools as { name: string }[]) tool.name = "zzz";
          return result;
        }),
    ],
  ])("%s", async (_what, apply) => {
    expect(await changed(apply)).toMatchObject({ outcome: failed, names: ["a", "b", "broken"] });
  });

  test("an entry in permit, which then refuses", async () => {
    const { outcome, names } = await changed(({ hooks }) =>
      hooks.permit.tap("mutates", (entry) => {
        (entry as { name: string }).name = "q";
        return undefined;
      }),
    );
    expect([outcome, names]).toEqual([[], ["a", "b", "broken"]]);
  });
});
