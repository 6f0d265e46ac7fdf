import { describe, expect, test } from "vitest";
import { type Alert, AlertTable, MOST_ALERTS } from "../dist/alerts.js";
import { maybeToldBy, planOf, type Told, tidied, toldBy } from "../dist/groups.js";
import type { Condition } from "../dist/kind.js";
import type { Facts } from "../dist/rules.js";
import { bodyOf } from "../dist/templates.js";
import { Window } from "../dist/traffic.js";
import { bytesOf, percentOf, plain, timeOf } from "../dist/words.js";

const FACTS: Facts = {
  ...{ name: "down", kind: "server-down", for: 0, keep: 0, repeat: 1_000, severity: "error" },
  ...{ to: undefined, runbook: undefined },
};
const RULES = new Map([[FACTS.name, FACTS]]);
const bad = (subject: string, summary = "is down"): Condition => ({ subject, is: "bad", summary });

function table(by: readonly "rule"[] = ["rule"]) {
  const dropped: number[] = [];
  const changed: string[] = [];
  const made = new AlertTable({
    ...{ instance: "here", labels: {}, by },
    changed: ({ state, subject }) => changed.push(`${subject} ${state}`),
    dropped: () => dropped.push(1),
  });
  return { made, dropped, changed };
}

const only = (alerts: Iterable<Alert>): Alert => [...alerts][0] ?? expect.fail("there is none");

