import { type Config, type ConfigError, definePlugin, type PluginDefinition, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream, type TestHost } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

type Order = Pick<PluginDefinition, "enforce" | "needs" | "before" | "after">;

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void, order: Order = {}) {
  return definePlugin({ name, host: "^1.0.0", apply, ...order })();
}

type Plugins = NonNullable<Config["plugins"]>;

/** What a config with these plugins is refused with. */
async function problems(plugins: Plugins): Promise<string> {
  const error: unknown = await createTestHost({ plugins, client: false }).then(
    (host) => host.close(),
    (thrown: unknown) => thrown,
  );
  return (error as ConfigError | undefined)?.problems.join("\n") ?? "";
}

describe("order", () => {
  const order = async (plugins: Plugins) => {
    await using host = await createTestHost({ plugins, client: false });
    return host.host.pipeline().taps.map((tap) => tap.plugin);
  };
  const tapping = (name: string, said: Order = {}) => plugin(name, (host) => host.hooks.settled.tap(name, () => {}), said);

  test("is the group, then what plugins say of each other, then the config", async () => {
    expect(
      await order([
        tapping("last", { enforce: "post" }),
        tapping("b", { after: ["c", "not-there"] }),
        tapping("c"),
        tapping("a", { before: ["b"] }),
        tapping("second", { enforce: "pre", after: ["first"] }),
        tapping("first", { enforce: "pre" }),
      ]),
    ).toEqual(["first", "second", "c", "a", "b", "last"]);
  });

  test.each<[string, Plugins, RegExp]>([
    ["a circle", [tapping("a", { before: ["b"] }), tapping("b", { before: ["a"] })], /"a", "b" say that each must come before another/],
    [
      "what the groups deny",
      [tapping("a", { enforce: "post", before: ["b"] }), tapping("b")],
      /"a" says it must come before "b", but "enforce"/,
    ],
    [
      "a plugin that is needed and missing",
      [tapping("a", { needs: ["b"] })],
      /plugin "a" needs plugin "b", which is not among the plugins; add it/,
    ],
    ["one that is needed and not enabled", [tapping("a", { needs: ["b"] }), { use: tapping("b"), enabled: false }], /"a" needs plugin "b"/],
    ["an unknown group", [tapping("a", { enforce: "first" as never })], /"enforce": "first"; it may be "pre" or "post"/],
    ["names that are none", [tapping("a", { after: "b" as never })], /"after" that is no array of plugins' names/],
  ])("%s stops the start", async (_what, plugins, said) => {
    expect(await problems(plugins)).toMatch(said);
  });

  test("enabled: false is as if the entry were not there, and inspect says so", async () => {
    await using host = await createTestHost({ plugins: [{ use: tapping("a"), enabled: false }, tapping("b")], client: false });
    const { taps, plugins, disabled } = host.host.pipeline();
    expect([taps.map((tap) => tap.plugin), plugins.map(({ id }) => id), disabled]).toEqual([["b"], ["b"], ["a"]]);
    // A module that is not enabled need not be there.
    await using without = await createTestHost({ plugins: [{ use: "./missing.ts", enabled: "false" }], client: false });
    expect(without.host.pipeline().disabled).toEqual(["./missing.ts"]);
  });

  test("what decides is shown", async () => {
    const when = { tools: ["x"] };
    const said = { enforce: "pre", before: ["b"], after: ["c"], needs: ["a"] } as const;
    await using host = await createTestHost({ plugins: [{ use: tapping("a", said), when }], client: false });
    expect(host.host.pipeline().plugins).toMatchObject([{ id: "a", ...said, when }]);
  });
});

describe("when", () => {
  /** Notes at every hook that may have a condition which tool or caller it was run for. */
  function noting(seen: string[]) {
    return plugin("notes", ({ hooks }) => {
      const note = (what: string): undefined => void seen.push(what);
      hooks.session.tap("notes", ({ event, session }) => note(`session ${event} ${session.principal.id}`));
      hooks.route.tap("notes", ({ entry }) => note(`route ${entry?.name}`));
      hooks.permit.tap("notes", ({ name }) => note(`permit ${name}`));
      hooks.list.tap("notes", (entries) => {
        note(`list ${entries.map(({ name }) => name).join()}`);
        return entries.toReversed();
      });
      hooks.transform.for("tools/call").tap("notes", (params) => {
        note(`transform ${params.name}`);
        return params;
      });
      hooks.authorize.for("tools/call").tap("notes", ({ entry }) => note(`authorize ${entry?.name}`));
      hooks.call.for("tools/call").tap("notes", (next) => (exchange) => {
        note(`call ${exchange.entry?.name}`);
        return next(exchange);
      });
      hooks.respond.for("tools/call").tap("notes", (result, { entry }) => {
        note(`respond ${entry?.name}`);
        return result;
      });
      hooks.fail.for("tools/call").tap("notes", (error, { entry }) => {
        note(`fail ${entry?.name}`);
        return error;
      });
      hooks.settled.tap("notes", ({ method, entry }) => note(`settled ${entry?.name ?? method}`));
      hooks.ask.tap("notes", (request) => {
        note(`ask ${request.method}`);
        return request;
      });
      hooks.answer.tap("notes", (result) => {
        note("answer");
        return result;
      });
      hooks.notify.tap("notes", (notification, { upstream }) => {
        note(`notify ${upstream}`);
        return notification;
      });
    });
  }

  const question = { message: "sure?", requestedSchema: { type: "object", properties: {} } };

  function start(when: object, seen: string[]): Promise<TestHost> {
    const upstream = (prefix: string) =>
      fakeUpstream({
        tools: {
          [`${prefix}_in`]: async (_args, context) => {
            context.log("info", "hello");
            await context.ask("elicitation/create", question);
            return "in";
          },
          [`${prefix}_out`]: () => Promise.reject(new Error("out")),
        },
      });
    return createTestHost({
      plugins: [{ use: noting(seen), when }],
      upstreams: {
        one: { transport: upstream("one").transport, isolation: "session" },
        two: { transport: upstream("two").transport, isolation: "session" },
      },
      client: false,
    });
  }

  /** Calls everything as two callers, and gives what was noted besides lists. */
  async function visit(when: object): Promise<string[]> {
    const seen: string[] = [];
    await using host = await start(when, seen);
    for (const [id, roles] of [
      ["ann", ["admin"]],
      ["bob", []],
    ] as const) {
      const client = await host.connect({ principal: { id, roles }, capabilities: { elicitation: {} } });
      client.on("elicitation/create", () => ({ action: "accept", content: {} }));
      await client.listTools();
      for (const tool of ["one_in", "one_out", "two_in", "two_out", "missing"]) await client.callTool(tool).catch(() => {});
    }
    return seen;
  }

  const ALL = ["permit", "route", "transform", "authorize", "call", "respond", "settled"];

  test("tools: taps are run for those tools, in every hook, and for nothing else", async () => {
    const seen = await visit({ tools: ["one_in", "two:two_o*"] });
    const names = new Set(seen.map((line) => line.split(" ").slice(1).join(" ")));
    expect([...names].toSorted()).toEqual(["one_in", "one_in,two_out", "two_out"]);
    for (const hook of ALL) expect(seen).toContain(`${hook} one_in`);
  });

  test("servers: taps are run for what those servers are called for, list and say", async () => {
    const seen = await visit({ servers: ["t*"] });
    expect(seen.filter((line) => line.includes("one"))).toEqual([]);
    for (const hook of ALL) expect(seen).toContain(`${hook} two_in`);
    for (const line of ["notify two", "ask elicitation/create", "answer"]) expect(seen).toContain(line);
    expect(seen).toContain("list two_in,two_out");
  });

  test("roles: taps are run for those callers, all their requests included", async () => {
    const seen = await visit({ roles: ["admin", "root"] });
    expect(seen.filter((line) => line.startsWith("session"))).toEqual(["session opened ann", "session closed ann"]);
    expect(seen.filter((line) => line === "settled one_in")).toHaveLength(1);
    expect(seen).toContain("settled tools/list");
    expect(seen).toContain("list one_in,one_out,two_in,two_out");
  });

  test("all that is said must hold, and what nobody meets is met by nobody", async () => {
    expect(new Set(await visit({ roles: ["admin"], servers: ["two"], endpoints: [""] }))).toContain("call two_in");
    expect(await visit({ roles: ["nobody"], endpoints: [""] })).toEqual([]);
  });

  test("a list keeps the entries that are not meant where they are", async () => {
    await using host = await start({ tools: ["one_in", "two_in"] }, []);
    const client = await host.connect();
    expect((await client.listTools()).map(({ name }) => name)).toEqual(["two_in", "one_out", "one_in", "two_out"]);
  });

  test("a route is judged by what is named, and what follows it by what is really called", async () => {
    const seen: string[] = [];
    const reroute = plugin("reroute", (host) => host.hooks.route.tap("reroute", () => ({ upstream: "b", native: "other" })));
    const one = fakeUpstream({ tools: { named: () => "named" } });
    const two = fakeUpstream({ tools: { other: () => "other" } });
    await using host = await createTestHost({
      plugins: [reroute, { use: noting(seen), when: { servers: ["b"] } }],
      upstreams: { a: one, b: two },
    });
    await host.client.listTools();
    await host.client.callTool("named");
    expect(seen.filter((line) => /call|authorize|transform|respond/.test(line))).toEqual([
      "transform named",
      "authorize named",
      "call named",
      "respond named",
    ]);
  });

  test.each([
    ["authenticate", (host: PluginHost) => host.hooks.authenticate.tap("x", () => undefined)],
    ["discover", (host: PluginHost) => host.hooks.discover.tap("x", (entries) => entries)],
    ["merge", (host: PluginHost) => host.hooks.merge.tap("x", (entries) => entries)],
    ["upstream", (host: PluginHost) => host.hooks.upstream.tap("x", () => {})],
    ["http", (host: PluginHost) => host.hooks.http.tap("x", () => {})],
    ["ready", (host: PluginHost) => host.hooks.ready.tap("x", () => {})],
    ["close", (host: PluginHost) => host.hooks.close.tap("x", () => {})],
  ])("is refused for a plugin that taps %s", async (hook, apply) => {
    expect(await problems([{ use: plugin("x", apply), when: { roles: ["a"] } }])).toContain(
      `plugin "x" taps hooks.${hook}, which is not about a tool`,
    );
  });

  test.each([
    [{ servers: ["fils"] }, /when\.servers\[0\]: no upstream is called "fils".*did you mean "files"/],
    [{ tools: ["fils:write"] }, /when\.tools\[0\]: no upstream is called "fils"/],
    [{ tools: ["!write_*"] }, /when\.tools\[0\]: "!write_\*" takes nothing out/],
    [{ endpoints: ["nope"] }, /when\.endpoints\[0\]: no endpoint is called "nope"; there is none/],
  ])("%j, which nothing can meet, stops the start", async (when, said) => {
    const plugins = [{ use: plugin("x", (host) => host.hooks.permit.tap("x", () => undefined)), when }];
    await expect(createTestHost({ plugins, upstreams: { files: fakeUpstream() }, client: false })).rejects.toThrow(said);
  });

  test.each([
    [{}, /when.*says nothing/],
    [{ tool: ["x"] }, /when\.tool: unknown key .did you mean "tools"/],
    [{ tools: [] }, /must name at least one/],
    [{ roles: "admin" }, /plugins\[0\]\.when\.roles/],
  ])("%j is refused", async (when, said) => {
    expect(await problems([{ use: plugin("x", () => {}), when: when as never }])).toMatch(said);
  });
});
