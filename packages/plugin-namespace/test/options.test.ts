import { type NamespaceOptions, namespace } from "@host/plugin-namespace";
import { createHost } from "mcp-host";
import { describe, expect, test } from "vitest";

/** What a host with these servers says of the options; none of them is ever connected to. */
async function problemsOf(keys: readonly string[], options: unknown): Promise<string> {
  const mcpServers = Object.fromEntries(keys.map((key) => [key, { url: "http://127.0.0.1:9/mcp" }]));
  // A config file can say what the types forbid.
  const host = createHost({ mcpServers, plugins: [namespace(options as NamespaceOptions)] });
  try {
    await host.start();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await host.close();
  }
}

describe("upstreams whose names could not be told apart", () => {
  test.each([
    [["a", "a__b"], {}, '"a__b" and "a"'],
    [["a__b", "a"], {}, '"a__b" and "a"'],
    [["a", "a_"], {}, '"a_" and "a"'],
    [["a", "a.b"], { separator: "." }, '"a.b" and "a"'],
    [["a", "b"], { prefixes: { b: "a__b" } }, '"b" and "a"'],
  ])("%j with %j are refused", async (keys, options, pair) => {
    const message = await problemsOf(keys, options);
    expect(message).toContain(`upstreams ${pair} could come to the same names`);
    expect(message).toContain('choose another "separator"');
    expect(message).toContain('"prefixes"');
  });

  test.each([
    [["a__b"], {}],
    [["a__b", "b", "ab"], {}],
    [["a", "a__b"], { separator: "-" }],
    [["a", "a__b"], { prefixes: { a__b: "ab" } }],
    [["a", "a__b"], { prefixes: { a: "" } }],
    [["a", "b"], { prefixes: { a: "x", b: "x" } }],
  ])("%j with %j are not", async (keys, options) => {
    expect(await problemsOf(keys, options)).toBe("");
  });
});

test("every mistake is told at once, with its place and what was probably meant", async () => {
  const message = await problemsOf(["files", "search"], {
    prefixes: { fils: "f" },
    names: { "serch:find": "find", "nothing-like-it:x": "x", "files:a": "same", "search:b": "same", "files:c": "c".repeat(65) },
  });
  expect(message.split("\n")).toEqual([
    'plugin "namespace": options.prefixes["fils"]: no upstream is called "fils" (did you mean "files"?)',
    'plugin "namespace": options.names["serch:find"]: no upstream is called "serch" (did you mean "search"?)',
    'plugin "namespace": options.names["nothing-like-it:x"]: no upstream is called "nothing-like-it"; there are files, search',
    'plugin "namespace": options.names["search:b"]: "same" is the name of "files:a" already; choose another',
    expect.stringContaining("has 65 characters and maxLength is 48; shorten it or raise maxLength"),
  ]);
});

test("without any upstream the error says so", async () => {
  expect(await problemsOf([], { prefixes: { files: "f" } })).toContain("there is none at all");
});

test.each([
  [{ strategie: "prefix" }, 'no such option (did you mean "strategy"?)'],
  [{ strategy: "suffix" }, "options.strategy"],
  [{ separator: "" }, "options.separator: must be 1 to 8"],
  [{ separator: "/" }, "options.separator: must be 1 to 8"],
  [{ prefixes: { files: "a b" } }, "options.prefixes.files: must be at most 64"],
  [{ names: { read: "look" } }, "options.names.read"],
  [{ names: { "files:read": "look at" } }, "options.names.files:read: must be 1 to 128"],
  [{ maxLength: 15 }, "options.maxLength"],
  [{ maxLength: 129 }, "options.maxLength"],
])("%j is refused by the schema", async (options, message) => {
  expect(await problemsOf(["files"], options)).toContain(message);
});

test("two hosts in one process share nothing", async () => {
  expect(await problemsOf(["files"], { names: { "files:read": "look" } })).toBe("");
  expect(await problemsOf(["other"], { names: { "other:read": "look" } })).toBe("");
});
