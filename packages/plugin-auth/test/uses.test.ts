import { auth } from "@host/plugin-auth";
import { definePlugin, type Json, type PluginHost } from "mcp-host";
import { createTestHost, FakeClock } from "mcp-host/testing";
import { expect, test } from "vitest";
import { newKey } from "../dist/keys.js";
import { KeyUses } from "../dist/uses.js";

/** A store that counts, and fails when it is told to. */
function counting() {
  const values = new Map<string, unknown>();
  const seen = { writes: 0, fails: false };
  const store = {
    get: (key: string) => values.get(key),
    set: (key: string, value: unknown) => {
      seen.writes++;
      if (seen.fails) return Promise.reject(new Error("the store is gone"));
      values.set(key, value);
      return undefined;
    },
  };
  return { values, seen, store: () => store as unknown as ReturnType<PluginHost["store"]> }; // the rest is not asked for
}

test("uses are known at once, and written once a minute and at the end", async () => {
  const clock = new FakeClock();
  const { seen, values, store } = counting();
  const uses = new KeyUses({ store, clock: clock as unknown as PluginHost["clock"] }, () => {}); // only its time is asked for
  for (let time = 0; time < 1_000; time++) uses.note("busy", "192.0.2.1");
  expect(seen.writes).toBe(1);
  await clock.advance(59_000);
  uses.note("busy", "192.0.2.2");
  uses.note("other", "192.0.2.3");
  expect(seen.writes).toBe(2);
  expect(await uses.look(["busy"])).toEqual(new Map([["busy", expect.objectContaining({ at: clock.now(), from: "192.0.2.2" })]]));
  expect(Object.keys(uses.told()).sort()).toEqual(["busy", "other"]);
  await uses.close();
  expect(seen.writes).toBe(3);
  expect(values.get("used:busy")).toEqual({ at: clock.now(), from: "192.0.2.2" });
});

test("what another host wrote later is taken over, what it wrote before is not, and what is none is left", async () => {
  const clock = new FakeClock();
  const { values, store } = counting();
  const uses = new KeyUses({ store, clock: clock as unknown as PluginHost["clock"] }, () => {}); // as above
  uses.note("a", "here");
  uses.note("b", "here");
  values.set("used:a", { at: clock.now() + 1, from: "there" });
  values.set("used:b", { at: clock.now() - 1, from: "there" });
  values.set("used:c", "nothing");
  const known = await uses.look(["a", "b", "c"]);
  expect([...known].map(([id, { from }]) => [id, from])).toEqual([
    ["a", "there"],
    ["b", "here"],
  ]);
});

test("a store that fails is told, and refuses nobody", async () => {
  const { seen, store } = counting();
  seen.fails = true;
  const reasons: string[] = [];
  const uses = new KeyUses({ store, clock: new FakeClock() as unknown as PluginHost["clock"] }, (reason) => reasons.push(reason)); // as above
  uses.note("a", "here");
  await uses.close();
  expect(reasons).toEqual(["the store is gone"]);
  expect(await uses.look(["a"])).toHaveProperty("size", 1);
});

test("it survives a reload in the host's store, and no more than 20 keys are in the report", async () => {
  const given: { host?: PluginHost } = {};
  const look = definePlugin({
    name: "look",
    host: "^1.0.0",
    apply(host) {
      given.host = host;
      host.hooks.settled.tap("look", () => {});
    },
  });
  const pepper = "a pepper that only tests know";
  const keys = Array.from({ length: 30 }, (_, n) => ({ id: `k${n}`, digest: newKey(`k${n}`, pepper).digest }));
  const plugin = (more: Json = {}) => auth({ apiKeys: { pepper, keys }, ...more });
  await using running = await createTestHost({ plugins: [plugin(), look()] });
  for (const [index, { id }] of keys.entries()) await given.host?.store("auth").set(`used:${id}`, { at: index + 1, from: "there" });
  await running.host.reload({ drain: 0, mcpServers: {}, plugins: [plugin({ claims: ["team"] }), look()] });
  const { used } = running.host.reports().auth as { used: Record<string, string> };
  expect(Object.keys(used)).toHaveLength(20);
  expect(Object.keys(used)[0]).toBe("k29");
  expect(used.k29).toBe("1970-01-01T00:00:00.030Z from there");
});
