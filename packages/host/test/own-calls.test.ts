import { definePlugin, type Exchange, HostError, type Json, type Plugin, type PluginHost, refuse } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHostOptions } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** A plugin that answers calls of the tool "do" itself. */
function doing(answer: (exchange: Exchange) => Promise<Json>): Plugin {
  return plugin("flow", (host) =>
    host.hooks.call
      .for("tools/call")
      .tap("flow", (next) => (exchange) => (exchange.entry?.native === "do" ? answer(exchange) : next(exchange))),
  );
}

const text = (value: unknown): Json => ({ content: [{ type: "text", text: JSON.stringify(value) }] });

const TOOLS = {
  do: () => "the server's own",
  read: (args: Json) => `read ${JSON.stringify(args)}`,
  wipe: () => "wiped",
};

function around(plugins: TestHostOptions["plugins"], more: Partial<TestHostOptions> = {}) {
  const up = fakeUpstream({ tools: TOOLS });
  return { up, host: createTestHost({ plugins, upstreams: { up }, ...more }) };
}

describe("exchange.call", () => {
  test("goes through the whole pipeline as the same caller, and settled sees it with its parent and plugin", async () => {
    const seen: unknown[] = [];
    const plugins = [
      doing(async (exchange) => text(await exchange.call("tools/call", { name: "read", arguments: { a: 1 } }))),
      plugin("marks", (host) => {
        host.hooks.transform.for("tools/call").tap("marks", (params) => ({ ...params, arguments: { ...params.arguments, marked: true } }));
        host.hooks.respond.for("tools/call").tap("marks", (result) => ({ ...result, marked: true }));
      }),
      plugin("see", (host) =>
        host.hooks.settled.tap("see", ({ method, entry, parent, plugin: by, caller, outcome }) => {
          if (method === "tools/call")
            seen.push([entry?.name, parent?.entry?.name, by, caller.principal.id, outcome && "result" in outcome]);
        }),
      ),
    ];
    const { up, host: made } = around(plugins, { client: { principal: { id: "ann", roles: [] } } });
    await using host = await made;
    const result = await host.client.callTool("do");
    expect(result.content).toMatchObject([{ text: expect.stringContaining('"marked":true') }]);
    expect(up.received("tools/call")).toMatchObject([{ name: "read", arguments: { a: 1, marked: true } }]);
    expect(seen).toEqual([
      ["read", "do", "flow", "ann", true],
      ["do", undefined, undefined, "ann", true],
    ]);
  });

  test("reaches nothing that the caller may not: not by name, not by its arguments, not in a list", async () => {
    const plugins = [
      doing(async (exchange) => {
        const { name, arguments: args } = exchange.original.arguments as { name: string; arguments: Json };
        return text(await exchange.call("tools/call", { name, arguments: args }).catch((error: unknown) => (error as Error).message));
      }),
      plugin("deny", (host) => {
        host.hooks.permit.tap("deny", ({ name }, { principal: { roles } }, exchange) =>
          (name === "wipe" && !roles.includes("admin")) || (exchange?.params.arguments as Json | undefined)?.secret ? false : undefined,
        );
      }),
    ];
    const { up, host: made } = around(plugins, { client: false });
    await using host = await made;
    const ann = await host.connect({ principal: { id: "ann", roles: [] } });
    const bob = await host.connect({ principal: { id: "bob", roles: ["admin"] } });
    const said = async (client: typeof ann, args: Json) => ((await client.callTool("do", args)).content as { text: string }[])[0]?.text;
    expect(await said(ann, { name: "wipe" })).toContain("Unknown tool: wipe");
    expect(await said(ann, { name: "read", arguments: { secret: 1 } })).toContain("not allowed with these arguments");
    expect(up.received("tools/call")).toEqual([]);
    expect(await said(bob, { name: "wipe" })).toContain("wiped");
  });

  test("lists as the caller is shown them", async () => {
    const plugins = [
      doing(async (exchange) => text(((await exchange.call("tools/list")).tools as Json[]).map(({ name }) => name))),
      plugin("hide", (host) => host.hooks.permit.tap("hide", ({ name }) => (name === "wipe" ? false : undefined))),
    ];
    await using host = await around(plugins).host;
    expect(await host.client.callTool("do")).toEqual(text(["do", "read"]));
  });

  test.each(["initialize", "ping", "logging/setLevel"])("does not send %s", async (method) => {
    await using host = await around([doing((exchange) => exchange.call(method, { level: "debug" }))]).host;
    await expect(host.client.callTool("do")).rejects.toThrow(`does not send ${method}`);
  });

  test("progress is the plugin's, questions are the caller's", async () => {
    const told: Json[] = [];
    const up = fakeUpstream({
      tools: {
        do: () => "",
        long: async (_args, context) => {
          context.progress(1, 2, "half");
          return (await context.ask("elicitation/create", {
            message: "sure?",
            requestedSchema: { type: "object", properties: {} },
          })) as object;
        },
      },
    });
    const flow = doing((exchange) => exchange.call("tools/call", { name: "long" }, { onProgress: (progress) => void told.push(progress) }));
    await using host = await createTestHost({ plugins: [flow], upstreams: { up }, client: { capabilities: { elicitation: {} } } });
    host.client.on("elicitation/create", () => ({ action: "accept", content: {} }));
    const progress: Json[] = [];
    const result = await host.client.callTool("do", {}, { onProgress: (each) => void progress.push(each) });
    expect(result.structuredContent).toMatchObject({ action: "accept" });
    expect(told).toEqual([{ progress: 1, total: 2, message: "half" }]);
    expect(progress).toEqual([]);
  });

  test("is cancelled with its parent, and the upstream is told", async () => {
    const outcomes: unknown[] = [];
    const plugins = [
      doing((exchange) => exchange.call("tools/call", { name: "read" })),
      plugin("see", (host) =>
        host.hooks.settled.tap("see", ({ entry, outcome }) => void (entry && outcomes.push([entry.name, Object.keys(outcome ?? {})[0]]))),
      ),
    ];
    const { up, host: made } = around(plugins);
    await using host = await made;
    up.fail("hang");
    const gone = new AbortController();
    const call = host.client.callTool("do", {}, { signal: gone.signal });
    await up.until("tools/call");
    gone.abort(new Error("gone"));
    await expect(call).rejects.toThrow("gone");
    await expect.poll(() => up.notifications.map(({ method }) => method)).toContain("notifications/cancelled");
    await expect
      .poll(() => outcomes.toSorted())
      .toEqual([
        ["do", "cancelled"],
        ["read", "cancelled"],
      ]);
  });

  test("is given up by its plugin's signal, while the exchange goes on", async () => {
    const stop = new AbortController();
    const { up, host: made } = around([
      doing((exchange) =>
        exchange
          .call("tools/call", { name: "read" }, { signal: stop.signal })
          .catch((error: HostError) => text([error.type, error.message])),
      ),
    ]);
    await using host = await made;
    up.fail("hang");
    const call = host.client.callTool("do");
    await up.until("tools/call");
    stop.abort();
    expect(await call).toEqual(text(["cancelled", "tools/call was cancelled by the plugin that made it"]));
  });

  test("a chain of calls ends at limits.callDepth, and all of them at limits.callsPerExchange", async () => {
    const chain = doing((exchange) => exchange.call("tools/call", { name: "do" }));
    await using deep = await around([chain], { config: { limits: { callDepth: 3 } } }).host;
    await expect(deep.client.callTool("do")).rejects.toMatchObject({
      data: { type: "overloaded" },
      message: expect.stringContaining("limits.callDepth"),
    });
    const many = doing(async (exchange) => {
      for (;;) await exchange.call("tools/call", { name: "read" });
    });
    const { up, host: made } = around([many], { config: { limits: { callsPerExchange: 5 } } });
    await using wide = await made;
    await expect(wide.client.callTool("do")).rejects.toMatchObject({ data: { type: "overloaded", sent: "unknown" } });
    expect(up.received("tools/call")).toHaveLength(5);
  });

  test("what it sent is not sent again: a route is not asked anew once a call of the plugin's may have run", async () => {
    let routed = 0;
    const plugins = [
      plugin("route", (host) =>
        host.hooks.route.tap("route", ({ entry }) => {
          if (entry?.native === "do") routed++;
          return undefined;
        }),
      ),
      doing(async (exchange) => {
        await exchange.call("tools/call", { name: "wipe" });
        return exchange.call("tools/call", { name: "missing" });
      }),
    ];
    const { up, host: made } = around(plugins);
    await using host = await made;
    await expect(host.client.callTool("do")).rejects.toMatchObject({ data: { sent: "unknown" } });
    expect([routed, up.received("tools/call").length]).toEqual([1, 1]);
  });

  test("errors are those that a client would be given: an upstream's own, and what plugins make of them", async () => {
    const { up, host: made } = around([
      doing((exchange) => exchange.call("tools/call", { name: "read" })),
      plugin("redact", (host) => host.hooks.fail.for("tools/call").tap("redact", (error) => ({ ...error, message: "redacted" }))),
    ]);
    await using host = await made;
    up.fail({ error: { code: 7, message: "secret" } });
    await expect(host.client.callTool("do")).rejects.toMatchObject({ code: 7, message: "redacted" });
  });

  test("comes too late once its exchange has been answered", async () => {
    let late: Promise<unknown> | undefined;
    const plugins = [
      plugin("late", (host) =>
        host.hooks.settled.tap("late", (exchange) => {
          if (exchange.method === "tools/call") late = exchange.call("tools/call", { name: "wipe" }).catch((error: Error) => error.message);
        }),
      ),
    ];
    const { up, host: made } = around(plugins);
    await using host = await made;
    await host.client.callTool("read");
    expect(await late).toContain("came too late");
    expect(up.received("tools/call")).toHaveLength(1);
  });

  test("does not make its parent silent: only its own time and the parent's maxTimeout count", async () => {
    const { up, host: made } = around([
      doing(async (exchange) => {
        exchange.allow({ timeout: 40, maxTimeout: 60_000 });
        return exchange.call("tools/call", { name: "read" });
      }),
    ]);
    await using host = await made;
    up.latency = 200;
    const call = host.client.callTool("do");
    await up.until("tools/call");
    await new Promise((resolve) => setTimeout(resolve, 120)); // longer than the parent may be silent
    await up.clock.advance(200);
    expect(await call).toMatchObject({ content: [{ text: "read {}" }] });
  });
});

