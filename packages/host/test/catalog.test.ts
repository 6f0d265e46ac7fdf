import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import type { Entry } from "../dist/exchange/entry.js";
import { createLogger } from "../dist/log.js";
import { Catalog, type View } from "../dist/pipeline/catalog.js";
import { Directory } from "../dist/pipeline/directory.js";
import { NameRegistry } from "../dist/pipeline/name-registry.js";
import { Announcer } from "../dist/session/announcer.js";
import type { Session } from "../dist/session/session.js";

type Options = ConstructorParameters<typeof Catalog>[0];
const catalog = (hooks: Partial<Options["hooks"]> = {}): Catalog =>
  new Catalog({
    hooks: hooks as Options["hooks"],
    log: createLogger({ level: "error" }),
    names: new NameRegistry(),
    limit: 20_000,
    upstreams: new Map(),
    changed() {},
  });

const view = (upstream: string, tools: readonly string[]): View => ({
  upstream: { key: upstream, wire: "http", isolation: "shared" },
  entries: tools.map((name) => ({ kind: "tool", name, upstream, native: name, definition: { name } })),
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("one join serves everybody with the same views, and goes with the views that it is of", async () => {
  const joined = catalog();
  const steady = view("a", ["x"]);
  let changing = view("b", ["y"]);
  expect(joined.offer([steady, changing])).toBe(joined.offer([steady, changing]));
  const stale: WeakRef<object>[] = [];
  for (let change = 0; change < 5; change++) {
    stale.push(new WeakRef(joined.offer([steady, changing])));
    changing = view("b", [`y${change}`]);
  }
  await vi.waitFor(() => {
    collect();
    expect(stale.filter((offer) => offer.deref() !== undefined)).toEqual([]);
  });
});

test("looking does not give names away", () => {
  const shown = catalog();
  const [a, b] = [view("a", ["x"]), view("b", ["x"])];
  expect(shown.survey([b]).entries.map(({ upstream }) => upstream)).toEqual(["b"]);
  expect(shown.offer([a, b]).entries.map(({ upstream }) => upstream)).toEqual(["a"]);
});

test("a plugin may look at the catalog from within `merge`", () => {
  const merged = vi.fn((entries: readonly Entry[]) => [...entries, ...looked.entries()]);
  const looked = catalog({ merge: merged });
  new Directory(looked, new Map(), { ttl: 0 });
  expect(looked.entries()).toEqual([]);
  expect(merged).toHaveBeenCalledTimes(1);
});

/** Sessions that share one offer, and what it costs to compare what they are shown with what they were. */
function announcing(sessions: number, principals: readonly object[], hooks: Partial<Options["hooks"]>) {
  const joined = catalog(hooks);
  const directory = new Directory(joined, new Map(), { ttl: 0 });
  let offer = joined.offer([view("a", ["x"])]);
  vi.spyOn(directory, "offer").mockImplementation(() => offer);
  const all = Array.from({ length: sessions }, (_, n) => {
    const news: string[] = [];
    return {
      principal: principals[n % principals.length],
      latest: { info: {}, version: "" },
      isToldOfLists: true,
      shown: new Map(),
      news,
      listChanged: (list: string) => void news.push(list),
    };
  });
  // Only what the announcer touches of a session.
  const announcer = new Announcer(directory, () => all as unknown as Session[]);
  for (const session of all) announcer.shown(session as unknown as Session);
  return {
    all,
    shown: vi.spyOn(joined, "shown"),
    async change() {
      offer = joined.offer([view("a", ["x", "y"])]);
      announcer.listed();
      await vi.waitFor(() => expect(all.map(({ news }) => news)).toEqual(all.map(() => ["tools"])));
    },
  };
}

test("an announcement to many sessions looks through a shared offer once", async () => {
  const { shown, change } = announcing(50, [{ id: "anonymous", roles: [] }], {});
  await change();
  expect(shown.mock.calls.length).toBeLessThanOrEqual(4);
});

test("an announcement asks `permit` once for sessions with the same principal, roles and claims", async () => {
  const principals = [
    { id: "alice", roles: [] },
    { id: "alice", roles: ["admin"] },
    { id: "alice", roles: [], claims: { scope: "all" } },
    { id: "bob", roles: [] },
  ];
  const permit = vi.fn(() => undefined);
  const { change } = announcing(40, principals, { permit });
  permit.mockClear();
  await change();
  expect(permit.mock.calls.length).toBe(2 * principals.length);
});
