import { resilience } from "@host/plugin-resilience";
import { createHost } from "mcp-host";
import { expect, test } from "vitest";

/** What the host says of these options, for the servers `files` and `search`. */
async function problems(options: unknown): Promise<readonly string[]> {
  const url = "http://127.0.0.1:9/mcp";
  const mcpServers = { files: { url, start: "lazy" as const }, search: { url, start: "lazy" as const } };
  const plugin = resilience(options as Parameters<typeof resilience>[0]); // a config file can say what the types forbid
  try {
    await createHost({ mcpServers, plugins: [plugin] }).prepare();
    return [];
  } catch (error) {
    return (error as { problems: string[] }).problems;
  }
}

test("a server that is not configured is an error with a suggestion, in servers and in globs", async () => {
  expect(await problems({ servers: { serch: {} }, tools: [{ match: ["read_*", "file:read", "https://x/*"], timeout: {} }] })).toEqual([
    'plugin "resilience": options.servers["serch"]: no upstream is called "serch" (did you mean "search"?)',
    'plugin "resilience": options.tools[0].match[1]: no upstream is called "file" (did you mean "files"?)',
  ]);
  expect(await problems({ servers: { completely: {} } })).toEqual([
    'plugin "resilience": options.servers["completely"]: no upstream is called "completely"; there are files, search',
  ]);
});

test("bounds that are the wrong way round are errors, wherever they come together", async () => {
  expect(await problems({ defaults: { breaker: { openFor: "10m" } } })).toEqual([
    'plugin "resilience": options.defaults.breaker: "openFor" is longer than "maxOpenFor"; raise "maxOpenFor"',
  ]);
  expect(
    await problems({ defaults: { breaker: { maxOpenFor: "10s", openFor: "5s" } }, servers: { files: { breaker: { openFor: "20s" } } } }),
  ).toEqual(['plugin "resilience": options.servers["files"].breaker: "openFor" is longer than "maxOpenFor"; raise "maxOpenFor"']);
  expect(
    await problems({ tools: [{ match: ["a"], retry: { backoff: "3s" } }], servers: { search: { retry: { backoff: "5s" } } } }),
  ).toEqual([
    'plugin "resilience": options.tools[0].retry: "backoff" is longer than "maxBackoff"; raise "maxBackoff"',
    'plugin "resilience": options.servers["search"].retry: "backoff" is longer than "maxBackoff"; raise "maxBackoff"',
  ]);
  expect(await problems({ defaults: { breaker: { consecutive: false } } })).toEqual([
    'plugin "resilience": options.defaults.breaker: without "consecutive" and "ratio" it would never open; set one, or turn it off with "breaker": false',
  ]);
});

test("values of the wrong form are errors at their place", async () => {
  expect(await problems({ defaults: { breaker: { ratio: { calls: 10, minimum: 11 } } } })).toEqual([
    expect.stringContaining("plugins[0].options.defaults.breaker"),
  ]);
  expect(await problems({ tools: [{ match: ["a"], fallback: {} }] })).toEqual([
    expect.stringMatching(/^plugins\[0\]\.options\.tools\[0\]\.fallback: needs "text" or "structured"/),
  ]);
  expect(await problems({ defaults: { timeout: { idle: 0 } } })).toEqual([expect.stringContaining("plugins[0].options.defaults.timeout")]);
  expect(await problems({ tools: [{ match: [], timeout: {} }] })).toEqual([expect.stringContaining("plugins[0].options.tools[0].match")]);
});

test("good ones are taken, and everything off is no tap in the way", async () => {
  expect(await problems({})).toEqual([]);
  expect(
    await problems({
      defaults: { breaker: false, retry: false, bulkhead: false },
      servers: { files: { breaker: { ratio: {} }, timeout: { idle: "5s" } } },
      tools: [{ match: ["files:*"], retry: { retries: 1 }, fallback: { text: "later" } }],
    }),
  ).toEqual([]);
});
