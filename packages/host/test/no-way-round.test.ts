import { routing } from "@host/plugin-routing";
import { type Config, definePlugin, type Json, matcher, type OfferContext, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream, type TestClient } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

/** A plugin made on the spot. */
function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

const isAdmin = ({ roles }: { readonly roles: readonly string[] }): boolean => roles.includes("admin");

/** Rules that keep everybody but admins from the tool "wipe" of the upstream "b". */
const RULES: Record<string, Plugin> = {
  "permit, by exposed name": plugin("rule", (host) => {
    const denied = matcher(["wipe"]);
    host.hooks.permit.tap("rule", (entry, { principal }) => (denied(entry) && !isAdmin(principal) ? false : undefined));
  }),
  "permit, by upstream and native name": plugin("rule", (host) => {
    const denied = matcher(["b:wipe"]);
    host.hooks.permit.tap("rule", (entry, { principal }) => (denied(entry) && !isAdmin(principal) ? false : undefined));
  }),
  "permit, only with the arguments": plugin("rule", (host) => {
    host.hooks.permit.tap("rule", ({ upstream, native }, { principal }, exchange) =>
      exchange && upstream === "b" && native === "wipe" && !isAdmin(principal) ? false : undefined,
    );
  }),
  authorize: plugin("rule", (host) => {
    host.hooks.authorize
      .for("*")
      .tap("rule", async ({ called, principal }) =>
        called?.upstream === "b" && called.native === "wipe" && !isAdmin(principal) ? false : undefined,
      );
  }),
};

const route = (to: { upstream: string; native?: string }): Plugin =>
  plugin("route", (host) => host.hooks.route.tap("route", ({ entry }) => (entry?.native === "safe" ? to : undefined)));

/** Has the tool "safe" answered by a call of the plugin's own. */
const calling = (name: string): Plugin =>
  plugin("calling", (host) =>
    host.hooks.call
      .for("tools/call")
      .tap("calling", (next) => (exchange) => (exchange.entry?.native === "safe" ? exchange.call("tools/call", { name }) : next(exchange))),
  );

const offering = (own: string, name: string): Plugin =>
  plugin("offers", (host) => {
    host.offer({
      tools: {
        [own]: {
          description: "Calls another",
          input: { type: "object" },
          call: async (_args: Json, { exchange }: OfferContext) =>
            (await exchange.call("tools/call", { name })) as { content: { type: "text"; text: string }[] },
        },
      },
    });
  });

interface Way {
  readonly plugins?: readonly Plugin[];
  /** The tool that is called; default: "safe" of the upstream "a". */
  readonly tool?: string;
  readonly endpoint?: string;
  /** "b" is the backup of "a" in a group, and "a" is down. */
  readonly backup?: true;
}

/** Ways to reach the tool. */
const WAYS: Record<string, Way> = {
  "its name": { tool: "wipe" },
  "a route to the upstream and the native name": { plugins: [route({ upstream: "b", native: "wipe" })] },
  "a route that only changes the native name": { plugins: [route({ upstream: "b", native: "wipe" })], tool: "safe" },
  "exchange.call": { plugins: [calling("wipe")] },
  "exchange.call of a tool that is routed": {
    plugins: [
      calling("other"),
      plugin("route", (host) =>
        host.hooks.route.tap("route", ({ entry }) => (entry?.native === "other" ? { upstream: "b", native: "wipe" } : undefined)),
      ),
    ],
  },
  "an offered tool that calls": { plugins: [offering("own", "wipe")], tool: "own" },
  "an offered tool that is routed": {
    plugins: [
      offering("own", "safe"),
      plugin("route", (host) =>
        host.hooks.route.tap("route", ({ entry }) => (entry?.native === "own" ? { upstream: "b", native: "wipe" } : undefined)),
      ),
    ],
    tool: "own",
  },
  "an endpoint": { plugins: [plugin("work", (host) => host.endpoint("work"))], endpoint: "work", tool: "wipe" },
  "an endpoint and a route": {
    plugins: [plugin("work", (host) => host.endpoint("work")), route({ upstream: "b", native: "wipe" })],
    endpoint: "work",
  },
  "an endpoint and exchange.call": { plugins: [plugin("work", (host) => host.endpoint("work")), calling("wipe")], endpoint: "work" },
  "a list that shows it under no name": {
    plugins: [plugin("hide", (host) => host.hooks.list.tap("hide", (entries) => entries.filter(({ native }) => native !== "wipe")))],
    tool: "wipe",
  },
  "a group": { backup: true, tool: "wipe" },
  "a group by exchange.call of an offered tool": { backup: true, plugins: [offering("own", "wipe")], tool: "own" },
};

