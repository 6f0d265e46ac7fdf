import type { ApprovalOptions } from "@host/plugin-approval";
import { definePlugin, type Json, STORE, type Store } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { type Asked, asked, type Person, textOf } from "./asked.ts";

type Rule = NonNullable<ApprovalOptions["rules"]>[number];
const remembering = (more: Partial<Rule>): ApprovalOptions => ({ rules: [{ ask: "person", ...more }] });
const ada = { id: "key:ada", roles: [] };

/** How often the person is asked for calls with these paths, answering each time for so long. */
async function questions({ client, questions }: Person, ...paths: string[]): Promise<number> {
  const before = questions.length;
  for (const path of paths) expect(textOf(await client.callTool("delete", { path }))).toBe(`deleted ${path}`);
  return questions.length - before;
}

const choosing = (person: Person, answer: string): void => {
  person.answer = () => ({ action: "accept", content: { answer } });
};

const offered = (person: Person): unknown =>
  (person.questions.at(-1) as { requestedSchema: { properties: { answer?: Json } } }).requestedSchema.properties.answer?.enum;

test("the person is offered what the rule lets them choose, and what they choose holds", async () => {
  await using at = await asked(remembering({ remember: "session" }));
  choosing(at.person, "only this call");
  expect(await questions(at.person, "a", "a")).toBe(2);
  expect(offered(at.person)).toEqual(["only this call", "in this session"]);
  expect(at.person.questions[0]?.requestedSchema).toMatchObject({
    properties: { answer: { type: "string", description: "For this tool with exactly these arguments.", default: "only this call" } },
  });
  choosing(at.person, "in this session");
  expect(await questions(at.person, "a", "a", "a")).toBe(1);
  expect(await questions(at.person, "b", "a", "b")).toBe(1);
});

test.each([{}, { answer: "from now on" }, { answer: "for ever" }, { answer: 7 }])(
  "an answer %j that was not offered counts for this call alone",
  async (content) => {
    await using at = await asked(remembering({ remember: "session" }));
    at.person.answer = () => ({ action: "accept", content });
    expect(await questions(at.person, "a", "a")).toBe(2);
  },
);

test("one that covers the tool holds whatever the arguments are", async () => {
  await using at = await asked(remembering({ remember: "session", covers: "tool" }));
  choosing(at.person, "in this session");
  expect(await questions(at.person, "a", "b", "c")).toBe(1);
  expect(at.person.questions[0]?.requestedSchema).toMatchObject({
    properties: { answer: { description: "For this tool whatever its arguments are." } },
  });
});

test("an answer of one session is none of another, and one of a principal is that principal's alone", async () => {
  await using at = await asked(remembering({ remember: "principal" }), { principal: ada });
  const again = await at.connect({ principal: ada });
  const bob = await at.connect({ principal: { id: "key:bob", roles: [] } });
  choosing(at.person, "in this session");
  expect([await questions(at.person, "a", "a"), await questions(again, "a")]).toEqual([1, 1]);
  expect(offered(again)).toEqual(["only this call", "in this session", "from now on"]);
  choosing(at.person, "from now on");
  expect([await questions(at.person, "b"), await questions(again, "b"), await questions(bob, "b")]).toEqual([1, 0, 1]);
  const binding = await at.connect({ principal: { ...ada, binding: "another client" } });
  expect(await questions(binding, "b")).toBe(1);
  const unable = await at.connect({ principal: ada, capabilities: {} });
  expect(await questions(unable, "b")).toBe(0);
});

test("where nobody authenticated, an answer is the session's", async () => {
  await using at = await asked(remembering({ remember: "principal" }));
  choosing(at.person, "in this session");
  expect([await questions(at.person, "a", "a"), offered(at.person)]).toEqual([1, ["only this call", "in this session"]]);
  expect(await questions(await at.connect(), "a")).toBe(1);
});

test("one for a time ends with it", async () => {
  await using at = await asked(remembering({ remember: "30m" }), { principal: ada });
  choosing(at.person, "for 30 minutes");
  expect(await questions(at.person, "a", "a")).toBe(1);
  expect(await questions(await at.connect({ principal: ada }), "a")).toBe(0);
  await at.clock.advance(30 * 60_000 - 1);
  expect(await questions(at.person, "a")).toBe(0);
  await at.clock.advance(1);
  expect(await questions(at.person, "a")).toBe(1);
});

