import type { ApprovalOptions } from "@host/plugin-approval";
import { definePlugin } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { asked, textOf } from "./asked.ts";

type Rules = NonNullable<ApprovalOptions["rules"]>;

/** Tools with each kind of annotations. */
const ANNOTATED = {
  plain: () => "",
  reading: { annotations: { readOnlyHint: true }, call: () => "" },
  adding: { annotations: { destructiveHint: false }, call: () => "" },
  again: { annotations: { idempotentHint: true }, call: () => "" },
  closed: { annotations: { readOnlyHint: true, openWorldHint: false }, call: () => "" },
  odd: { annotations: { readOnlyHint: "yes", destructiveHint: null }, call: () => "" },
};

/** Which of the tools are asked about. */
async function about(rules: Rules | undefined, trust: string[] = ["files"]): Promise<string[]> {
  await using at = await asked({ ...(rules && { rules }), trust }, { tools: ANNOTATED });
  const names: string[] = [];
  for (const name of Object.keys(ANNOTATED)) {
    const before = at.person.questions.length;
    await at.person.client.callTool(name);
    if (at.person.questions.length > before) names.push(name);
  }
  return names;
}

describe("annotations", () => {
  test.each([
    ["destructive", ["plain", "again", "odd"]],
    ["not read-only", ["plain", "adding", "again", "odd"]],
    ["read-only", ["reading", "closed"]],
    ["not idempotent", ["plain", "adding", "odd"]],
    ["open-world", ["plain", "reading", "adding", "again", "odd"]],
    [["read-only", "destructive"] as const, ["plain", "reading", "again", "closed", "odd"]],
  ] as const)("%s, with the specification's defaults", async (annotations, names) => {
    expect(await about([{ annotations: typeof annotations === "string" ? annotations : [...annotations], ask: "person" }])).toEqual(names);
  });

  test("of servers that are not trusted say nothing: all of their tools are asked about, and that is the default", async () => {
    expect(await about(undefined, [])).toEqual(Object.keys(ANNOTATED));
    expect(await about(undefined)).toEqual(["plain", "again", "odd"]);
    expect(await about([{ annotations: "read-only", allow: true }, { ask: "person" }], [])).toEqual(Object.keys(ANNOTATED));
  });
});

test("the first rule that matches decides, by name, by server and by condition; what none matches passes", async () => {
  const rules: Rules = [
    { match: ["files:read"], allow: true },
    { match: ["delete"], when: 'arguments.path.startsWith("/tmp/")', allow: true },
    { match: ["delete"], when: 'arguments.path.startsWith("/etc/")', deny: true, reason: "nothing in /etc is deleted" },
    { match: ["files:*"], ask: "person" },
  ];
  await using at = await asked({ rules });
  const call = async (name: string, args = {}) => {
    const before = at.person.questions.length;
    const text = textOf(await at.person.client.callTool(name, args));
    return [text, at.person.questions.length - before];
  };
  expect(await call("read")).toEqual(["read", 0]);
  expect(await call("delete", { path: "/tmp/a" })).toEqual(["deleted /tmp/a", 0]);
  expect(await call("delete", { path: "/home/a" })).toEqual(["deleted /home/a", 1]);
  expect(await call("delete", { path: "/etc/passwd" })).toEqual([
    'The rules of this host forbid this call of "delete" (nothing in /etc is deleted). Nothing was done. Do not call it again unchanged: ask the person what to do instead, or go on without it.',
    0,
  ]);
  await using open = await asked({ rules: [{ match: ["files:other"], deny: true }] });
  expect(textOf(await open.person.client.callTool("delete", { path: "a" }))).toBe("deleted a");
});

test("a condition that cannot be decided lets nothing pass unasked", async () => {
  await using at = await asked({
    rules: [{ when: "arguments.size < 10", allow: true }, { when: "arguments.size > 100", deny: true }, { ask: "person" }],
  });
  expect(textOf(await at.person.client.callTool("delete", { size: 5 }))).toContain("deleted");
  expect(textOf(await at.person.client.callTool("delete", { size: "5" }))).toContain("forbid");
  expect(at.up.received("tools/call")).toHaveLength(1);
});

test("a route to another tool is judged by what is really called, too, and is not allowed by the name alone", async () => {
  const router = definePlugin({
    name: "router",
    host: "^1.0.0",
    apply: (host) => host.hooks.route.tap("router", () => ({ upstream: "spare", native: "wipe" })),
  });
  const spare = fakeUpstream({ tools: { wipe: () => "wiped" } });
  for (const rules of [
    [{ match: ["spare:wipe"], ask: "person" }],
    [{ match: ["read"], allow: true }, { ask: "person" }],
  ] satisfies Rules[]) {
    await using at = await asked({ rules }, { plugins: [router()], upstreams: { spare } });
    expect(textOf(await at.person.client.callTool("read", {}))).toBe("wiped");
    expect(at.person.questions.map(({ message }) => message)).toEqual([
      expect.stringContaining('    Server: "spare"\n    Tool: "wipe", called as "read"\n'),
    ]);
  }
});
