import { definePlugin, type PluginHost } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";

/** What the pages of `docs/hooks` say of a throw, hook by hook, as a client sees it: with `onError` as it is, and with `skip`. */

const broken = (): never => {
  throw new Error("broken");
};
const server = () =>
  fakeUpstream({
    tools: {
      talk(_args, { log }) {
        log("warning", "said");
        return "talked";
      },
    },
  });

async function seen(apply: (host: PluginHost) => void, onError?: "skip") {
  const plugin = definePlugin({ name: "thrower", host: "^1.0.0", apply })();
  await using host = await createTestHost({ plugins: [onError ? { use: plugin, onError } : plugin], upstreams: { up: server() } });
  const failure = (error: { data?: { type?: string } }) => error.data?.type ?? "unknown";
  const list = await host.client.listTools().then((tools) => tools.map(({ name }) => name).join(), failure);
  const call = await host.client.callTool("talk").then(({ content }) => (content as { text: string }[])[0]?.text, failure);
  const told = host.client.notifications.filter(({ method }) => method === "notifications/message").length;
  const logged = host.log.some(({ message, plugin: who }) => message === "a plugin failed" && who === "thrower");
  return { list, call, told, logged };
}

const well = { list: "talk", call: "talked", told: 1, logged: true };
const failed = "plugin_failure";

test.each<[string, (host: PluginHost) => void, object, object]>([
  ["discover", ({ hooks }) => hooks.discover.tap("thrower", broken), { list: "", call: "invalid_params", told: 0 }, {}],
  ["merge", ({ hooks }) => hooks.merge.tap("thrower", broken), { list: "", call: "invalid_params", told: 0 }, {}],
  ["route", ({ hooks }) => hooks.route.tap("thrower", broken), { call: failed, told: 0 }, {}],
  [
    "permit",
    ({ hooks }) => hooks.permit.tap("thrower", broken),
    { list: "", call: "invalid_params", told: 0 },
    { list: "", call: "invalid_params", told: 0 },
  ],
  ["list", ({ hooks }) => hooks.list.tap("thrower", broken), { list: failed }, {}],
  ["transform", ({ hooks }) => hooks.transform.for("tools/call").tap("thrower", broken), { call: failed, told: 0 }, {}],
  [
    "authorize",
    ({ hooks }) => hooks.authorize.for("tools/call").tap("thrower", broken),
    { call: failed, told: 0 },
    { call: failed, told: 0 },
  ],
  ["call", ({ hooks }) => hooks.call.for("tools/call").tap("thrower", () => broken), { call: failed, told: 0 }, {}],
  ["respond", ({ hooks }) => hooks.respond.for("tools/call").tap("thrower", broken), { call: failed }, {}],
  ["settled", ({ hooks }) => hooks.settled.tap("thrower", broken), {}, {}],
  ["notify", ({ hooks }) => hooks.notify.tap("thrower", broken), { told: 0 }, {}],
  ["session", ({ hooks }) => hooks.session.tap("thrower", broken), {}, {}],
  ["upstream", ({ hooks }) => hooks.upstream.tap("thrower", broken), {}, {}],
])("a throw in %s", async (_hook, apply, closed, skipped) => {
  expect(await seen(apply)).toEqual({ ...well, ...closed });
  // permit and authorize fail closed all the same.
  expect(await seen(apply, "skip")).toEqual({ ...well, ...skipped });
});

test("a throw in ready stops the start and is told there, unless it is skipped; one in close is logged", async () => {
  await expect(seen(({ hooks }) => hooks.ready.tap("thrower", broken))).rejects.toThrow(/plugin "thrower" failed in ready: .*broken/);
  expect(await seen(({ hooks }) => hooks.ready.tap("thrower", broken), "skip")).toEqual(well);
  expect(await seen(({ hooks }) => hooks.close.tap("thrower", broken))).toEqual({ ...well, logged: false }); // not yet
});