test("a tool that its server describes otherwise is another one", async () => {
  const described = (description: string) => ({ delete: { description, call: ({ path }: Json) => `deleted ${path}` } });
  await using at = await asked(remembering({ remember: "session" }), { tools: described("Deletes.") });
  choosing(at.person, "in this session");
  expect(await questions(at.person, "a", "a")).toBe(1);
  at.up.set({ tools: described("Deletes, and tells others.") });
  await at.person.client.until("notifications/tools/list_changed");
  expect(await questions(at.person, "a", "a")).toBe(1);
});

test("a refusal is not remembered, and an answer of a person is none of an operator", async () => {
  const rules: Rule[] = [
    { when: "arguments.by == 'person'", ask: "person", remember: "session", covers: "tool" },
    { ask: "operator", remember: "session", covers: "tool" },
  ];
  await using at = await asked({ rules });
  at.person.answer = () => ({ action: "decline" });
  await at.person.client.callTool("delete", { by: "person" });
  choosing(at.person, "in this session");
  for (const _ of [1, 2]) await at.person.client.callTool("delete", { by: "person" });
  expect(at.person.questions).toHaveLength(2);
  const call = at.person.client.callTool("delete", { by: "operator" });
  await vi.waitFor(async () => expect((await at.host.host.operator.run("approval:pending")).pending).toHaveLength(1));
  const [{ id }] = (await at.host.host.operator.run("approval:pending")).pending as [{ id: string }];
  await at.host.host.operator.run("approval:approve", { id });
  expect(textOf(await call)).toContain("deleted");
});

test("forgetting has everybody asked again", async () => {
  await using at = await asked(remembering({ remember: "principal" }), { principal: ada });
  choosing(at.person, "from now on");
  expect(await questions(at.person, "a", "a")).toBe(1);
  for (const _ of [1, 2]) {
    await at.host.host.operator.run("approval:forget");
    expect(await questions(at.person, "a", "a")).toBe(1);
  }
});

describe("calls at once", () => {
  /** Calls twice at once; the first question is answered when both have come. */
  async function twice(at: Asked, first: Json): Promise<[string[], number]> {
    let asked = 0;
    const begun = at.begun.length;
    at.person.answer = async () => {
      if (++asked > 1) return { action: "accept", content: {} };
      await vi.waitFor(() => expect(at.begun).toHaveLength(begun + 2));
      return first;
    };
    const calls = [1, 2].map(() => at.person.client.callTool("delete", { path: "a" }));
    return [(await Promise.all(calls)).map((result) => textOf(result).slice(0, 9)), asked];
  }

  test("of what may be remembered ask once, if the answer counts for both", async () => {
    await using at = await asked(remembering({ remember: "session" }));
    expect(await twice(at, { action: "accept", content: { answer: "in this session" } })).toEqual([["deleted a", "deleted a"], 1]);
    expect(await twice(at, {})).toEqual([["deleted a", "deleted a"], 0]);
  });

  test("and each for itself, if it counts for one, or is a no", async () => {
    await using at = await asked(remembering({ remember: "session" }));
    expect(await twice(at, { action: "accept", content: { answer: "only this call" } })).toEqual([["deleted a", "deleted a"], 2]);
    expect(await twice(at, { action: "decline" })).toEqual([["The perso", "deleted a"], 2]);
  });

  test("of what is not remembered are asked about at once", async () => {
    await using at = await asked(remembering({}));
    let open = 0;
    let both = (): void => {};
    const shown = new Promise<void>((resolve) => {
      both = resolve;
    });
    at.person.answer = async () => {
      if (++open === 2) both();
      await shown;
      return { action: "accept" };
    };
    const calls = [1, 2].map(() => at.person.client.callTool("delete", { path: "a" }));
    expect((await Promise.all(calls)).map(textOf)).toEqual(["deleted a", "deleted a"]);
  });
});

test("a store that fails costs a question, never an approval", async () => {
  const fail = () => Promise.reject(new Error("the disk is full"));
  const store = { get: fail, set: fail } as unknown as Store; // what is used of one
  const broken = definePlugin({ name: "broken", host: "^1.0.0", apply: (host) => host.provide(STORE, () => store) });
  await using at = await asked(remembering({ remember: "session" }), { plugins: [broken()] });
  choosing(at.person, "in this session");
  expect(await questions(at.person, "a", "a")).toBe(2);
  expect(at.host.log).toContainEqual(expect.objectContaining({ level: "warn", message: "answers cannot be remembered" }));
});
