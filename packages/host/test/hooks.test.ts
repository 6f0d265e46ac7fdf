import { type Config, definePlugin, type Exchange, type Plugin, type PluginHost, refuse } from "mcp-host";
import { describe, expect, test } from "vitest";
import { inProcessTransport } from "../../../test/fixtures/upstream.mjs";
import { memoryTransport, sdkClient } from "../../../test/harness/clients.ts";
import { startHost } from "../../../test/harness/hosts.ts";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

type Plugins = NonNullable<Config["plugins"]>;

async function withPlugins(
  plugins: Plugins,
  use: (
    call: (name: string, args?: Record<string, unknown>) => Promise<Record<string, unknown>>,
    client: ReturnType<typeof sdkClient>,
    logs: Record<string, unknown>[],
  ) => Promise<void>,
  upstream: { timeout?: string } = {},
): Promise<void> {
  await using running = await startHost({
    listen: null,
    mcpServers: { up: { transport: () => inProcessTransport({ name: "up" }), ...upstream } },
    plugins,
  });
  const client = sdkClient();
  await client.connect(await memoryTransport(running.host));
  await use((name, args = {}) => client.callTool({ name, arguments: args }) as Promise<Record<string, unknown>>, client, running.logs);
  await client.close();
}

const echoed = (result: Record<string, unknown>): unknown => (result.structuredContent as { arguments: unknown }).arguments;
const add = (mark: string) => (params: Readonly<{ name: string; arguments?: Record<string, unknown> }>) => ({
  ...params,
  arguments: { ...params.arguments, marks: `${params.arguments?.marks ?? ""}${mark}` },
});

describe("order", () => {
  test("taps of a method and of every method run in config order", async () => {
    const plugins = [
      plugin("a", (host) =>
        host.hooks.transform.for("*").tap("a", (params) => ({ ...params, arguments: { ...(params.arguments as object), marks: "a" } })),
      ),
      plugin("b", (host) => host.hooks.transform.for("tools/call").tap("b", add("b"))),
      plugin("c", (host) => host.hooks.transform.for("*").tap("c", (params) => add("c")(params as { name: string }))),
    ];
    await withPlugins(plugins, async (call) => expect(echoed(await call("echo"))).toEqual({ marks: "abc" }));
  });

  test("the first plugin in the config is the outermost around a call, over both kinds of keys", async () => {
    const seen: string[] = [];
    const around = (name: string, method: "tools/call" | "*") =>
      plugin(name, (host) =>
        host.hooks.call.for(method).tap(name, (next) => async (exchange) => {
          if (exchange.method === "tools/call") seen.push(`${name}>`);
          const result = await next(exchange);
          if (exchange.method === "tools/call") seen.push(`<${name}`);
          return result;
        }),
      );
    await withPlugins([around("a", "*"), around("b", "tools/call"), around("c", "*")], async (call) => {
      await call("echo");
      expect(seen).toEqual(["a>", "b>", "c>", "<c", "<b", "<a"]);
    });
  });

  test("a handler is composed once per upstream, not per call", async () => {
    let composed = 0;
    const once = plugin("once", (host) =>
      host.hooks.call.for("tools/call").tap("once", (next) => {
        composed++;
        return next;
      }),
    );
    await withPlugins([once], async (call) => {
      for (let i = 0; i < 3; i++) await call("echo");
      expect(composed).toBe(1);
    });
  });
});

