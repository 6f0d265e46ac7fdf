import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Caller } from "../dist/exchange/caller.js";
import type { Entry } from "../dist/exchange/entry.js";
import { HostExchange } from "../dist/exchange/host-exchange.js";
import { TaskTable } from "../dist/pipeline/tasks.js";
import type { Connection } from "../dist/upstream/connection.js";
import type { Json } from "../dist/wire/message.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const entry: Entry = { kind: "tool", name: "work", upstream: "one", native: "work", definition: {} };

function session(id: string): Caller {
  const client = { info: {}, version: "", logLevel: undefined };
  return { id, principal: { id: "anonymous", roles: [] }, capabilities: {}, endpoint: undefined, client, network: true, sole: false };
}

function exchangeOf(facts: Caller): HostExchange {
  const exchange = new HostExchange({ method: "tools/call", params: { task: {} }, caller: facts, sink: undefined });
  exchange.entry = entry;
  return exchange;
}

/** A connection as far as the table needs one. */
function connected() {
  const ended: string[] = [];
  const call = vi.fn((_exchange: HostExchange, _params: Json) => Promise.resolve({}));
  const restored = { tasks: new Set<string>(), endTask: (native: string) => void ended.push(native) };
  return { connection: { facts: { key: "one" }, restored, call } as unknown as Connection, ended, call };
}

let natives = 0;
/** Creates a task; gives its exposed and native ids. */
function create(table: TaskTable, facts: Caller, connection: Connection, more: Json = {}): { exposed: string; native: string } {
  const native = `task-${++natives}`;
  const result = table.created(exchangeOf(facts), connection, { task: { taskId: native, status: "working", ...more } }, () => {});
  return { exposed: (result.task as { taskId: string }).taskId, native };
}

test("finished tasks make room for new ones, the longest finished first", () => {
  const table = new TaskTable(20, () => true);
  const { connection } = connected();
  const owners = Array.from({ length: 20 }, (_, n) => session(`s${n}`));
  const made = owners.map((owner) => create(table, owner, connection));
  expect(() => create(table, session("late"), connection)).toThrow(/20 tasks are alive/);
  for (const { native } of [made[7], made[3]] as typeof made) table.observe(connection, { taskId: native, status: "completed" });
  create(table, session("late"), connection);
  const found = made.map(({ exposed }, n) => table.find({ caller: owners[n] as Caller }, exposed) !== undefined);
  expect(found.indexOf(false)).toBe(7);
  expect(found.lastIndexOf(false)).toBe(7);
});

test("a task whose result was read has finished", () => {
  const table = new TaskTable(1, () => true);
  const { connection, ended } = connected();
  const { native } = create(table, session("a"), connection);
  table.observe(connection, { content: [], _meta: { "io.modelcontextprotocol/related-task": { taskId: native } } });
  expect(ended).toEqual([native]);
  create(table, session("b"), connection);
});

test("one client has a tenth of the table at most, of finished tasks too", () => {
  const table = new TaskTable(100, () => true);
  const { connection } = connected();
  const greedy = session("greedy");
  const made = Array.from({ length: 10 }, () => create(table, greedy, connection));
  expect(table.admit(exchangeOf(greedy))?.message).toMatch(/this client has 10 tasks alive/);
  expect(table.admit(exchangeOf(session("modest")))).toBeUndefined();
  for (const { native } of made) table.observe(connection, { taskId: native, status: "completed" });
  expect(table.admit(exchangeOf(greedy))).toBeUndefined();
  for (let n = 0; n < 5; n++) create(table, greedy, connection);
  expect(made.filter(({ exposed }) => table.find({ caller: greedy }, exposed))).toHaveLength(5);
});

test("a request that begins no task is not counted", () => {
  const table = new TaskTable(1, () => true);
  create(table, session("a"), connected().connection);
  const plain = new HostExchange({ method: "tools/call", params: {}, caller: session("b"), sink: undefined });
  expect(table.admit(plain)).toBeUndefined();
});

test("a task that the host has no room for is cancelled where it runs", () => {
  const table = new TaskTable(1, () => true);
  const { connection, call } = connected();
  create(table, session("a"), connection);
  expect(() => create(table, session("b"), connection)).toThrow();
  expect(call.mock.calls.map(([{ method }, params]) => [method, params])).toEqual([["tasks/cancel", { taskId: `task-${natives}` }]]);
});

test("an expired task is not found, and its connection is free of it although nobody asks", () => {
  const table = new TaskTable(10, () => true);
  const { connection, ended } = connected();
  const owner = session("a");
  const { exposed, native } = create(table, owner, connection, { ttl: 1_000 });
  vi.advanceTimersByTime(999);
  expect(table.find({ caller: owner }, exposed)).toBeDefined();
  vi.advanceTimersByTime(2);
  expect(table.find({ caller: owner }, exposed)).toBeUndefined();
  create(table, owner, connection, { ttl: 1_000 });
  vi.advanceTimersByTime(60_000);
  expect(ended).toEqual([native, `task-${natives}`]);
  expect(vi.getTimerCount(), "nothing is left to wait for").toBe(0);
});

test.each([
  ["endless", Number.POSITIVE_INFINITY],
  ["negative", -5],
  ["none", null],
  ["text", "60000"],
  ["a year", 365 * 86_400_000],
])("a lifetime that is %s is a day", (_title, ttl) => {
  const table = new TaskTable(10, () => true);
  const owner = session("a");
  const { exposed } = create(table, owner, connected().connection, { ttl });
  vi.advanceTimersByTime(86_399_000);
  expect(table.find({ caller: owner }, exposed)).toBeDefined();
  vi.advanceTimersByTime(2_000);
  expect(table.find({ caller: owner }, exposed)).toBeUndefined();
});

test("a task of an entry that its owner may not use any more is not listed", () => {
  let allowed = true;
  const table = new TaskTable(10, () => allowed);
  const { connection } = connected();
  const owner = session("a");
  const { exposed, native } = create(table, owner, connection);
  const listed = () => table.exposed(exchangeOf(owner), connection, { taskId: native });
  expect(listed()).toEqual({ taskId: exposed });
  expect(table.connections(exchangeOf(owner))).toEqual(new Set([connection]));
  allowed = false;
  expect(listed()).toBeUndefined();
  expect(table.connections(exchangeOf(owner)).size).toBe(0);
});
