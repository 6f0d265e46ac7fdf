import { definePlugin, type Entry, matcher, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

const hides = (...globs: string[]): Plugin =>
  plugin("hides", (host) => {
    const denied = matcher(globs);
    host.hooks.permit.tap("hides", (entry) => (denied(entry) ? false : undefined));
  });

/** Offers the tool `who` of `a` and `b` in the name of `both`, and leads calls to whom it is told. */
function grouping(to: (attempts: readonly string[]) => string | undefined, made: Partial<Entry> = {}): Plugin {
  return plugin("grouping", (host) => {
    host.group("both");
    host.hooks.merge.tap("grouping", (entries) => {
      const own = entries.filter(({ native }) => native === "who");
      const [first] = own;
      const members = own.map(({ upstream, native }) => ({ upstream, native }));
      const others = entries.filter((entry) => !own.includes(entry));
      return first ? [{ ...first, upstream: "both", members, ...made }, ...others] : entries;
    });
    host.hooks.route.tap("grouping", ({ entry, attempts }) => {
      const upstream = entry?.members && to(attempts.map((each) => each.upstream));
      return upstream === undefined ? undefined : { upstream };
    });
  });
}

const servers = () => ({ a: fakeUpstream({ tools: { who: () => "a" } }), b: fakeUpstream({ tools: { who: () => "b", own: () => "b" } }) });

describe("a group that a plugin opens", () => {
  test("offers in its name what upstreams have, and a route leads to one of them", async () => {
    await using host = await createTestHost({ plugins: [grouping(() => "b")], upstreams: servers() });
    expect((await host.client.listTools()).map(({ name }) => name)).toEqual(["who", "own"]);
    expect(await host.client.callTool("who")).toMatchObject({ content: [{ text: "b" }] });
    expect(
      host.host
        .status()
        .upstreams.map(({ name, wire }) => [name, wire])
        .at(-1),
    ).toEqual(["both", "plugin"]);
  });

  test("is judged by the group's entry and by what is called; what no member may serve is in no list", async () => {
    const judged: string[] = [];
    const watch = plugin("watch", ({ hooks }) =>
      hooks.permit.tap("watch", ({ name, upstream, native, members }, _caller, exchange) => {
        if (exchange) judged.push(`${name} = ${upstream}:${native}${members ? " of several" : ""}`);
        return undefined;
      }),
    );
    await using host = await createTestHost({ plugins: [grouping(() => "b"), watch], upstreams: servers() });
    await host.client.callTool("who");
    expect(judged).toEqual(["who = both:who of several", "who = b:who"]);

    await using denied = await createTestHost({ plugins: [grouping(() => "b"), hides("b:who")], upstreams: servers() });
    expect((await denied.client.listTools()).map(({ name }) => name)).toEqual(["who", "own"]);
    await expect(denied.client.callTool("who")).rejects.toThrow("Unknown tool: who");

    await using closed = await createTestHost({ plugins: [grouping(() => "b"), hides("a:who", "b:who")], upstreams: servers() });
    expect((await closed.client.listTools()).map(({ name }) => name)).toEqual(["own"]);
  });

  test("is asked for another route as long as nothing was sent, and no longer than it has one", async () => {
    const up = servers();
    const asked: (readonly string[])[] = [];
    const to = (attempts: readonly string[]): string | undefined => {
      asked.push(attempts);
      return ["a", "b"].find((key) => !attempts.includes(key));
    };
    await using host = await createTestHost({ plugins: [grouping(to)], upstreams: up });
    up.a.fail("down");
    expect(await host.client.callTool("who")).toMatchObject({ content: [{ text: "b" }] });
    up.b.fail("down");
    await expect(host.client.callTool("who")).rejects.toMatchObject({ data: { type: "upstream_down", sent: "no" } });
    expect(asked).toEqual([[], ["a"], [], ["a"], ["a", "b"]]);
  });

  test("invents nothing: what it offers has members that are there", async () => {
    const members = [{ upstream: "a", native: "nothing" }];
    await using host = await createTestHost({ plugins: [grouping(() => "a", { members })], upstreams: servers() });
    expect(await host.client.listTools()).toEqual([]);
    expect(JSON.stringify(host.log)).toContain('the tap invented tool \\"who\\" of \\"both\\"');
  });

  test("has a name of its own, and is opened while apply runs", async () => {
    const start = (apply: (host: PluginHost) => void) => createTestHost({ plugins: [plugin("p", apply)], upstreams: servers() });
    await expect(start((host) => host.group("a"))).rejects.toThrow(
      'plugin "p" opens the group "a", and there is an upstream of that name; rename',
    );
    await expect(
      start((host) => {
        host.group("g");
        host.group("g");
      }),
    ).rejects.toThrow('plugin "p" opens the group "g" twice');
    await expect(start((host) => host.hooks.ready.tap("p", () => host.group("late")))).rejects.toThrow('plugin "p" calls group too late');
  });
});