describe("the guard", () => {
  const start = (apply: (host: PluginHost) => void) =>
    startHost({ listen: null, plugins: [definePlugin({ name: "odd", host: "^1.0.0", apply })()] });
  // The public types offer `tap` alone; plugins in JavaScript can reach for more.
  const raw = (host: PluginHost) => host.hooks.route as unknown as Record<string, (options: unknown, fn: unknown) => void>;

  test("tapAsync and tapPromise are refused and name the remedy", async () => {
    await expect(start((host) => raw(host).tapAsync?.("odd", () => {}))).rejects.toThrow(
      'plugin "odd" uses tapAsync on hooks.route: use tap',
    );
    await expect(start((host) => raw(host).tapPromise?.("odd", async () => {}))).rejects.toThrow(
      'plugin "odd" uses tapPromise on hooks.route',
    );
  });

  test("before and stage are refused: config order is the only order", async () => {
    await expect(start((host) => raw(host).tap?.({ name: "odd", stage: -1 }, () => {}))).rejects.toThrow(
      'uses "before" or "stage" on hooks.route',
    );
    await expect(start((host) => raw(host).tap?.({ name: "odd", before: "auth" }, () => {}))).rejects.toThrow('uses "before" or "stage"');
  });

  test("a tap after apply is refused", async () => {
    let late: unknown;
    const plugins = [
      definePlugin({
        name: "late",
        host: "^1.0.0",
        apply(host) {
          host.hooks.ready.tap("late", () => {
            try {
              host.hooks.settled.tap("late", () => {});
            } catch (error) {
              late = error;
            }
          });
        },
      })(),
    ];
    await using _ = await startHost({ listen: null, plugins });
    expect(String(late)).toContain('hooks.settled was tapped by "late" too late');
  });

  test("an asynchronous apply stops the start", async () => {
    await expect(start((async () => {}) as unknown as () => void)).rejects.toThrow('plugin "odd" has an asynchronous apply');
  });

  test("a plugin's throw becomes a plugin_failure that names the plugin and nothing else", async () => {
    const broken = plugin("broken", (host) =>
      host.hooks.respond.for("tools/call").tap("broken", () => {
        throw new Error("the password is hunter2hunter2");
      }),
    );
    await withPlugins([broken], async (call, _client, logs) => {
      await expect(call("echo")).rejects.toMatchObject({
        code: -31500,
        message: expect.stringContaining('plugin "broken" failed'),
        data: { type: "plugin_failure", plugin: "broken" },
      });
      await expect(call("echo")).rejects.not.toMatchObject({ message: expect.stringContaining("hunter2") });
      expect(logs.find((line) => line.message === "a plugin failed")).toMatchObject({ plugin: "broken", hook: "respond" });
    });
  });

  test("a refusal's words, type and wait reach the client", async () => {
    const limiter = plugin("limiter", (host) =>
      host.hooks.transform.for("tools/call").tap("limiter", () => {
        throw refuse("rate_limited", "two calls a day", { retryAfterMs: 1234 });
      }),
    );
    await withPlugins([limiter], async (call) => {
      await expect(call("echo")).rejects.toMatchObject({
        code: -31429,
        message: expect.stringContaining("two calls a day"),
        data: { type: "rate_limited", retryAfterMs: 1234, sent: "no", retryable: true },
      });
    });
  });

  test("a tap that hangs fails when its time is up, and is named", async () => {
    const hanging = plugin("hanging", (host) => host.hooks.transform.for("tools/call").tap("hanging", () => new Promise(() => {})));
    await withPlugins([{ use: hanging, timeout: 30 }], async (call, _client, logs) => {
      await expect(call("echo")).rejects.toMatchObject({ code: -31500, data: { plugin: "hanging" } });
      expect(logs.find((line) => line.message === "a plugin failed")?.error).toContain("did not finish within 30 ms");
    });
  });

  test("a handler that hangs around a call is named at the deadline of the call", async () => {
    const hanging = plugin("hanging", (host) => host.hooks.call.for("tools/call").tap("hanging", () => () => new Promise(() => {})));
    await withPlugins(
      [hanging],
      async (call) =>
        expect(call("echo")).rejects.toMatchObject({
          code: -31500,
          message: expect.stringContaining('plugin "hanging" did not finish in call within 80 ms'),
          data: { plugin: "hanging" },
        }),
      { timeout: "80ms" },
    );
  });

  test("null does not travel on, and a promise on a synchronous hook is refused", async () => {
    const nothing = plugin("nothing", (host) =>
      host.hooks.respond.for("tools/call").tap("nothing", () => null as unknown as Record<string, unknown>),
    );
    await withPlugins([nothing], async (call, _client, logs) => {
      await expect(call("echo")).rejects.toMatchObject({ code: -31500 });
      expect(logs.find((line) => line.message === "a plugin failed")?.error).toContain("respond takes result");
    });
    const promising = plugin("promising", (host) =>
      host.hooks.permit.tap("promising", (async () => undefined) as unknown as () => undefined),
    );
    await withPlugins([promising], async (_call, client) => expect((await client.listTools()).tools).toEqual([]));
  });
});