describe("exchange.ask", () => {
  const form = { message: "which?", requestedSchema: { type: "object", properties: { which: { type: "string" } } } };
  const asking = doing(async (exchange) => text(await exchange.ask("elicitation/create", form)));
  const able = { capabilities: { elicitation: {} } };

  test("asks the client through `ask` and `answer`, and settled sees the question with its parent and plugin", async () => {
    const seen: unknown[] = [];
    const plugins = [
      asking,
      plugin("see", (host) => {
        host.hooks.ask.tap("see", (request, exchange) => {
          seen.push([request.method, exchange.parent?.entry?.name, exchange.plugin]);
          return { ...request, params: { ...request.params, message: "which one?" } };
        });
        host.hooks.answer.tap("see", (result) => ({ ...result, seen: true }));
        host.hooks.settled.tap("see", ({ method, parent }) => void (parent && seen.push([method, parent.entry?.name])));
      }),
    ];
    await using host = await around(plugins, { client: able }).host;
    host.client.on("elicitation/create", ({ message }) => ({ action: "accept", content: { which: message } }));
    expect(await host.client.callTool("do")).toEqual(text({ action: "accept", content: { which: "which one?" }, seen: true }));
    expect(seen).toEqual([
      ["elicitation/create", "do", "flow"],
      ["elicitation/create", "do"],
    ]);
  });

  test("a client that did not declare it is not asked, and a plugin may answer for it", async () => {
    await using unable = await around([asking]).host;
    await expect(unable.client.callTool("do")).rejects.toMatchObject({ message: expect.stringContaining("did not declare elicitation") });
    const robot = plugin("robot", (host) => host.hooks.ask.tap("robot", () => ({ answer: { action: "decline" } })));
    await using answered = await around([asking, robot], { client: able }).host;
    expect(await answered.client.callTool("do")).toEqual(text({ action: "decline" }));
  });

  test("is withdrawn when its call is cancelled", async () => {
    await using host = await around([asking], { client: able }).host;
    const gone = new AbortController();
    const asked = new Promise<void>((resolve) =>
      host.client.on("elicitation/create", () => {
        resolve();
        return new Promise(() => {});
      }),
    );
    const call = host.client.callTool("do", {}, { signal: gone.signal });
    await asked;
    gone.abort(new Error("gone"));
    await expect(call).rejects.toThrow("gone");
    expect(await host.client.until("notifications/cancelled")).toMatchObject({ requestId: expect.anything() });
  });

  test("is taken back by the plugin that asks, before or after it was sent", async () => {
    const signals = [AbortSignal.abort(), new AbortController()] as const;
    const impatient = doing(async (exchange) => {
      const errors = [];
      for (const { signal } of [{ signal: signals[0] }, signals[1]])
        errors.push(await exchange.ask("elicitation/create", form, { signal }).catch((error: HostError) => error.type));
      return text([...errors, await exchange.ask("elicitation/create", form)]);
    });
    await using host = await around([impatient], { client: able }).host;
    let asked = 0;
    host.client.on("elicitation/create", () => {
      if (++asked === 2) return { action: "decline" };
      signals[1].abort();
      return new Promise(() => {});
    });
    expect(await host.client.callTool("do")).toEqual(text(["cancelled", "cancelled", { action: "decline" }]));
    expect(await host.client.until("notifications/cancelled")).toMatchObject({ requestId: expect.anything() });
  });

  test("a client that does not answer is given up after limits.questionTime, and is asked a bounded number at once", async () => {
    await using host = await around([asking], { client: able, config: { limits: { questionTime: "50ms" } } }).host;
    host.client.on("elicitation/create", () => new Promise(() => {}));
    await expect(host.client.callTool("do")).rejects.toMatchObject({ data: { type: "client_gone" } });
    const twice = doing(async (exchange) => text(await Promise.all([0, 1].map(() => exchange.ask("elicitation/create", form)))));
    await using busy = await around([twice], { client: able, config: { limits: { questionsPerSession: 1 } } }).host;
    busy.client.on("elicitation/create", () => ({ action: "accept" }));
    await expect(busy.client.callTool("do")).rejects.toMatchObject({ data: { type: "overloaded" } });
  });

  test("what the client refuses is its own error", async () => {
    const refusing = doing(async (exchange) => {
      const error: unknown = await exchange.ask("elicitation/create", form).catch((thrown: unknown) => thrown);
      if (error instanceof HostError || !(error instanceof Error)) throw error;
      throw refuse("forbidden", `the client said: ${error.message}`);
    });
    await using host = await around([refusing], { client: able }).host; // it declares what it does not answer
    await expect(host.client.callTool("do")).rejects.toThrow("the client said:");
  });
});

test("derive() of an exchange calls on its behalf, too, and what all of them call is counted together", async () => {
  const derived = doing(async (exchange) => {
    const child = exchange.derive();
    await child.call("tools/call", { name: "read" });
    return exchange.call("tools/call", { name: "read" });
  });
  await using host = await around([derived], { config: { limits: { callsPerExchange: 1 } } }).host;
  await expect(host.client.callTool("do")).rejects.toMatchObject({ data: { type: "overloaded" } });
});
