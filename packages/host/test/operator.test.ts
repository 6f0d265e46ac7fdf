import { definePlugin, type OperatedEvent, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, FakeClock, fakeUpstream, type TestHost, type TestHostOptions } from "mcp-host/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";

afterEach(() => void vi.useRealTimers());

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

interface Operated {
  readonly test: TestHost;
  /** What the plugin "admin" is given. */
  readonly admin: PluginHost;
  /** What taps of `operated` were told. */
  readonly told: OperatedEvent[];
}

/** A host with a plugin that looks after it, and one that can be looked after. */
async function operated(options: TestHostOptions = {}): Promise<Operated & AsyncDisposable> {
  const told: OperatedEvent[] = [];
  let admin: PluginHost | undefined;
  const plugins = [
    plugin("admin", (host) => {
      admin = host;
      host.hooks.operated.tap("admin", (event) => void told.push(event));
    }),
    plugin("works", (host) => {
      host.hooks.settled.tap("works", () => {});
      const params = z.strictObject({ text: z.string(), times: z.int().default(2) });
      const echo = ({ text, times }: z.output<typeof params>, who: string) => ({ said: text.repeat(times), who });
      host.operator.operation("echo", echo, { description: "Says it again.", params });
      host.operator.operation("look", (given) => ({ given }), { reads: true });
      host.operator.operation("fail", () => Promise.reject(new Error("cannot: Bearer abcdefghijklmnop")));
      host.operator.operation("much", () => ({ text: "x".repeat(17 * 1024 * 1024) }));
      host.operator.operation("hang", () => new Promise<never>(() => {}));
      host.operator.operation("nothing", () => undefined as never); // as JavaScript may
      host.operator.operation("odd", () => ({ big: 1n }));
    }),
  ];
  const test = await createTestHost({ plugins, ...options });
  if (!admin) throw new Error("the plugin was not applied");
  return { test, admin, told, [Symbol.asyncDispose]: () => test.close() };
}