describe("failure", () => {
  const throwing = (): never => {
    throw new Error("boom");
  };

  test("onError skip goes on as if the tap were not there, and calls next only if it was not called", async () => {
    let calls = 0;
    const skipped = plugin("skipped", (host) => {
      host.hooks.transform.for("tools/call").tap("skipped", throwing);
      host.hooks.respond.for("tools/call").tap("skipped", throwing);
      host.hooks.call.for("tools/call").tap("skipped", () => throwing);
    });
    const counting = plugin("counting", (host) =>
      host.hooks.call.for("tools/call").tap("counting", (next) => (exchange) => {
        calls++;
        return next(exchange);
      }),
    );
    const after = plugin("after", (host) =>
      host.hooks.call.for("tools/call").tap("after", (next) => async (exchange) => {
        await next(exchange);
        throw new Error("too late");
      }),
    );
    await withPlugins([{ use: skipped, onError: "skip" }, counting], async (call) =>
      expect(echoed(await call("echo", { a: 1 }))).toEqual({ a: 1 }),
    );
    expect(calls).toBe(1);
    await withPlugins([{ use: after, onError: "skip" }, counting], async (call) =>
      expect(call("echo")).rejects.toMatchObject({ code: -31500 }),
    );
    expect(calls).toBe(2);
  });

  test("permit fails closed whatever the config says", async () => {
    const closed = plugin("p", (host) => host.hooks.permit.tap("p", throwing));
    await withPlugins([{ use: closed, onError: "skip" }], async (call, client) => {
      expect((await client.listTools()).tools).toEqual([]);
      await expect(call("echo")).rejects.toMatchObject({ code: -32602, message: expect.stringContaining("Unknown tool: echo") });
    });
  });

  test("an observer's failure changes no answer and stops no other observer", async () => {
    const seen: string[] = [];
    const plugins = [
      plugin("bad", (host) => host.hooks.settled.tap("bad", throwing)),
      plugin("good", (host) => host.hooks.settled.tap("good", (exchange) => void seen.push(exchange.method))),
    ];
    await withPlugins(plugins, async (call) => {
      await call("echo", { a: 1 });
      expect(seen.filter((method) => method === "tools/call")).toEqual(["tools/call"]);
    });
  });

  test("discover that fails offers nothing of that upstream", async () => {
    await withPlugins([plugin("d", (host) => host.hooks.discover.tap("d", throwing))], async (_call, client) =>
      expect((await client.listTools()).tools).toEqual([]),
    );
  });

  test("discover may not invent entries", async () => {
    const inventing = plugin("i", (host) =>
      host.hooks.discover.tap("i", (entries) => [
        ...entries,
        { kind: "tool", name: "x", native: "x", upstream: "up", definition: { name: "x" } },
      ]),
    );
    await withPlugins([inventing], async (_call, client, logs) => {
      expect((await client.listTools()).tools).toEqual([]);
      expect(JSON.stringify(logs)).toContain("invented tool");
    });
  });

  test("respond may edit the entries of a list but not drop one", async () => {
    const edit = plugin("e", (host) =>
      host.hooks.respond
        .for("tools/list")
        .tap("e", (result) => ({ ...result, tools: (result.tools as object[]).map((tool) => ({ ...tool, description: "edited" })) })),
    );
    await withPlugins([edit], async (_call, client) =>
      expect(new Set((await client.listTools()).tools.map((tool) => tool.description))).toEqual(new Set(["edited"])),
    );
    const drop = plugin("d", (host) => host.hooks.respond.for("tools/list").tap("d", (result) => ({ ...result, tools: [] })));
    await withPlugins([drop], async (_call, client) => expect(client.listTools()).rejects.toMatchObject({ code: -31500 }));
  });

  test("transform may not change the name of what is called", async () => {
    const rename = plugin("r", (host) => host.hooks.transform.for("tools/call").tap("r", (params) => ({ ...params, name: "fail" })));
    await withPlugins([rename], async (call, _client, logs) => {
      await expect(call("echo")).rejects.toMatchObject({ code: -31500, data: { plugin: "r" } });
      expect(JSON.stringify(logs)).toMatch(/hooks\.test\.ts:\d+:\d+.*params\.name of tools\/call/);
    });
  });
});

