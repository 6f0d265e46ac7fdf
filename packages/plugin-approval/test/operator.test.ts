import { expect, test, vi } from "vitest";
import { print } from "../dist/commands/print.js";
import { type Asked, asked, textOf } from "./asked.ts";

const EITHER = { rules: [{ match: ["delete"], ask: "either" as const, remember: "session" as const, deadline: "1m" as const }] };
const OPERATOR = { rules: [{ match: ["delete"], ask: "operator" as const, deadline: "1m" as const }] };

interface Pending {
  id: string;
  choices: string[];
}

/** What waits, once so many calls do. */
async function pending(at: Asked, count = 1): Promise<Pending[]> {
  return vi.waitFor(async () => {
    const { pending } = (await at.host.host.operator.run("approval:pending")) as { pending: Pending[] };
    expect(pending).toHaveLength(count);
    return pending;
  });
}

const answer = (at: Asked, operation: "approve" | "deny", params: Record<string, unknown>) =>
  at.host.host.operator.run(`approval:${operation}`, params);

test("an operator sees what waits and why, and what they approve is done", async () => {
  await using at = await asked(EITHER, { capabilities: {} });
  const call = at.person.client.callTool("delete", { path: "x", token: "hidden" });
  const [waiting] = await pending(at);
  expect(waiting).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}$/),
    server: "files",
    tool: "delete",
    name: "delete",
    arguments: ['"path": "x"', '"token": "[redacted]"'],
    why: "the rules of this host want such calls to be approved.",
    principal: "local",
    request: expect.stringMatching(/^[0-9a-f]{32}$/),
    since: expect.any(String),
    until: expect.any(String),
    choices: ["once", "session"],
  });
  expect(at.host.host.reports()).toMatchObject({ approval: { pending: 1 } });
  expect(await answer(at, "approve", { id: waiting?.id, for: "session" })).toEqual({ approved: waiting?.id });
  expect(textOf(await call)).toBe("deleted x");
  expect(textOf(await at.person.client.callTool("delete", { path: "x", token: "hidden" }))).toBe("deleted x");
  await pending(at, 0);
});

test("an operator denies, and the model is told why", async () => {
  await using at = await asked(OPERATOR);
  const call = at.person.client.callTool("delete");
  const [waiting] = await pending(at);
  expect(at.person.questions, "the person is not asked").toEqual([]);
  expect(await answer(at, "deny", { id: waiting?.id, reason: "not on a Friday" })).toEqual({ denied: waiting?.id });
  expect(at.host.log).toContainEqual(
    expect.objectContaining({ message: "a call was refused", tool: "delete", by: "operator", who: "program", refused: "declined" }),
  );
  expect(textOf(await call)).toMatch(/^An operator of this host was asked .* declined it \(not on a Friday\)\. Nothing was done\./);
  expect(at.up.received("tools/call")).toEqual([]);
});

test("either asks the person where the client can, and an operator where it fails to", async () => {
  await using at = await asked(EITHER);
  await at.person.client.callTool("delete");
  expect(at.person.questions).toHaveLength(1);
  at.person.answer = () => Promise.reject(new Error("no window"));
  const call = at.person.client.callTool("delete");
  const [waiting] = await pending(at);
  await answer(at, "approve", { id: waiting?.id });
  expect(textOf(await call)).toContain("deleted");
});

test("what is answered wrongly is said: an unknown id, a choice that the rule does not give, one that was answered", async () => {
  await using at = await asked(OPERATOR);
  const call = at.person.client.callTool("delete");
  const [waiting] = await pending(at);
  await expect(answer(at, "approve", { id: "00" })).rejects.toThrow('nothing waits under the id "00"');
  await expect(answer(at, "approve", { id: waiting?.id, for: "principal" })).rejects.toThrow('"principal"; it may be once');
  await expect(answer(at, "approve", { id: waiting?.id, for: "ever" })).rejects.toThrow("for");
  await answer(at, "approve", { id: waiting?.id });
  await expect(answer(at, "deny", { id: waiting?.id })).rejects.toThrow("nothing waits");
  expect(textOf(await call)).toContain("deleted");
});