describe("list", () => {
  test("tells the host's own operations and those of plugins, with the schemas of their params", async () => {
    await using at = await operated();
    const listed = at.admin.operator.list();
    expect(listed.map(({ name, plugin: owner }) => [name, owner])).toEqual([
      ["status", undefined],
      ["reload", undefined],
      ["reconnect", undefined],
      ["stop", undefined],
      ...["drain", "resume", "health", "stats", "pipeline", "catalog", "clients", "end-client"].map((name) => [name, undefined]),
      ...["echo", "look", "fail", "much", "hang", "nothing", "odd"].map((name) => [`works:${name}`, "works"]),
    ]);
    expect(listed.find(({ name }) => name === "works:echo")).toEqual({
      name: "works:echo",
      plugin: "works",
      description: "Says it again.",
      params: {
        type: "object",
        properties: {
          text: { type: "string" },
          times: { type: "integer", default: 2, minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
        },
        required: ["text"],
        additionalProperties: false,
      },
      result: { type: "object", propertyNames: { type: "string" }, additionalProperties: {} },
      reads: false,
      scope: "operate",
    });
    expect(listed.find(({ name }) => name === "reconnect")).toMatchObject({ params: { required: ["upstream"] } });
    expect(at.test.host.operator.list()).toEqual(listed);
  });

  test("a name with a colon could not be told from its plugin, and stops the start", async () => {
    const odd = plugin("odd", (host) => host.operator.operation("a:b", () => ({})));
    await expect(createTestHost({ plugins: [odd] })).rejects.toThrow('plugin "odd": the operation "a:b" must have a name without ":"');
  });
});

describe("run", () => {
  test("runs what is listed as whom it is told, and tells who did what", async () => {
    await using at = await operated({ clock: new FakeClock(5_000) });
    const { operator } = at.admin;
    expect(await operator.run("works:echo", { text: "ab" }, "admin:alice")).toEqual({ said: "abab", who: "admin:alice" });
    expect(await operator.run("works:echo", { text: "a", times: 1 }, { id: "bob", roles: [] })).toEqual({ said: "a", who: "bob" });
    expect(await at.test.host.operator.run("works:echo", { text: "c" })).toEqual({ said: "cc", who: "program" });
    const event = { at: 5_000, operation: "works:echo", plugin: "works", outcome: "ok" };
    expect(at.told).toEqual([
      { ...event, who: "admin:alice", via: "admin", params: { text: "ab" } },
      { ...event, who: "bob", via: "admin", params: { text: "a", times: 1 } },
      { ...event, who: "program", via: undefined, params: { text: "c" } },
    ]);
  });

  test("what only reads is not told", async () => {
    await using at = await operated();
    expect(await at.admin.operator.run("status", {}, "alice")).toMatchObject({ ready: true, pid: process.pid });
    expect(await at.admin.operator.run("works:look", { at: [1] }, "alice")).toEqual({ given: { at: [1] } });
    at.admin.operator.list();
    expect(at.told).toEqual([]);
  });

  test("secrets in params and errors are told to nobody", async () => {
    await using at = await operated();
    await expect(at.admin.operator.run("works:fail", { apiKey: "hunter2hunter2", name: "x" }, "alice")).rejects.toThrow("cannot");
    expect(at.told).toEqual([
      expect.objectContaining({ operation: "works:fail", params: { apiKey: "[redacted]", name: "x" }, outcome: "cannot: [redacted]" }),
    ]);
  });

  test("what cannot be run is refused in words that help, and what was asked of an operation is told", async () => {
    await using at = await operated();
    const { run } = at.admin.operator;
    await expect(run("reloat", {}, "alice")).rejects.toThrow(
      'there is no operation "reloat" (did you mean "reload"?); there are status, reload',
    );
    await expect(run("works:none", {}, "alice")).rejects.toThrow('plugin "works" has no operation "none"; it has echo, look, fail');
    await expect(run("invocation", {}, "alice")).rejects.toThrow('there is no operation "invocation"');
    await expect(run("constructor", {}, "alice")).rejects.toThrow('there is no operation "constructor"');
    await expect(run("works:look", {}, "")).rejects.toThrow('"works:look": who has it done must be a principal or a name');
    await expect(run("works:look", {}, undefined as never)).rejects.toThrow("who has it done must be");
    await expect(run("works:look", [] as never, "alice")).rejects.toThrow(
      'operation "look" of plugin "works" was given a list in the place',
    );
    await expect(run("works:look", { n: 1n }, "alice")).rejects.toThrow("was given what JSON cannot hold");
    await expect(run("works:look", { text: "x".repeat(70_000) }, "alice")).rejects.toThrow(
      "was given 70011 bytes; there may be at most 65536",
    );
    expect(at.told).toEqual([]);
    await expect(run("works:echo", { text: 1, tims: 3 }, "alice")).rejects.toThrow(
      'operation "echo" of plugin "works": params.text: must be a text, not a number; params.tims: there is no such param (did you mean "times"?)',
    );
    await expect(run("reconnect", {}, "alice")).rejects.toThrow('"reconnect": params.upstream: must be a text, not missing');
    await expect(run("works:nothing", {}, "alice")).rejects.toThrow(
      'operation "nothing" of plugin "works" gave nothing in the place of an object',
    );
    await expect(run("works:odd", {}, "alice")).rejects.toThrow("gave what JSON cannot hold");
    await expect(run("works:much", {}, "alice")).rejects.toThrow(/gave \d+ bytes; there may be at most 16777216/);
    expect(at.told.map(({ operation }) => operation)).toEqual(["works:echo", "reconnect", "works:nothing", "works:odd", "works:much"]);
    expect(at.told.every(({ outcome }) => outcome !== "ok")).toBe(true);
  });

  test("what hangs is answered after 30 s, and there are at most 64 at once", async () => {
    await using at = await operated();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const hanging = Array.from({ length: 64 }, () =>
      at.admin.operator.run("works:hang", {}, "alice").catch(({ type, message }) => `${type}: ${message}`),
    );
    await expect(at.admin.operator.run("works:look", {}, "alice")).rejects.toThrow(
      'operation "works:look" was not begun, since 64 are under way',
    );
    await vi.advanceTimersByTimeAsync(30_000);
    expect(new Set(await Promise.all(hanging))).toEqual(
      new Set(['operation_timeout: operation "hang" of plugin "works" did not finish within 30000 ms']),
    );
    expect(at.told).toHaveLength(64);
    expect(await at.admin.operator.run("works:look", {}, "alice")).toEqual({ given: {} });
  });

  test("what it is given and what it gives are copies", async () => {
    const kept = { list: [1] };
    let got: { list: number[] } | undefined;
    const owner = plugin("owner", (host) => {
      host.operator.operation("swap", (params) => {
        got = params as typeof got;
        return kept;
      });
    });
    await using test = await createTestHost({ plugins: [owner] });
    const given = { list: [2] };
    const result = await test.host.operator.run("owner:swap", given);
    expect([got, result]).toEqual([given, kept]);
    expect(got?.list).not.toBe(given.list);
    expect(result.list).not.toBe(kept.list);
  });
});

describe("the host's own operations in a program", () => {
  test("reload is host.reload, reconnect is host.reconnect, stop is host.close", async () => {
    const up = fakeUpstream({ tools: { echo: () => "" } });
    await using at = await operated({ upstreams: { up } });
    const { run } = at.admin.operator;
    expect(await run("reload", {}, "alice")).toEqual({
      upstreams: { added: [], changed: [], removed: [], kept: ["up"] },
      plugins: { added: [], changed: [], removed: [], kept: ["admin", "works"] },
    });
    await at.test.client.listTools();
    const before = up.received("initialize").length;
    expect(await run("reconnect", { upstream: "up" }, "alice")).toEqual({});
    expect(up.received("initialize").length).toBeGreaterThan(before);
    await expect(run("reconnect", { upstream: "pu" }, "alice")).rejects.toThrow('no upstream is called "pu" (did you mean "up"?)');
    expect(await run("stop", {}, "alice")).toEqual({ drain: 0 });
    await vi.waitFor(() => expect(at.admin.signal.aborted).toBe(true));
    expect(at.told.map(({ operation, who, outcome }) => [operation, who, outcome])).toEqual([
      ["reload", "alice", "ok"],
      ["reconnect", "alice", "ok"],
      ["reconnect", "alice", 'no upstream is called "pu" (did you mean "up"?)'],
      ["stop", "alice", "ok"],
    ]);
  });

  test("a program says what reload and stop do in it", async () => {
    const done: string[] = [];
    const report = { added: [], changed: [], removed: [], kept: [] };
    const operator = {
      reload: async () => {
        done.push("reload");
        return { upstreams: report, plugins: report };
      },
      stop: () => void done.push("stop"),
    };
    await using at = await operated({ operator });
    expect(await at.admin.operator.run("reload", {}, "alice")).toEqual({ upstreams: report, plugins: report });
    await at.admin.operator.run("stop", {}, "alice");
    await vi.waitFor(() => expect(done).toEqual(["reload", "stop"]));
    expect(at.admin.signal.aborted).toBe(false);
  });
});

describe("operated", () => {
  test("tells what the program does to its host, with what came of it", async () => {
    const up = fakeUpstream();
    await using at = await operated({ upstreams: { up } });
    const { host } = at.test;
    await host.reload();
    await expect(host.reload({ limits: { sessions: 3 } })).rejects.toThrow("limits: cannot change");
    await host.reconnect("up");
    await expect(host.reconnect("down")).rejects.toThrow("no upstream");
    expect(at.told.map(({ who, via, operation, params, outcome }) => [who, via, operation, params, outcome.slice(0, 21)])).toEqual([
      ["program", undefined, "reload", {}, "ok"],
      ["program", undefined, "reload", {}, "limits: cannot change"],
      ["program", undefined, "reconnect", { upstream: "up" }, "ok"],
      ["program", undefined, "reconnect", { upstream: "down" }, "no upstream is called"],
    ]);
  });

  test("a reload is told to the plugins that serve after it", async () => {
    const told: string[] = [];
    const hears = (name: string) =>
      plugin(name, (host) => host.hooks.operated.tap(name, ({ operation }) => void told.push(`${name} ${operation}`)));
    const [before, after] = [hears("before"), hears("after")];
    await using test = await createTestHost({ plugins: [before] });
    await test.host.reload({ plugins: [after] });
    expect(told).toEqual(["after reload"]);
  });

  test("a tap that throws, or gives a promise, is logged and changes nothing", async () => {
    const throws = plugin("throws", (host) =>
      host.hooks.operated.tap("throws", () => {
        throw new Error("the tap is broken");
      }),
    );
    const waits = plugin("waits", (host) => host.hooks.operated.tap("waits", (async () => {}) as () => void));
    const seen: OperatedEvent[] = [];
    const sees = plugin("sees", (host) => host.hooks.operated.tap("sees", (event) => void seen.push(event)));
    await using test = await createTestHost({ plugins: [throws, waits, sees] });
    await test.host.reload();
    expect(seen).toHaveLength(1);
    expect(Object.isFrozen(seen[0])).toBe(true);
    expect(test.log.filter(({ message }) => message === "a plugin failed").map(({ plugin: id, hook, error }) => [id, hook, error])).toEqual(
      [
        ["throws", "operated", "Error: the tap is broken"],
        ["waits", "operated", "TypeError: the tap returned a promise, but operated is synchronous"],
      ],
    );
  });
});