describe("stages", () => {
  test("permit sees the arguments that are really sent", async () => {
    const plugins = [
      plugin("t", (host) => host.hooks.transform.for("tools/call").tap("t", add("!"))),
      plugin("p", (host) =>
        host.hooks.permit.tap("p", (_entry, _caller, exchange) =>
          (exchange?.params.arguments as { marks?: string } | undefined)?.marks === "!" ? false : undefined,
        ),
      ),
    ];
    await withPlugins(plugins, async (call, client) => {
      await expect(call("echo")).rejects.toMatchObject({ code: -31403, data: { type: "forbidden", sent: "no" } });
      expect((await client.listTools()).tools.some(({ name }) => name === "echo")).toBe(true);
    });
  });

  test("a hidden entry reaches no transform and is answered like an unknown name", async () => {
    let transformed = 0;
    const plugins = [
      plugin("p", (host) => host.hooks.permit.tap("p", ({ name }) => (name === "echo" ? false : undefined))),
      plugin("t", (host) =>
        host.hooks.transform.for("tools/call").tap("t", (params) => {
          transformed++;
          return params;
        }),
      ),
    ];
    await withPlugins(plugins, async (call, client) => {
      const unknown = await call("no-such-tool").catch((error: unknown) => error);
      const hidden = await call("echo").catch((error: unknown) => error);
      expect((hidden as Error).message).toBe((unknown as Error).message.replace("no-such-tool", "echo"));
      expect(transformed).toBe(0);
      expect((await client.listTools()).tools.some(({ name }) => name === "echo")).toBe(false);
    });
  });

  test("a route goes to another upstream, and is asked again when nothing was sent", async () => {
    const asked: string[][] = [];
    const router = definePlugin({
      name: "router",
      host: "^1.0.0",
      apply(host) {
        host.hooks.route.tap("router", (exchange: Exchange) => {
          if (exchange.method !== "tools/call") return undefined;
          asked.push(exchange.attempts.map(({ upstream }) => upstream));
          return exchange.attempts.length === 0 ? { upstream: "dead" } : { upstream: "b", native: "echo" };
        });
      },
    });
    const mcpServers = {
      a: { transport: () => inProcessTransport({ name: "a" }) },
      b: { transport: () => inProcessTransport({ name: "b" }) },
      dead: { url: "http://127.0.0.1:9/mcp" },
    };
    await using running = await startHost({ listen: null, mcpServers, plugins: [router()] });
    const client = sdkClient();
    await client.connect(await memoryTransport(running.host));
    const { structuredContent } = await client.callTool({ name: "echo" });
    expect((structuredContent as { payload: string }).payload).toMatch(/^b\//);
    expect(asked).toEqual([[], ["dead"]]);
    await client.close();
  });

  test("a retry in call is refused once the call may have run, unless the tool is listed as idempotent", async () => {
    const retry = definePlugin({
      name: "retry",
      host: "^1.0.0",
      apply: (host) =>
        host.hooks.call.for("tools/call").tap("retry", (next) => async (exchange) => {
          await next(exchange);
          return next(exchange);
        }),
    });
    for (const idempotent of [[], ["ec*"]]) {
      await using running = await startHost({
        listen: null,
        mcpServers: { up: { transport: () => inProcessTransport(), idempotent } },
        plugins: [retry()],
      });
      const client = sdkClient();
      await client.connect(await memoryTransport(running.host));
      const call = client.callTool({ name: "echo" });
      if (idempotent.length > 0) expect((await call).structuredContent).toBeDefined();
      else await expect(call).rejects.toMatchObject({ message: expect.stringContaining("is not sent twice") });
      await client.close();
    }
  });

  test("settled fires exactly once per request with its outcome, whatever came of it", async () => {
    const outcomes: string[] = [];
    const observer = plugin("o", (host) =>
      host.hooks.settled.tap(
        "o",
        ({ method, outcome }) => void (method === "tools/call" && outcomes.push(Object.keys(outcome ?? {})[0] ?? "none")),
      ),
    );
    await withPlugins([observer], async (call, client) => {
      await call("echo");
      await call("fail").catch(() => {});
      const abort = new AbortController();
      const slow = client.callTool({ name: "slow" }, undefined, { signal: abort.signal, onprogress: () => abort.abort("enough") });
      await slow.catch(() => {});
      await expect.poll(() => outcomes).toEqual(["result", "error", "cancelled"]);
    });
  });

  test("ask can answer in the client's place, rewrite or refuse, and answer sees the result", async () => {
    const plugins = [
      plugin("asker", (host) => {
        host.hooks.ask.tap("asker", (request) => {
          if (request.method === "roots/list") return { answer: { roots: [{ uri: "file:///plugin" }] } };
          if (request.method === "elicitation/create") throw refuse("forbidden", "no questions");
          return request;
        });
        host.hooks.answer.tap("asker", (result) => ({ ...result, model: "rewritten" }));
      }),
    ];
    await using running = await startHost({ listen: null, mcpServers: { up: { transport: () => inProcessTransport() } }, plugins });
    const client = sdkClient({ sampling: {}, roots: {}, elicitation: {} });
    const { CreateMessageRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      role: "assistant",
      model: "m",
      content: { type: "text", text: "hi" },
    }));
    await client.connect(await memoryTransport(running.host));
    const told = async (name: string): Promise<unknown> => (await client.callTool({ name })).structuredContent;
    expect(await told("roots")).toMatchObject({ result: { roots: [{ uri: "file:///plugin" }] } });
    expect(await told("sample")).toMatchObject({ result: { model: "rewritten" } });
    expect(await told("elicit")).toMatchObject({ error: { code: -31403, message: "no questions" } });
    await client.close();
  });

  test("notify can end a notification before it reaches anybody", async () => {
    const got: string[] = [];
    const mute = plugin("mute", (host) =>
      host.hooks.notify.tap("mute", (notification) => (notification.params?.level === "debug" ? null : notification)),
    );
    await withPlugins([mute], async (call, client) => {
      const { LoggingMessageNotificationSchema } = await import("@modelcontextprotocol/sdk/types.js");
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void got.push(params.level));
      await call("log", { levels: ["debug", "info"] });
      await expect.poll(() => got).toEqual(["info"]);
    });
  });
});