test("nobody waits for ever, for what was cancelled, or in too long a row", async () => {
  await using at = await asked({ ...OPERATOR, maxPending: 1 });
  const late = at.person.client.callTool("delete");
  await pending(at);
  expect(textOf(await at.person.client.callTool("delete"))).toContain("too many calls wait for one already");
  await at.clock.advance(60_000);
  expect(textOf(await late)).toMatch(/^An operator .* did not answer within 1 minute\./);
  await pending(at, 0);

  const gone = new AbortController();
  const cancelled = at.person.client.callTool("delete", {}, { signal: gone.signal });
  await pending(at);
  gone.abort(new Error("gone"));
  await expect(cancelled).rejects.toThrow("gone");
  await pending(at, 0);
  expect(at.up.received("tools/call")).toEqual([]);
});

test("one client cannot take all the places: each principal has a quarter of them, and at least one", async () => {
  const named = (id: string) => ({ principal: { id, roles: [] }, capabilities: {} });
  await using at = await asked({ ...OPERATOR, maxPending: 8 }, named("greedy"));
  const second = await at.connect(named("greedy")); // another session is no other share
  const calls = [at.person, second].map(({ client }) => client.callTool("delete", { path: "x" }));
  await pending(at, 2);
  expect(textOf(await at.person.client.callTool("delete"))).toContain("too many calls wait for one already");
  expect(textOf(await second.client.callTool("delete"))).toContain("too many calls wait for one already");
  const modest = await at.connect(named("modest"));
  const other = modest.client.callTool("delete", { path: "y" });
  const waiting = await pending(at, 3);
  for (const { id } of waiting) await answer(at, "approve", { id });
  expect((await Promise.all([...calls, other])).map(textOf)).toEqual(["deleted x", "deleted x", "deleted y"]);
  const again = at.person.client.callTool("delete", { path: "z" }); // places are free again once calls were answered
  const [last] = await pending(at);
  await answer(at, "approve", { id: last?.id });
  expect(textOf(await again)).toBe("deleted z");
});

test("a call that waits longer than its server may be silent is not given up", async () => {
  await using at = await asked(OPERATOR);
  const call = at.person.client.callTool("delete");
  const [waiting] = await pending(at);
  expect(at.begun[0]?.timeLimits).toEqual({ timeout: 120_000, maxTimeout: 660_000 });
  await answer(at, "approve", { id: waiting?.id });
  await call;
});

test("a host that stops refuses what waits", async () => {
  const at = await asked(OPERATOR);
  const call = at.person.client.callTool("delete").catch((error: Error) => error.message);
  await pending(at);
  await at[Symbol.asyncDispose]();
  expect(typeof (await call)).toBe("string");
  expect(at.up.received("tools/call")).toEqual([]);
});

test("an operator who stops the host does not wait for answers: what waits is refused at once, and the model is told", async () => {
  await using at = await asked(OPERATOR, { config: { drain: "1h" } });
  const call = at.person.client.callTool("delete");
  await pending(at);
  await at.host.host.operator.run("stop");
  expect(textOf(await call)).toMatch(/^This call of "delete" waited for approval when the host stopped .* Nothing was done\./);
  expect(at.up.received("tools/call")).toEqual([]);
});

test("what the commands print as JSON says what was told, and nothing that a terminal obeys", () => {
  const written: unknown[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(text) > 0);
  const given = { tool: "x\u009b2J\u202ey" };
  print(given, "", { json: true });
  spy.mockRestore();
  expect(written).toEqual(['{"tool":"x\\u009b2J\\u202ey"}\n']);
  expect(JSON.parse(String(written[0]))).toEqual(given);
});
