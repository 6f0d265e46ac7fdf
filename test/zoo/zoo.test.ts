import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Account, compare } from "./compare.mjs";

interface Line {
  server: string;
  version: string;
  equal: Record<string, boolean>;
}

const read = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8"));
const asIs = (value: unknown): unknown => value;

const account: Account = {
  capabilities: { tools: {}, resources: {} },
  lists: {
    tools: { entries: [{ name: "swim", inputSchema: { type: "object" }, extra: [1] }] },
    prompts: { error: { code: -32601, message: "MCP error -32601: Method not found" } },
    resources: { error: { code: -32603, message: "MCP error -32603: no river" } },
    resourceTemplates: { error: { code: -32601, message: "MCP error -32601: Method not found" } },
  },
  answers: [{ name: "tools/call swim", result: { content: [], _meta: { at: "12:00" } } }],
};
/** What is right behind the host. */
const behind: Account = {
  ...account,
  capabilities: { tools: { listChanged: true }, resources: { listChanged: true } },
  lists: {
    ...account.lists,
    prompts: { error: { code: -32601, message: "MCP error -32601: Nobody has prompts" } },
    resources: { entries: [], incomplete: "resources/list failed: no river" },
    resourceTemplates: { entries: [] },
  },
};

test("the last run of the zoo had the servers that are pinned, and found all of them equal", () => {
  const { dependencies } = read("package.json") as { dependencies: Record<string, string> };
  const { "@modelcontextprotocol/sdk": _client, ...servers } = dependencies;
  const lines = read("results.json") as Line[];
  expect(Object.fromEntries(lines.map(({ server, version }) => [server, version])), "run `npm run zoo`").toEqual(servers);
  for (const { server, equal } of lines) expect(equal, server).toEqual({ host: true, plugins: true });
});

test("what the host promises and says itself makes no difference", () => {
  expect(compare(account, behind, asIs)).toEqual([]);
});

test.each<[string, Partial<Account>, string]>([
  ["a capability that is gone", { capabilities: { resources: {} } }, "/capabilities/tools"],
  [
    "a field that is gone",
    { lists: { ...behind.lists, tools: { entries: [{ name: "swim", inputSchema: { type: "object" } }] } } },
    "/lists/tools/entries/0/extra",
  ],
  ["a list that is empty without a word", { lists: { ...behind.lists, resources: { entries: [] } } }, "/lists/resources/failed"],
  ["a list where nobody has one", { lists: { ...behind.lists, prompts: { entries: [] } } }, "/lists/prompts/refused"],
  [
    "a field of an answer",
    { answers: [{ name: "tools/call swim", result: { content: [], _meta: { at: "12:01" } } }] },
    "/answers/0/result/_meta/at",
  ],
])("%s is a difference, with its place", (_what, change, place) => {
  const [first] = compare(account, { ...behind, ...change }, asIs);
  expect(first).toMatch(new RegExp(`^${place}: `));
});

test("what is settled is none", () => {
  const later = { ...behind, answers: [{ name: "tools/call swim", result: { content: [], _meta: { at: "12:01" } } }] };
  expect(compare(account, later, (value, key) => (key === "at" ? "<time>" : value))).toEqual([]);
});
