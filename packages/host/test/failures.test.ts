import { definePlugin, type Entry, type ErrorType, HostError, type Plugin, type PluginHost, refuse } from "mcp-host";
import { createTestHost, FakeClock, fakeUpstream, type TestHost } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

const HERE = import.meta.filename;

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

const upstreams = () => ({ up: fakeUpstream({ tools: { a: () => "a" } }) });
const failures = ({ log }: TestHost) => log.filter(({ message }) => message.startsWith("a plugin failed"));
const failed = (test: TestHost): Promise<unknown> => test.client.callTool("a").catch((error: unknown) => error);

function breakDown(words = "it is broken"): never {
  throw new TypeError(words);
}

describe("where a plugin failed is in the log: function, file and line, and nothing of the host's own", () => {
  test.each<[where: string, apply: (host: PluginHost) => unknown]>([
    ["a tap", ({ hooks }) => hooks.transform.for("tools/call").tap("odd", () => breakDown())],
    ["a tap, later", ({ hooks }) => hooks.respond.for("tools/call").tap("odd", async () => breakDown())],
    ["a handler", ({ hooks }) => hooks.call.for("tools/call").tap("odd", () => async () => breakDown())],
    ["a synchronous tap", ({ hooks }) => hooks.settled.tap("odd", () => breakDown())],
    ["a tap that decides", ({ hooks }) => hooks.permit.tap("odd", () => breakDown())],
    ["an offered tool", (host) => host.offer({ tools: { b: { call: () => breakDown() } } })],
  ])("%s", async (_, apply) => {
    await using host = await createTestHost({ plugins: [plugin("odd", (given) => void apply(given))], upstreams: upstreams() });
    await failed(host);
    await host.client.callTool("b").catch(() => {});
    const [line] = failures(host);
    expect(line).toMatchObject({ level: "error", plugin: "odd", error: "TypeError: it is broken" });
    const stack = line?.stack as string[];
    expect(stack[0]).toMatch(/^breakDown \(/);
    expect(stack[0]).toContain(`${HERE}:`);
    expect(stack.filter((frame) => !frame.includes(HERE))).toEqual([]);
  });

  test("whatever was put in the place of a stack harms nobody", async () => {
    const odd = plugin("odd", ({ hooks }) => {
      hooks.transform.for("tools/call").tap("odd", () => {
        throw Object.defineProperty(new Error("x"), "stack", { get: () => breakDown() });
      });
    });
    await using host = await createTestHost({ plugins: [odd], upstreams: upstreams() });
    expect(await failed(host)).toMatchObject({ code: -31500 });
    expect(failures(host)).toMatchObject([{ plugin: "odd", error: "Error: x" }]);
    expect(failures(host)[0]).not.toHaveProperty("stack");
  });
});

describe("whoever starts a host is told why a plugin does not get ready, and where", () => {
  test("under the testing kit, and by a reload", async () => {
    const bad = plugin("bad", ({ hooks }) => hooks.ready.tap("bad", async () => breakDown("no such table")));
    const words = `plugin "bad" failed in ready: TypeError: no such table (at ${HERE}:`;
    await expect(createTestHost({ plugins: [bad] })).rejects.toThrow(words);
    await using host = await createTestHost();
    await expect(host.host.reload({ plugins: [bad] })).rejects.toThrow(words);
  });

  test("and why one cannot be applied", async () => {
    const bad = plugin("bad", () => breakDown("no such option"));
    await expect(createTestHost({ plugins: [bad] })).rejects.toThrow(`plugin "bad" could not be applied: no such option (at ${HERE}:`);
  });
});

describe("a rule that a plugin broke names it with its hook, to the client and in the log", () => {
  test("a route to nowhere", async () => {
    const lost = plugin("lost", ({ hooks }) => hooks.route.tap("lost", () => ({ upstream: "nowhere" })));
    await using host = await createTestHost({ plugins: [lost], upstreams: upstreams() });
    const error = await failed(host);
    expect(error).toMatchObject({ code: -31500, data: { plugin: "lost", type: "plugin_failure", sent: "no" } });
    expect(failures(host)).toMatchObject([
      { plugin: "lost", hook: "route", method: "tools/call", entry: "a", error: expect.stringContaining('routed to upstream "nowhere"') },
    ]);
  });

  test.each<[what: string, words: string, apply: (host: PluginHost) => unknown]>([
    [
      "read-only params",
      "params.name",
      ({ hooks }) => hooks.transform.for("tools/call").tap("odd", (params) => ({ ...params, name: "b" })),
    ],
    [
      "an exchange of its own",
      "an object of the tap's own instead of the exchange",
      ({ hooks }) => hooks.call.for("tools/call").tap("odd", (next) => (exchange) => next({ ...exchange } as typeof exchange)),
    ],
    [
      "what no entry is",
      "invented",
      ({ hooks }) => hooks.discover.tap("odd", (entries) => [...entries, { ...entries[0], native: "x" } as Entry]),
    ],
    [
      "what nobody lists",
      "added, dropped or renamed",
      ({ hooks }) => hooks.respond.for("tools/list").tap("odd", (list) => ({ ...list, tools: [] })),
    ],
  ])("%s", async (_, words, apply) => {
    await using host = await createTestHost({ plugins: [plugin("odd", (given) => void apply(given))], upstreams: upstreams() });
    const answers = await Promise.all([failed(host), host.client.request("tools/list").catch((error: unknown) => error)]);
    if (words !== "invented")
      expect(answers).toContainEqual(
        expect.objectContaining({ code: -31500, data: expect.objectContaining({ plugin: "odd", type: "plugin_failure" }) }),
      );
    expect(failures(host)).toMatchObject([{ plugin: "odd", error: expect.stringContaining(words), tapped: expect.stringContaining(HERE) }]);
  });

  test("what a tap threw is told once, however many hands it passes", async () => {
    const inner = plugin("inner", ({ hooks }) => hooks.transform.for("tools/call").tap("inner", () => breakDown()));
    const calling = plugin("calling", ({ hooks }) => {
      hooks.call.for("prompts/get").tap("calling", () => (exchange) => exchange.call("tools/call", { name: "a" }));
    });
    const up = fakeUpstream({ tools: { a: () => "a" }, prompts: { p: { get: () => "p" } } });
    await using host = await createTestHost({ plugins: [calling, inner], upstreams: { up } });
    await expect(host.client.getPrompt("p")).rejects.toThrow('plugin "inner" failed');
    expect(failures(host)).toHaveLength(1);
  });
});

describe("the same failure", () => {
  const MINUTE = 60_000;
  const rounds = async (host: TestHost, times: number): Promise<void> => {
    for (let round = 0; round < times; round++) await failed(host);
  };

  test("is told in full once, then once a minute with how often it came, until it stays away for one", async () => {
    const clock = new FakeClock();
    let words = 0;
    // What the error says differs each time, and where it is thrown does not.
    const odd = plugin("odd", ({ hooks }) => hooks.transform.for("tools/call").tap("odd", () => breakDown(`broken ${++words}`)));
    await using host = await createTestHost({ plugins: [odd], upstreams: upstreams(), clock });
    await rounds(host, 5);
    expect(failures(host)).toMatchObject([{ message: "a plugin failed", error: "TypeError: broken 1" }]);
    await clock.advance(MINUTE);
    expect(failures(host).slice(1)).toMatchObject([
      { level: "error", message: "a plugin failed again", plugin: "odd", hook: "transform", times: 4, error: "TypeError: broken 5" },
    ]);
    await rounds(host, 2);
    await clock.advance(MINUTE);
    expect(failures(host).slice(2)).toMatchObject([{ message: "a plugin failed again", times: 2 }]);
    await clock.advance(MINUTE);
    expect(clock.waiting).toBe(0);
    await rounds(host, 1);
    expect(failures(host).slice(3)).toMatchObject([{ message: "a plugin failed", error: "TypeError: broken 8", stack: expect.anything() }]);
  });

  test("at another place, or of another tap, is another", async () => {
    const odd = plugin("odd", ({ hooks }) => {
      hooks.settled.tap("odd", () => breakDown());
      hooks.settled.tap("odd", () => {
        throw new Error("elsewhere");
      });
      hooks.transform.for("tools/call").tap("odd", () => breakDown());
    });
    await using host = await createTestHost({ plugins: [odd], upstreams: upstreams() });
    await rounds(host, 3);
    expect(failures(host).map(({ hook, error }) => `${hook} ${error}`)).toEqual([
      "settled TypeError: it is broken",
      "settled Error: elsewhere",
      "transform TypeError: it is broken",
    ]);
  });

  test("is told with its count when the host closes, and none waits any more", async () => {
    const clock = new FakeClock();
    const odd = plugin("odd", ({ hooks }) => hooks.transform.for("tools/call").tap("odd", () => breakDown()));
    const host = await createTestHost({ plugins: [odd], upstreams: upstreams(), clock });
    await rounds(host, 3);
    await host.close();
    expect(failures(host).slice(1)).toMatchObject([{ message: "a plugin failed again", times: 2 }]);
    expect(clock.waiting).toBe(0);
  });

  test("is kept in bounded memory, whatever plugins come up with", async () => {
    const clock = new FakeClock();
    let number = 0;
    const odd = plugin("odd", ({ hooks }) =>
      hooks.transform.for("tools/call").tap("odd", () => {
        throw Object.assign(new Error(`failure ${++number}`), { stack: undefined });
      }),
    );
    await using host = await createTestHost({ plugins: [odd], upstreams: upstreams(), clock });
    await rounds(host, 250);
    expect(failures(host)).toHaveLength(250);
    expect(clock.waiting).toBe(200);
  });
});

test("what a failing plugin says to a client stays what it was: its name, and no more", async () => {
  const odd = plugin("odd", ({ hooks }) => hooks.transform.for("tools/call").tap("odd", () => breakDown("secret")));
  await using host = await createTestHost({ plugins: [odd], upstreams: upstreams() });
  const error = await failed(host);
  expect(error).toMatchObject({ rpc: { message: 'plugin "odd" failed' }, data: { plugin: "odd" } });
  expect(JSON.stringify(error)).not.toContain("secret");
  expect(error).not.toBeInstanceOf(HostError);
});

describe("a refusal is one wherever it comes out", () => {
  const no = () => refuse("forbidden", "not today");
  test.each<[where: string, apply: (host: PluginHost) => unknown, message: RegExp]>([
    [
      "transform, a copy",
      ({ hooks }) => hooks.transform.for("tools/call").tap("odd", () => ({ ...no() })),
      /^plugin "odd" failed: TypeError: the tap changed params\.name /,
    ],
    ["transform, returned", ({ hooks }) => hooks.transform.for("tools/call").tap("odd", no as never), /^not today$/],
    ["authorize, returned", ({ hooks }) => hooks.authorize.for("tools/call").tap("odd", no as never), /^not today$/],
    ["respond, returned", ({ hooks }) => hooks.respond.for("tools/call").tap("odd", async () => no() as never), /^not today$/],
    ["a handler, returned", ({ hooks }) => hooks.call.for("tools/call").tap("odd", () => async () => no() as never), /^not today$/],
    ["permit, returned", ({ hooks }) => hooks.permit.tap("odd", no as never), /^Unknown tool: a$/],
  ])("%s", async (_, apply, message) => {
    await using host = await createTestHost({ plugins: [plugin("odd", (given) => void apply(given))], upstreams: upstreams() });
    await expect(host.client.callTool("a")).rejects.toThrow(message);
  });

  test("of a type that there is not, it is the plugin's failure, and the client is answered", async () => {
    const odd = plugin("odd", ({ hooks }) =>
      hooks.transform.for("tools/call").tap("odd", () => {
        throw refuse("denied" as ErrorType, "not today");
      }),
    );
    await using host = await createTestHost({ plugins: [odd], upstreams: upstreams() });
    await expect(host.client.callTool("a")).rejects.toMatchObject({ data: { type: "plugin_failure" } });
    expect(failures(host)[0]?.error).toMatch(
      /^TypeError: there is no error type "denied"; docs\/errors\.md has those that there are: .*forbidden/,
    );
  });
});
