import { namespace } from "@host/plugin-namespace";
import { describe, expect, test, vi } from "vitest";
import { listed } from "./listing.ts";

const names = (tools: [string, string][]): string[] => tools.map(([name]) => name);

describe("prefix", () => {
  test("every tool and prompt gets its upstream's key, in the order of config and lists", async () => {
    await using host = await listed({ zeta: { tools: ["read", "a"], prompts: ["greet"] }, alpha: { tools: ["read"], prompts: ["greet"] } });
    expect(await host.tools()).toEqual([
      ["zeta__read", "zeta:read"],
      ["zeta__a", "zeta:a"],
      ["alpha__read", "alpha:read"],
    ]);
    expect(await host.prompts()).toEqual(["zeta__greet", "alpha__greet"]);
  });

  test("separator and prefixes are the operator's, and an empty prefix leaves names as they are", async () => {
    await using host = await listed(
      { one: { tools: ["read"] }, two: { tools: ["read"] }, three: { tools: ["read"] } },
      { separator: ".", prefixes: { two: "second", three: "" } },
    );
    expect(names(await host.tools())).toEqual(["one.read", "second.read", "read"]);
  });

  test("a prefix may be called like a property that every object has", async () => {
    await using host = await listed({ constructor: { tools: ["read"] }, toString: { tools: ["read"] } });
    expect(names(await host.tools())).toEqual(["constructor__read", "toString__read"]);
  });

  test("characters that no name may have are replaced", async () => {
    await using host = await listed({ one: { tools: ["délete file/s 🙂"], prompts: ["Say hello"] } });
    expect(names(await host.tools())).toEqual(["one__d_lete_file_s__"]);
    expect(await host.prompts()).toEqual(["one__Say_hello"]);
  });
});

describe("conflict", () => {
  test("names that nobody else has stay as they are; of those that several have, each gets its prefix", async () => {
    await using host = await listed(
      { one: { tools: ["read", "only"], prompts: ["greet"] }, two: { tools: ["read", "greet"], prompts: ["plain"] } },
      { strategy: "conflict" },
    );
    // A tool and a prompt of one name are no conflict: they are asked for by different methods.
    expect(names(await host.tools())).toEqual(["one__read", "only", "two__read", "greet"]);
    expect(await host.prompts()).toEqual(["greet", "plain"]);
  });

  test("a name that was once shared keeps its prefix when the other is gone, and is never given to somebody else", async () => {
    await using host = await listed({ one: { tools: ["read"] }, two: { tools: [] } }, { strategy: "conflict" });
    expect(names(await host.tools())).toEqual(["read"]);
    host.relist("two", { tools: ["read"] });
    await vi.waitFor(async () => expect(names(await host.tools())).toEqual(["one__read", "two__read"]));
    host.relist("one", { tools: [] });
    await vi.waitFor(async () => expect(names(await host.tools())).toEqual(["two__read"]));
    expect(host.withheld()).toEqual([]);
  });

  test("a name that its first owner dropped goes to the second with a prefix", async () => {
    await using host = await listed({ one: { tools: ["read"] }, two: { tools: [] } }, { strategy: "conflict" });
    expect(names(await host.tools())).toEqual(["read"]);
    host.relist("one", { tools: [] });
    await vi.waitFor(async () => expect(names(await host.tools())).toEqual([]));
    host.relist("two", { tools: ["read"] });
    await vi.waitFor(async () => expect(names(await host.tools())).toEqual(["two__read"]));
  });

  test("an upstream that lists another's prefixed name takes nothing away: both get other names", async () => {
    await using host = await listed(
      { one: { tools: ["read"] }, two: { tools: ["read"] }, evil: { tools: ["one__read"] } },
      { strategy: "conflict" },
    );
    expect(await host.tools()).toEqual([
      [expect.stringMatching(/^one__read_[0-9a-f]{8}$/), "one:read"],
      ["two__read", "two:read"],
      ["evil__one__read", "evil:one__read"],
    ]);
  });
});

test("an alias that another upstream had first is never taken from it: its entry is withheld", async () => {
  const servers = { one: { tools: ["read"] }, two: { tools: ["read"] }, evil: {} };
  const options = { prefixes: { one: "", two: "", evil: "" } };
  let alias = "";
  {
    await using host = await listed(servers, options);
    alias = (await host.tools())[0]?.[0] ?? "";
  }
  await using host = await listed({ one: { tools: [] }, two: servers.two, evil: { tools: [alias] } }, options);
  expect(names(await host.tools())).toEqual(["read", alias]);
  host.relist("one", servers.one);
  await vi.waitFor(async () =>
    expect(await host.tools()).toEqual([
      [expect.stringMatching(/^read_/), "two:read"],
      [expect.stringMatching(new RegExp(`^${alias}_[0-9a-f]{8}$`)), `evil:${alias}`],
    ]),
  );
  expect(host.withheld()).toMatchObject([{ name: alias, upstream: "one", reason: expect.stringContaining('belongs to upstream "evil"') }]);
});