describe("the table", () => {
  test("has room for so many, and says what it has none for", () => {
    const { made, dropped } = table();
    const conditions = Array.from({ length: MOST_ALERTS + 3 }, (_, index) => bad(`s${index}`));
    expect(made.note(FACTS, { conditions }, 0)).toBe(true);
    expect([...made.all]).toHaveLength(MOST_ALERTS);
    expect(dropped).toHaveLength(3);
    expect(made.note(FACTS, { conditions: conditions.slice(0, MOST_ALERTS) }, 1), "nothing is another").toBe(false);
    made.restore([...made.all, ...made.all]);
    expect([...made.all]).toHaveLength(MOST_ALERTS);
  });

  test("leaves what cannot be seen as it was, and what is named twice is one", () => {
    const { made, changed } = table();
    made.note(FACTS, { conditions: [bad("a"), bad("a"), bad("b")] }, 0);
    expect(made.note(FACTS, { conditions: [{ ...bad("a"), is: "unknown" }], isSettling: true }, 1)).toBe(false);
    expect(changed).toEqual(["a firing", "b firing"]);
    made.note(FACTS, { conditions: [{ ...bad("a"), is: "unknown" }] }, 2);
    expect(changed.at(-1)).toBe("b over");
  });

  test("what comes back before it was told as over begins anew, and is over again where it does not last", () => {
    const { made, changed } = table();
    const slow = { ...FACTS, for: 10 };
    for (const now of [0, 10]) made.note(slow, { conditions: [bad("a")] }, now);
    made.note(slow, { conditions: [] }, 20);
    made.note(slow, { conditions: [bad("a")] }, 30);
    expect(only(made.all).state).toBe("pending");
    expect(made.due(new Map([["down", slow]]))).toBe(40);
    made.note(slow, { conditions: [] }, 35);
    expect(only(made.all)).toMatchObject({ state: "over", endedAt: 20 });
    expect(changed).toEqual(["a firing", "a over"]);
    made.forget(() => false);
    expect([...made.all]).toEqual([]);
  });

  test("has one line of a summary, of bounded length, without what acts on a terminal", () => {
    const { made } = table();
    made.note(FACTS, { conditions: [bad("a", `\u001b[31mred\u001b[0m\n${"x".repeat(10_000)}`)] }, 0);
    const { summary } = only(made.all);
    expect(summary).toMatch(/^\[31mred \[0m x+…$/);
    expect(summary).toHaveLength(500);
  });
});

describe("what is due", () => {
  const receiver = { name: "ops", least: "info", resolved: true } as const;
  const times = { wait: 0, interval: 100 };

  test("a message that may have arrived is sent again, and what it told is told as over all the same", () => {
    const { made } = table();
    made.note(FACTS, { conditions: [bad("a")] }, 0);
    const [message] = planOf(receiver, made.all, {}, RULES, times, 0).messages;
    if (!message) return expect.fail("none is due");
    const { id: first, group } = message;
    const told = { [group]: maybeToldBy(message, undefined) };
    expect(
      planOf(receiver, made.all, told, RULES, times, 150).messages.map(({ id }) => id),
      "the same",
    ).toEqual([first]);
    made.note(FACTS, { conditions: [] }, 2);
    const { messages } = planOf(receiver, made.all, told, RULES, times, 200);
    expect(messages.map(({ firing, resolved }) => [firing.length, resolved.length])).toEqual([[0, 1]]);
    expect(planOf({ ...receiver, resolved: false }, made.all, told, RULES, times, 200).messages).toEqual([]);
  });

  test("repeats by the shortest time of its rules, or never", () => {
    const { made } = table();
    made.note(FACTS, { conditions: [bad("a")] }, 0);
    const [message] = planOf(receiver, made.all, {}, RULES, times, 0).messages;
    const told = { [message?.group ?? ""]: toldBy(message ?? expect.fail("none"), 0) };
    expect(planOf(receiver, made.all, told, RULES, times, 999)).toEqual({ messages: [], next: 1_000 });
    expect(planOf(receiver, made.all, told, RULES, times, 1_000).messages).toHaveLength(1);
    const never = new Map([["down", { ...FACTS, repeat: false as const }]]);
    expect(planOf(receiver, made.all, told, never, times, 1_000)).toEqual({ messages: [], next: undefined });
    const least = planOf({ ...receiver, least: "critical" }, made.all, {}, RULES, times, 0);
    expect(least.messages, "it is not bad enough").toEqual([]);
  });

  test("what is kept of what was told is no more than what is of use", () => {
    const told = (at: number, ...firing: string[]): Told => ({ at, firing });
    const all = { ops: { old: told(1), new: told(50), lasting: told(1, "a", "gone") }, gone: { new: told(50, "a") } };
    expect(tidied(all, new Set(["ops"]), new Set(["a"]), 10)).toEqual({ ops: { new: told(50), lasting: told(1, "a") } });
  });
});

test("a message has at most twenty alerts in words, the worst first", () => {
  const { made } = table([]);
  for (let i = 0; i < 25; i++)
    made.note({ ...FACTS, name: `rule${i}`, severity: i === 24 ? "critical" : "info" }, { conditions: [bad("a", `s${i}`)] }, 0);
  const rules = new Map(Array.from({ length: 25 }, (_, i) => [`rule${i}`, FACTS]));
  const [message] = planOf({ name: "ops", least: "info", resolved: true }, made.all, {}, rules, { wait: 0, interval: 0 }, 0).messages;
  const body = bodyOf({
    receiver: { name: "ops", template: "pagerduty", routingKey: "k" },
    instance: "here",
    message: message ?? expect.fail("none is due"),
  });
  const { payload } = body as { payload: { summary: string; severity: string; custom_details: { firing: string[] } } };
  expect(payload).toMatchObject({ summary: "[here] alerts: 25 firing", severity: "critical" });
  expect(payload.custom_details.firing).toHaveLength(21);
  expect([payload.custom_details.firing[0], payload.custom_details.firing[20]]).toEqual(["s24", "and 5 more"]);
});

test("a window forgets what is too old, and knows latencies well enough", () => {
  const window = new Window(12_000);
  expect(window.quantile(0.95, 0)).toBe(0);
  for (let i = 1; i <= 100; i++) window.add(i % 2 === 0, i * 10, 500);
  expect(window.counts(500)).toEqual({ calls: 100, failures: 50 });
  for (const share of [0.5, 0.95, 0.99]) {
    expect(window.quantile(share, 500)).toBeGreaterThanOrEqual(share * 1_000);
    expect(window.quantile(share, 500)).toBeLessThan(share * 1_000 * 1.13);
  }
  expect(window.counts(11_999).calls).toBe(100);
  expect(window.counts(12_000).calls).toBe(0);
  window.add(true, 10 ** 12, 12_001);
  expect(window.counts(12_001)).toEqual({ calls: 1, failures: 1 });
  expect(window.quantile(0.5, 12_001)).toBeGreaterThan(10 ** 8 / 2);
});

test("figures in words", () => {
  expect([0, 900, 90_000, 5_400_000, 3 * 86_400_000].map(timeOf)).toEqual(["0 ms", "900 ms", "1.5 min", "1.5 h", "3 d"]);
  expect([0, 1_023, 1_536, 5 * 1024 ** 3, 2 ** 60].map(bytesOf)).toEqual(["0 bytes", "1023 bytes", "1.5 KiB", "5 GiB", "1048576 TiB"]);
  expect([percentOf(0.1234), plain("a\u0000\n  b")]).toEqual(["12.3 %", "a b"]);
});