const GROUP = routing({ groups: { group: { members: ["a", { server: "b", priority: 2 }] } } });

/** Calls as somebody without the role and as an admin. Gives what they got and how often the tool ran for either. @param settings of the server "b" */
async function tried(rules: readonly Plugin[], { plugins = [], tool = "safe", endpoint, backup }: Way, settings: Json = {}) {
  const a = fakeUpstream({ tools: { safe: () => "safe", other: () => "other", ...(backup && { wipe: () => "a's own" }) } });
  const b = fakeUpstream({ tools: { wipe: () => "wiped" } });
  await using host = await createTestHost({
    // The rule last: what is before it in the config has no more rights.
    plugins: [...(backup ? [GROUP] : []), ...plugins, ...rules] as Config["plugins"],
    upstreams: { a, b: { transport: b.transport, ...settings } },
    client: false,
  });
  const connect = (id: string, roles: string[]): Promise<TestClient> =>
    host.connect({ principal: { id, roles }, ...(endpoint && { endpoint }) });
  const ann = await connect("ann", []);
  const bob = await connect("bob", ["admin"]);
  for (const client of [ann, bob]) await client.listTools();
  if (backup) {
    a.fail("down");
    // The first call finds the server gone, if it was not noticed before.
    await expect.poll(() => host.host.status().upstreams[0]?.state).not.toBe("ready");
  }
  const runs = (): number => b.received("tools/call").filter(({ name }) => name === "wipe").length;
  const call = (client: TestClient): Promise<Json | Error> => client.callTool(tool).catch((error: Error) => error);
  const refused = await call(ann);
  const ranForAnn = runs();
  const allowed = await call(bob);
  return { refused, ranForAnn, allowed, ranForBob: runs() - ranForAnn };
}

describe.each(Object.entries(RULES))("%s holds whatever the way", (_name, rule) => {
  test.each(Object.entries(WAYS))("%s", async (_way, way) => {
    const { refused, ranForAnn, allowed, ranForBob } = await tried([rule], way);
    expect(ranForAnn).toBe(0);
    expect(refused instanceof Error || refused.isError === true).toBe(true);
    expect([allowed, ranForBob]).toEqual([expect.objectContaining({ content: [{ type: "text", text: "wiped" }] }), 1]);
  });
});

describe("a tool that the config leaves out is reached by nobody", () => {
  test.each(Object.entries(WAYS))("by %s", async (_way, way) => {
    const { refused, ranForAnn, allowed, ranForBob } = await tried([], way, { tools: { exclude: ["w*"] } });
    expect([ranForAnn, ranForBob]).toEqual([0, 0]);
    for (const each of [refused, allowed]) expect(each instanceof Error || each.isError === true).toBe(true);
    // What the group has is there, and out of reach.
    const words = way.backup
      ? /"?a\\?"? is not available; nothing was sent/
      : new RegExp(`Unknown tool: (${way.tool ?? "safe"}|wipe|other)`);
    expect(refused instanceof Error ? refused.message : JSON.stringify(refused)).toMatch(words);
  });
});

test.each([
  ["before", ["memory:///{+path_of_whatever_is_to_be_read}", "memory:///secret/{id}"]],
  ["behind", ["memory:///secret/{id}", "memory:///{+path_of_whatever_is_to_be_read}"]],
])("a template that is denied is not reached by a wider one %s it, whatever its variables are called", async (_place, templates) => {
  const rule = plugin("rule", (host) =>
    host.hooks.permit.tap("rule", ({ kind, native }) => (kind === "template" && native.includes("secret") ? false : undefined)),
  );
  const up = fakeUpstream({ templates: Object.fromEntries(templates.map((name) => [name, { read: () => "read" }])) });
  await using host = await createTestHost({ plugins: [rule], upstreams: { up } });
  await host.client.readResource("memory:///open");
  await expect(host.client.readResource("memory:///secret/1")).rejects.toMatchObject({ code: -32002 });
  expect(up.received("resources/read")).toHaveLength(1);
});
