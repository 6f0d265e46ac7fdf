import { type Config, definePlugin, defineService, type PluginHost, STORE, type Store } from "mcp-host";
import { createTestHost } from "mcp-host/testing";
import { expect, test } from "vitest";
import { MemoryStore } from "../dist/plugin/memory-store.js";

/** A plugin that says when it closes and when its signal is aborted. */
function having(life: string[], name: string, apply: (host: PluginHost) => void, close: (host: PluginHost) => unknown = () => {}) {
  return definePlugin({
    name,
    host: "^1.0.0",
    apply(host) {
      host.signal.addEventListener("abort", () => life.push(`${name} gone`), { once: true });
      host.hooks.close.tap(name, async () => {
        await close(host);
        life.push(`${name} closed`);
      });
      apply(host);
    },
  })();
}

/** Provides stores that can be used until it closes. */
function storing(life: string[]) {
  const memory = new MemoryStore();
  let isClosed = false;
  const store: Store = new Proxy(memory, {
    get(target, key) {
      if (isClosed) throw new Error("the store was closed");
      const member: unknown = Reflect.get(target, key);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const plugin = having(
    life,
    "storing",
    (host) => host.provide(STORE, () => store),
    () => void (isClosed = true),
  );
  return { plugin, memory };
}

const failures = (log: readonly { message: string }[]): unknown[] => log.filter(({ message }) => message.includes("failed"));

test.each(["first", "last"])("what others write in their close reaches a store whose provider stands %s", async (place) => {
  const life: string[] = [];
  const { plugin, memory } = storing(life);
  const kept = having(
    life,
    "kept",
    (host) => void host.store("counts").increment("kept"),
    (host) => host.store("counts").increment("kept"),
  );
  // It asks for the first time when it closes.
  const late = having(
    life,
    "late",
    () => {},
    (host) => host.store("counts").set("late", 1),
  );
  const plugins = place === "first" ? [plugin, kept, late] : [kept, late, plugin];
  const running = await createTestHost({ plugins, client: false });
  await running.close();
  expect([memory.get("kept"), memory.get("late")]).toEqual([2, 1]);
  expect(life).toEqual(["kept closed", "kept gone", "late closed", "late gone", "storing closed", "storing gone"]);
  expect(failures(running.log)).toEqual([]);
});

test("a store outlives what a reload takes out, with its provider and without", async () => {
  const life: string[] = [];
  const { plugin, memory } = storing(life);
  const count = (host: PluginHost) => host.store("counts").increment("closes");
  const [one, two] = ["one", "two"].map((name) => having(life, name, () => {}, count));
  const plugins = [plugin, one, two] as Config["plugins"] & object;
  const running = await createTestHost({ plugins, client: false });
  const reload = async (plugins: Config["plugins"]): Promise<unknown> =>
    (await running.host.reload({ drain: 0, mcpServers: {}, plugins })).plugins;
  expect(await reload([plugin, one] as Config["plugins"])).toMatchObject({ removed: ["two"] });
  expect(await reload([])).toMatchObject({ removed: ["storing", "one"] });
  await running.close();
  expect(memory.get("closes")).toBe(2);
  expect(life.at(-1)).toBe("storing gone");
  expect(failures(running.log)).toEqual([]);
});

test("who provides a service closes behind those who use it, whatever the config's order", async () => {
  const life: string[] = [];
  const [LOWER, UPPER] = [defineService<string>("closing-lower"), defineService<string>("closing-upper")];
  const lower = having(life, "lower", (host) => host.provide(LOWER, "lower"));
  const upper = having(life, "upper", (host) => {
    host.provide(UPPER, "upper");
    host.hooks.ready.tap("upper", () => void host.use(LOWER));
  });
  const user = having(life, "user", (host) => host.hooks.ready.tap("user", () => void host.use(UPPER)));
  const running = await createTestHost({ plugins: [lower, upper, user], client: false });
  await running.close();
  expect(life.filter((each) => each.endsWith("closed"))).toEqual(["user closed", "upper closed", "lower closed"]);
});

test("a circle of providers ends all the same", async () => {
  const life: string[] = [];
  const [A, B] = [defineService<string>("closing-a"), defineService<string>("closing-b")];
  const a = having(life, "a", (host) => {
    host.provide(A, "a");
    host.hooks.ready.tap("a", () => void host.use(B));
  });
  const b = having(life, "b", (host) => {
    host.provide(B, "b");
    host.hooks.ready.tap("b", () => void host.use(A));
  });
  const running = await createTestHost({ plugins: [b, a], client: false });
  await running.close();
  expect(life).toEqual(["b closed", "b gone", "a closed", "a gone"]);
});
