import {
  createHost,
  definePlugin,
  type Exchange,
  HostError,
  type Json,
  type Plugin,
  type PluginHost,
  refuse,
  type TraceSpan,
} from "mcp-host";
import { createTestHost, type FakeContext, fakeUpstream, TestClient, type TestHost, type TestHostOptions } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { HostExchange } from "../dist/exchange/host-exchange.js";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

function around(plugins: TestHostOptions["plugins"] = [], more: Partial<TestHostOptions> = {}) {
  const up = fakeUpstream({ tools: { a: () => "a", b: () => "b" } });
  return { up, host: createTestHost({ plugins, upstreams: { up }, ...more }) };
}

/** Every span that a host told the end of. */
class Told {
  readonly begun: TraceSpan[] = [];
  readonly ended: TraceSpan[] = [];
  readonly stop: () => void;

  constructor({ host }: TestHost) {
    this.stop = host.trace((span, phase) => void (phase === "begin" ? this.begun : this.ended).push(span));
  }

  /** The spans of the last exchange of a method, a line each, each as far in as it is deep. */
  drawn(method = "tools/call"): string[] {
    const whole = this.begun.findLast(({ name, parent }) => name === method && parent === undefined);
    return whole ? this.#linesOf(whole, "") : [];
  }

  #linesOf(span: TraceSpan, indent: string): string[] {
    const { name, plugin: by, did, error, route } = span;
    const words = [by === undefined ? name : `${name}:${by}`, did, route && `→ ${route.upstream}`, error && `! ${error}`];
    const within = this.begun.filter(({ parent }) => parent === span);
    return [`${indent}${words.filter(Boolean).join(" ")}`, ...within.flatMap((each) => this.#linesOf(each, `${indent}  `))];
  }

  /** The only span that did this. */
  one(did: string): TraceSpan {
    const found = this.ended.filter((span) => span.did === did);
    expect(found).toHaveLength(1);
    return found[0] as TraceSpan; // as was just asked
  }
}

/** A plugin that taps every hook of a call and changes nothing. */
const looking = ({ route = true } = {}): Plugin =>
  plugin("look", ({ hooks }) => {
    if (route) hooks.route.tap("look", () => undefined);
    hooks.permit.tap("look", () => undefined);
    hooks.transform.for("tools/call").tap("look", (params) => params);
    hooks.authorize.for("tools/call").tap("look", async () => undefined);
    hooks.call.for("tools/call").tap("look", (next) => (exchange) => next(exchange));
    hooks.respond.for("tools/call").tap("look", (result) => result);
    hooks.fail.for("tools/call").tap("look", (error) => error);
    hooks.settled.tap("look", () => {});
  });

describe("spans", () => {
  test("there is one for the exchange, each stage that somebody taps, each tap and each send; they nest and end", async () => {
    const { host: made } = around([looking()]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a");
    expect(told.drawn()).toEqual([
      "tools/call",
      "  route → up",
      "    route:look",
      "  permit",
      "    permit:look",
      "  transform",
      "    transform:look",
      "  permit",
      "    permit:look",
      "  authorize",
      "    authorize:look",
      "  call",
      "    call:look",
      "      send → up",
      "  respond",
      "    respond:look",
      "  settled",
      "    settled:look",
    ]);
    expect(new Set(told.ended)).toEqual(new Set(told.begun));
    const ids = told.begun.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((one, other) => one - other));
    for (const { start, end, parent } of told.begun) {
      expect(end).toBeGreaterThanOrEqual(start);
      if (parent) expect([parent.start <= start, (parent.end ?? 0) >= (end ?? 0)]).toEqual([true, true]);
    }
  });

  test("each is told to begin before and to end behind its parts", async () => {
    const { host: made } = around([looking()]);
    await using host = await made;
    const open: TraceSpan[] = [];
    host.host.trace((span, phase) => {
      if (phase === "begin") {
        expect([span.parent, span.end]).toEqual([open.at(-1), undefined]);
        open.push(span);
      } else expect(open.pop()).toBe(span);
    });
    await host.client.callTool("a");
    expect(open).toEqual([]);
    expect(host.log.filter(({ level }) => level === "error")).toEqual([]); // what expect throws in a listener is logged
  });

  test("without plugins there are the call and its send; with none who listens an exchange has no trace", async () => {
    const { host: made } = around();
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a");
    expect(told.drawn()).toEqual(["tools/call", "  call", "    send → up"]);
    told.stop();
    const before = told.begun.length;
    await host.client.callTool("a");
    expect(told.begun).toHaveLength(before);
  });

  test("nothing is kept on an exchange unless somebody listens", async () => {
    const traces: boolean[] = [];
    const see = plugin("see", ({ hooks }) =>
      hooks.settled.tap("see", (exchange) => {
        if (exchange instanceof HostExchange) traces.push(exchange.trace !== undefined);
      }),
    );
    // Test hosts listen.
    const { transport } = fakeUpstream({ tools: { a: () => "a" } });
    await using host = createHost({ mcpServers: { up: { transport } }, plugins: [see], drain: 0 });
    const client = await TestClient.connect(host);
    await client.callTool("a");
    expect(traces).toEqual([false, false]);
    const stop = host.trace(() => {});
    await client.callTool("a");
    stop();
    stop(); // once is enough
    await client.callTool("a");
    expect(traces).toEqual([false, false, true, false]);
    await client.close();
  });

  test("lists: what list leaves out is a change; permit is one span, however many entries it is asked for", async () => {
    const plugins = [
      looking(),
      plugin("hide", ({ hooks }) => hooks.list.tap("hide", (entries) => entries.filter(({ name }) => name !== "a"))),
    ];
    const { host: made } = around(plugins);
    await using host = await made;
    const told = new Told(host);
    await host.client.listTools();
    expect(told.drawn("tools/list")).toEqual([
      "tools/list",
      "  permit",
      "  list",
      "    list:hide changed",
      "  settled",
      "    settled:look",
    ]);
    const names = (list: unknown) => (list as { name: string }[]).map(({ name }) => name);
    const { before, after } = told.one("changed").change ?? {};
    expect([names(before), names(after)]).toEqual([["a", "b"], ["b"]]);
  });

  test("notifications of a call are told within it", async () => {
    const quiet = plugin("quiet", ({ hooks }) =>
      hooks.notify.tap("quiet", (notification) => ({ ...notification, params: { ...notification.params, message: "…" } })),
    );
    const slow = (_args: Json, context: FakeContext): string => {
      context.progress(1, 2, "at /home/ann");
      return "done";
    };
    const up = fakeUpstream({ tools: { slow } });
    await using host = await createTestHost({ plugins: [quiet], upstreams: { up } });
    await host.client.listTools();
    const told = new Told(host);
    await host.client.request("tools/call", { name: "slow" }, { onProgress: () => {} });
    expect(told.drawn()).toEqual(["tools/call", "  call", "    send → up", "      notify", "        notify:quiet changed"]);
  });

  test("a request that the host turns away is told with its error", async () => {
    const up = fakeUpstream({ tools: { a: () => "a" } });
    await using host = await createTestHost({ upstreams: { up }, config: { limits: { inFlight: 1 } } });
    await host.client.listTools();
    const told = new Told(host);
    up.fail("hang");
    const gone = new AbortController();
    const hangs = host.client.callTool("a", {}, { signal: gone.signal });
    await up.until("tools/call");
    await expect(host.client.callTool("a")).rejects.toMatchObject({ data: { type: "overloaded" } });
    expect(told.drawn()).toEqual(["tools/call ! overloaded"]);
    gone.abort(new Error("gone"));
    await expect(hangs).rejects.toThrow("gone");
  });
});

describe("what a tap did", () => {
  const throwing = (): never => {
    throw new Error("bug");
  };
  const no = (): never => {
    throw refuse("forbidden", "no");
  };
  test.each<[what: string, deed: string, tap: (hooks: PluginHost["hooks"]) => void]>([
    ["permit refuses", "permit:it refused", ({ permit }) => permit.tap("it", () => false)],
    [
      "permit refuses the arguments",
      "permit:it refused",
      ({ permit }) => permit.tap("it", (_entry, _caller, exchange) => (exchange ? false : undefined)),
    ],
    ["permit breaks", "permit:it failed ! plugin_failure", ({ permit }) => permit.tap("it", throwing)],
    ["authorize refuses", "authorize:it refused", ({ authorize }) => authorize.for("*").tap("it", () => false)],
    ["transform refuses", "transform:it refused ! forbidden", ({ transform }) => transform.for("tools/call").tap("it", no)],
    ["transform breaks", "transform:it failed ! plugin_failure", ({ transform }) => transform.for("tools/call").tap("it", throwing)],
    ["a call tap refuses", "call:it refused ! forbidden", ({ call }) => call.for("tools/call").tap("it", () => no)],
    ["a call tap breaks", "call:it failed ! plugin_failure", ({ call }) => call.for("tools/call").tap("it", () => throwing)],
    ["a call tap answers", "call:it answered", ({ call }) => call.for("tools/call").tap("it", () => async () => ({ content: [] }))],
    ["respond breaks", "respond:it failed ! plugin_failure", ({ respond }) => respond.for("tools/call").tap("it", throwing)],
    ["settled breaks", "settled:it failed ! plugin_failure", ({ settled }) => settled.tap("it", throwing)],
    ["route routes", "route:it routed → up", ({ route }) => route.tap("it", () => ({ upstream: "up", native: "b" }))],
  ])("%s", async (_what, deed, tap) => {
    // The others let pass what it did, and are not taken for it.
    // Who asks for routes is asked again when nothing was sent.
    const { host: made } = around([looking({ route: false }), plugin("it", ({ hooks }) => tap(hooks))]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a").catch(() => {});
    const did = told.drawn().filter((line) => / (refused|failed|answered|routed|changed|retried)/.test(line));
    expect(did.map((line) => line.trim())).toEqual([deed]);
    expect(new Set(told.ended)).toEqual(new Set(told.begun));
  });

  test("a tap that fails and is skipped", async () => {
    const it = definePlugin({
      name: "it",
      host: "^1.0.0",
      apply: ({ hooks }) => {
        hooks.transform.for("tools/call").tap("it", throwing);
        hooks.call.for("tools/call").tap("it", () => throwing);
      },
    });
    const { host: made } = around([{ use: it(), onError: "skip" }]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a");
    expect(told.drawn()).toEqual([
      "tools/call",
      "  transform",
      "    transform:it failed ! plugin_failure",
      "  call",
      "    call:it failed ! plugin_failure",
      "    send → up",
    ]);
  });

  test("what each stage changed, before and after, without secrets", async () => {
    const change = plugin("change", ({ hooks }) => {
      hooks.transform.for("tools/call").tap("change", (params) => ({ ...params, arguments: { password: "hunter22", path: "/srv" } }));
      hooks.call.for("tools/call").tap("change", (next) => async (exchange) => ({ ...(await next(exchange)), wrapped: true }));
      hooks.respond
        .for("tools/call")
        .tap("change", (result) => ({ ...result, content: [{ type: "text", text: "Bearer abcdefgh12345678" }] }));
    });
    const { host: made } = around([change, looking()]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a", { path: "." });
    const changed = told.ended.filter(({ did }) => did === "changed");
    expect(changed.map(({ name, change: what }) => [name, what])).toMatchObject([
      [
        "transform",
        { before: { name: "a", arguments: { path: "." } }, after: { name: "a", arguments: { password: "[redacted]", path: "/srv" } } },
      ],
      ["call", { before: { content: [{ text: "a" }] }, after: { content: [{ text: "a" }], wrapped: true } }],
      ["respond", { after: { content: [{ text: "[redacted]" }], wrapped: true } }],
    ]);
    expect(changed.map(({ plugin: by }) => by)).toEqual(["change", "change", "change"]);
    expect(JSON.stringify(changed.map((span) => span.change))).not.toMatch(/hunter22|abcdefgh/);
  });

  test("an error on its way out", async () => {
    const fail = plugin("fail", ({ hooks }) =>
      hooks.fail.for("tools/call").tap("fail", async (error) => ({ ...error, message: "not today" })),
    );
    const { up, host: made } = around([fail]);
    await using host = await made;
    const told = new Told(host);
    up.fail({ error: { code: 7, message: "disk full" } });
    await expect(host.client.callTool("a")).rejects.toThrow("not today");
    expect(told.drawn()).toEqual([
      "tools/call ! upstream",
      "  call ! upstream",
      "    send → up ! upstream",
      "  fail",
      "    fail:fail changed",
    ]);
    expect(told.one("changed").change).toMatchObject({ before: { message: "disk full" }, after: { message: "not today" } });
  });

  test("a plugin that tries again, and the host that asks for another route", async () => {
    const again = plugin("again", ({ hooks }) =>
      hooks.call.for("tools/call").tap("again", (next) => async (exchange) => {
        try {
          return await next(exchange);
        } catch (error) {
          exchange.retry((error as HostError).type);
          return next(exchange);
        }
      }),
    );
    let calls = 0;
    const flaky = plugin("flaky", ({ hooks }) =>
      hooks.call.for("tools/call").tap("flaky", (next) => async (exchange) => {
        if (++calls < 3) throw new HostError("upstream_down", "not yet", { sent: "no" });
        return next(exchange);
      }),
    );
    const route = plugin("route", ({ hooks }) => hooks.route.tap("route", () => ({ upstream: "up" })));
    const { host: made } = around([route, again, flaky]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a");
    expect(told.drawn()).toEqual([
      "tools/call",
      "  route → up",
      "    route:route routed → up",
      "  call ! upstream_down",
      "    call:again retried ! upstream_down",
      "      call:flaky ! upstream_down",
      "      retry:again retried ! upstream_down",
      "      call:flaky ! upstream_down",
      "  route → up",
      "    route:route routed → up",
      "  retry retried ! upstream_down",
      "  call",
      "    call:again",
      "      call:flaky",
      "        send → up",
    ]);
  });

  test("a tap that is out of time", async () => {
    const hang = definePlugin({
      name: "hang",
      host: "^1.0.0",
      apply: ({ hooks }) => hooks.transform.for("tools/call").tap("hang", () => new Promise<never>(() => {})),
    });
    const { host: made } = around([{ use: hang(), timeout: 20 }]);
    await using host = await made;
    const told = new Told(host);
    await expect(host.client.callTool("a")).rejects.toMatchObject({ data: { type: "plugin_failure" } });
    expect(told.drawn()).toEqual([
      "tools/call ! plugin_failure",
      "  transform ! plugin_failure",
      "    transform:hang failed ! plugin_failure",
    ]);
  });
});

describe("exchanges within exchanges", () => {
  const flow = (answer: (exchange: Exchange, next: (exchange: Exchange) => Promise<Json>) => Promise<Json>): Plugin =>
    plugin("flow", ({ hooks }) =>
      hooks.call.for("tools/call").tap("flow", (next) => (exchange) => (exchange.parent ? next(exchange) : answer(exchange, next))),
    );

  test("a plugin's own calls, also at once, are parts of the tap that made them", async () => {
    const both = flow(async (exchange) => {
      await Promise.all(["a", "b"].map((name) => exchange.call("tools/call", { name })));
      return { content: [] };
    });
    const { host: made } = around([both]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a");
    const own = ["      tools/call", "        call", "          call:flow", "            send → up"];
    expect(told.drawn()).toEqual(["tools/call", "  call", "    call:flow answered", ...own, ...own]);
    expect(new Set(told.ended)).toEqual(new Set(told.begun));
  });

  test("questions of a plugin and of an upstream pass ask and answer within the call", async () => {
    const ask = plugin("ask", ({ hooks }) => {
      hooks.ask.tap("ask", (request) => (request.method === "roots/list" ? { answer: { roots: [] } } : request));
      hooks.answer.tap("ask", (result) => ({ ...result, content: { type: "text", text: "hello" } }));
    });
    const asks = flow(async (exchange, next) => {
      await exchange.ask("roots/list", {});
      await exchange.ask("sampling/createMessage", sampling);
      return next(exchange);
    });
    const sampling = { messages: [], maxTokens: 1 };
    const up = fakeUpstream({
      tools: {
        sample: async (_args, context) => {
          await context.ask("sampling/createMessage", sampling);
          return "done";
        },
      },
    });
    await using host = await createTestHost({
      plugins: [ask, asks],
      upstreams: { up: { transport: up.transport, isolation: "session" } },
      client: { capabilities: { sampling: {}, roots: {} } },
    });
    host.client.on("sampling/createMessage", () => ({ role: "assistant", model: "m", content: { type: "text", text: "hi" } }));
    await host.client.listTools();
    const told = new Told(host);
    await host.client.callTool("sample");
    expect(told.drawn()).toEqual([
      "tools/call",
      "  call",
      "    call:flow",
      "      roots/list",
      "        ask",
      "          ask:ask answered",
      "      sampling/createMessage",
      "        ask",
      "          ask:ask",
      "        send",
      "        answer",
      "          answer:ask changed",
      "      send → up",
    ]);
    // Over this connection nothing says which call the server's own question belongs to.
    expect(told.drawn("sampling/createMessage")).toEqual([
      "sampling/createMessage",
      "  ask",
      "    ask:ask",
      "  send",
      "  answer",
      "    answer:ask changed",
    ]);
    expect(new Set(told.ended)).toEqual(new Set(told.begun));
  });

  test("an exchange that is derived goes on where it was; a result that is changed on its way out is told", async () => {
    const derive = flow(async (exchange, next) => ({ ...(await next(exchange.derive({ attached: true }))), late: true }));
    const { host: made } = around([derive]);
    await using host = await made;
    const told = new Told(host);
    await host.client.callTool("a");
    expect(told.drawn()).toEqual(["tools/call", "  call", "    call:flow changed", "      send → up"]);
  });
});

describe("ends", () => {
  test("a call that is cancelled ends what is under way, and nothing begins in it any more", async () => {
    let late: Promise<unknown> = Promise.resolve();
    const again = plugin("again", ({ hooks }) =>
      hooks.call.for("tools/call").tap("again", (next) => (exchange) => {
        const tried = next(exchange);
        late = tried.catch(() => next(exchange)).catch(() => {});
        return tried;
      }),
    );
    const { up, host: made } = around([again, looking()]);
    await using host = await made;
    const told = new Told(host);
    up.fail("hang");
    const gone = new AbortController();
    const cancelled = host.client.callTool("a", {}, { signal: gone.signal });
    await up.until("tools/call");
    gone.abort(new Error("gone"));
    await expect(cancelled).rejects.toThrow("gone");
    await expect.poll(() => told.ended.some(({ name, parent }) => name === "tools/call" && !parent)).toBe(true);
    const { length } = told.begun;
    await late;
    expect(told.begun).toHaveLength(length);
    expect(new Set(told.ended)).toEqual(new Set(told.begun));
    const lines = told.drawn();
    expect(lines[0]).toBe("tools/call ! cancelled");
    expect(lines).toContain("        send → up ! cancelled");
  });

  test("a listener that throws is dropped with a line of the log, and the others are told all the same", async () => {
    // It taps no hook, and yet does something.
    const wrong = plugin("wrong", (host) => void host.trace(() => void JSON.parse("no")));
    const { host: made } = around([wrong], { client: false });
    await using host = await made;
    expect(host.host.pipeline().plugins).toMatchObject([{ id: "wrong", idle: false }]);
    const told = new Told(host);
    const client = await host.connect();
    await client.callTool("a");
    expect(told.drawn()).toHaveLength(3);
    const lines = host.log.filter(({ message }) => message.includes("listener of the trace failed"));
    expect(lines).toMatchObject([{ level: "error", plugin: "wrong" }]);
    expect(host.log.filter(({ message }) => message.includes("does nothing"))).toEqual([]);
  });

  test("a plugin's listener goes with the plugin, the program's stays through reloads", async () => {
    const seen: string[] = [];
    const listening = plugin("listening", (host) => {
      host.hooks.settled.tap("listening", () => {});
      host.trace(({ name, parent }, phase) => void (phase === "end" && parent === undefined && seen.push(name)));
    });
    const up = fakeUpstream({ tools: { a: () => "a" } });
    await using host = await createTestHost({ plugins: [listening], upstreams: { up } });
    const told = new Told(host);
    await host.client.callTool("a");
    expect(seen).toEqual(expect.arrayContaining(["initialize", "tools/call"]));
    const { length } = seen;
    await host.host.reload({ drain: 0, mcpServers: { up: { transport: up.transport } }, plugins: [] });
    const before = told.ended.length;
    await host.client.callTool("a");
    expect(seen).toHaveLength(length);
    expect(told.ended.length).toBeGreaterThan(before);
  });
});

test.each([
  [null, "null"],
  [undefined, "undefined"],
  [{}, "object"],
])("what is no function, such as %j, hears no trace", async (listener, told) => {
  const given = listener as unknown as Parameters<PluginHost["trace"]>[0]; // JavaScript may give it
  await using host = await around().host;
  expect(() => host.host.trace(given)).toThrow(new TypeError(`host.trace takes a function, not ${told}`));
  const deaf = plugin("deaf", ({ trace }) => void trace(given));
  await expect(around([deaf]).host).rejects.toThrow(`plugin "deaf" could not be applied: host.trace takes a function, not ${told}`);
});