describe("names", () => {
  test("an override is the exposed name of that tool or prompt, whatever the strategy", async () => {
    for (const strategy of ["prefix", "conflict"] as const) {
      await using host = await listed(
        { one: { tools: ["read"], prompts: ["a:b"] }, two: { tools: ["read"] } },
        { strategy, names: { "one:read": "look", "one:a:b": "ask" }, prefixes: { two: "" } },
      );
      expect(await host.tools()).toEqual([
        ["look", "one:read"],
        ["read", "two:read"],
      ]);
      expect(await host.prompts()).toEqual(["ask"]);
    }
  });

  test("an override is the operator's word: another entry of that name gives way, even if it was there first", async () => {
    await using host = await listed(
      { one: { tools: ["look"] }, two: { tools: [] } },
      { strategy: "conflict", names: { "two:read": "look" } },
    );
    expect(names(await host.tools())).toEqual(["one__look"]);
    host.relist("two", { tools: ["read"] });
    await vi.waitFor(async () =>
      expect(await host.tools()).toEqual([
        ["one__look", "one:look"],
        ["look", "two:read"],
      ]),
    );
  });

  test("an override that fits nothing is told once, one that fits is not", async () => {
    await using host = await listed({ one: { tools: ["read"] } }, { names: { "one:raed": "look", "one:read": "see" } });
    await host.tools();
    const told = host.logs.filter(({ key }) => key === "one:raed" || key === "one:read");
    expect(told).toMatchObject([{ level: "warn", key: "one:raed", plugin: "namespace" }]);
  });
});

describe("two entries that come to one name", () => {
  test("both get their aliases and a warning is logged", async () => {
    await using host = await listed({ one: { tools: ["read"] }, two: { tools: ["read", "other"] } }, { prefixes: { one: "", two: "" } });
    const tools = await host.tools();
    expect(tools).toEqual([
      [expect.stringMatching(/^read_[0-9a-f]{8}$/), "one:read"],
      [expect.stringMatching(/^read_[0-9a-f]{8}$/), "two:read"],
      ["other", "two:other"],
    ]);
    expect(new Set(names(tools)).size).toBe(3);
    expect(host.logs).toContainEqual(
      expect.objectContaining({ level: "warn", kind: "tool", name: "read", first: "one:read", second: "two:read" }),
    );
  });

  test("two names that only differ in characters that were replaced are kept apart", async () => {
    await using host = await listed({ one: { tools: ["a b", "a/b", "a_b"] } });
    const tools = names(await host.tools());
    expect(tools).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^one__a_b_[0-9a-f]{8}$/)));
    expect(new Set(tools).size).toBe(3);
  });

  test("a server that lists one tool twice has the second withheld", async () => {
    await using host = await listed({ one: { tools: ["read", "read"] } });
    expect(names(await host.tools())).toEqual(["one__read"]);
    expect(host.withheld()).toEqual([
      {
        kind: "tool",
        name: "one__read",
        upstream: "one",
        reason: 'the name is taken by "read" of the same upstream, which lists it more than once',
      },
    ]);
  });
});

describe("the budget", () => {
  const long = "the_quick_brown_fox_jumps_over_the_lazy_dog_a"; // 45 characters
  const alias = async (servers: Parameters<typeof listed>[0], options?: Parameters<typeof listed>[1]): Promise<string> => {
    await using host = await listed(servers, options);
    const tools = await host.tools();
    return tools.find(([, owner]) => owner === `files:${long}`)?.[0] ?? "";
  };

  test("a name that just fits stays, one more character makes it an alias of exactly the budget", async () => {
    await using host = await listed({ a: { tools: [long, `${long}x`] } });
    const [fits, aliased] = names(await host.tools());
    expect(fits).toBe(`a__${long}`);
    expect(aliased).toMatch(/^a__the_quick_.*_[0-9a-f]{8}$/);
    expect(aliased).toHaveLength(48);
  });

  test("an alias is the same whatever else there is, in any order", async () => {
    const files = { tools: [long] };
    const alone = await alias({ files });
    expect(alone).toMatch(/^files__the_quick_brown_.*_[0-9a-f]{8}$/);
    expect(await alias({ other: { tools: [long, "x"] }, files })).toBe(alone);
    expect(await alias({ files: { tools: ["x", `${long}2`, long] }, other: { tools: [long] } })).toBe(alone);
  });

  test("it keeps its hash when prefix or budget change, and names too long without a prefix get one too", async () => {
    const alone = await alias({ files: { tools: [long] } });
    const shorter = await alias({ files: { tools: [long] } }, { maxLength: 32, prefixes: { files: "" } });
    expect(shorter).toBe(`the_quick_brown_fox_jum_${alone.slice(-8)}`);
    expect(await alias({ files: { tools: [long] } }, { strategy: "conflict", maxLength: 32 })).toBe(shorter);
  });

  test("a prefix that fills the budget leaves the hash", async () => {
    const key = "k".repeat(64);
    await using host = await listed({ [key]: { tools: ["a", "b"] } });
    const tools = names(await host.tools());
    expect(tools).toEqual(Array.from({ length: 2 }, () => expect.stringMatching(/^k{39}_[0-9a-f]{8}$/)));
    expect(new Set(tools).size).toBe(2);
  });
});

test("it carries the version of its package", async () => {
  const { version } = (await import("../package.json", { with: { type: "json" } })).default;
  expect(namespace.definition.version).toBe(version);
});
