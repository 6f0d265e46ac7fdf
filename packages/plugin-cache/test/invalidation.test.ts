import type { Json } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { gate, numbered, Scripted, served } from "./served.ts";

const texts = async (ask: () => Promise<Json>): Promise<unknown> => (await ask()).content;

describe("rules", () => {
  test("a call of one tool drops what others gave, before its answer is given, and nothing else", async () => {
    const a = new Scripted(["files__read", "files__write_text", "search"]);
    await using host = await served({ a }, { tools: ["*"], invalidate: [{ call: "files__write*", drop: "files__*" }] });
    const { client } = host;
    const [read, search] = [await client.text("files__read"), await client.text("search")];
    expect(await client.text("files__read")).toBe(read);
    // The write itself is never answered by the cache.
    expect(await client.text("files__write_text")).not.toBe(await client.text("files__write_text"));
    expect(await client.text("files__read")).not.toBe(read);
    expect(await client.text("search")).toBe(search);
  });

  test("with `same` it drops only results whose arguments agree, or that have no such argument", async () => {
    const a = new Scripted(["get", "set", "list"]);
    await using host = await served({ a }, { tools: ["get", "list"], invalidate: [{ call: "set", drop: ["get", "list"], same: ["key"] }] });
    const { client } = host;
    const all = async () => [await client.text("get", { key: "a" }), await client.text("get", { key: "b" }), await client.text("list")];
    const before = await all();
    expect(await all()).toEqual(before);
    await client.call("set", { key: "a", value: 1 });
    const after = await all();
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBe(before[1]);
    expect(after[2]).not.toBe(before[2]);
    await client.call("set", {});
    expect((await all())[1]).not.toBe(before[1]);
  });

  test("every client's results are dropped, whoever calls", async () => {
    const a = new Scripted(["get", "set"]);
    await using host = await served({ a }, { tools: "get", invalidate: [{ call: "set", drop: "*" }] });
    const other = await host.connect();
    const mine = await host.client.text("get");
    await other.call("set");
    expect(await host.client.text("get")).not.toBe(mine);
  });

  test("a read that was under way when a write settled is not kept, and nobody joins it any more", async () => {
    const first = gate<Json>();
    const a = new Scripted(["get", "set"], { get: (_, { server }) => (server.count("get") === 1 ? first.opened : numbered(2)) });
    await using host = await served({ a }, { tools: "get", invalidate: [{ call: "set", drop: "get" }] });
    const { client } = host;
    const slow = client.text("get");
    await vi.waitFor(() => expect(a.count("get")).toBe(1));
    await client.call("set");
    expect(await client.text("get")).toBe("2");
    first.open(numbered(1));
    expect(await slow).toBe("1");
    expect(await client.text("get")).toBe("2");
    expect(a.count("get")).toBe(2);
  });

  test("a write that fails drops too, unless it was provably not sent", async () => {
    const a = new Scripted(["get", "set"], { set: () => ({ error: { code: 1, message: "half done" } }) });
    await using host = await served(
      { a },
      { tools: "get", invalidate: [{ call: "set", drop: "get" }] },
      { upstream: { timeout: 200, healthInterval: 0 } },
    );
    const { client } = host;
    const before = await client.text("get");
    await expect(client.call("set")).rejects.toMatchObject({ message: "half done" });
    const after = await client.text("get");
    expect(after).not.toBe(before);
    a.answers.set = () => new Promise(() => {});
    await expect(client.call("set")).rejects.toMatchObject({ data: { type: "upstream_timeout" } });
    const last = await client.text("get");
    expect(last).not.toBe(after);
    await expect(client.call("none")).rejects.toMatchObject({ code: -32602 });
    expect(await client.text("get")).toBe(last);
  });

  test("a write that was cancelled drops too", async () => {
    const a = new Scripted(["get", "set"], { set: () => new Promise(() => {}) });
    await using host = await served({ a }, { tools: "get", invalidate: [{ call: "set", drop: "get" }] });
    const before = await host.client.text("get");
    const write = host.client.begin("tools/call", { name: "set", arguments: {} });
    await vi.waitFor(() => expect(a.count("set")).toBe(1));
    write.cancel();
    await vi.waitFor(async () => expect(await host.client.text("get")).not.toBe(before));
  });

  test("a write that runs as a task drops when it begins and when it ends", async () => {
    const task = (status: string) => ({
      taskId: "t1",
      status,
      ttl: null,
      createdAt: "2025-01-01T00:00:00Z",
      lastUpdatedAt: "2025-01-01T00:00:00Z",
    });
    const a = new Scripted(["get", { name: "set", execution: { taskSupport: "optional" } }], {
      set: () => ({ task: task("working") }),
      "tasks/get": () => task("working"),
      "tasks/result": (_, { server }) => numbered(server.received.length),
    });
    await using host = await served({ a }, { tools: "get", invalidate: [{ call: "set", drop: "get", same: ["key"] }] });
    const { client } = host;
    const read = () => client.text("get", { key: 1 });
    const first = await read();
    const created = (await client.call("set", { key: 1 }, { task: {} })) as { task: { taskId: string } };
    const second = await read();
    expect(second).not.toBe(first);
    await client.request("tasks/get", { taskId: created.task.taskId });
    expect(await read()).toBe(second);
    await client.request("tasks/result", { taskId: created.task.taskId });
    const third = await read();
    expect(third).not.toBe(second);
    a.notify("notifications/tasks/status", task("working"));
    expect(await read()).toBe(third);
    a.notify("notifications/tasks/status", task("completed"));
    expect(await read()).not.toBe(third);
  });
});

describe("what an upstream says", () => {
  const everything = async (host: Awaited<ReturnType<typeof served>>): Promise<unknown[]> => {
    const { client } = host;
    return [
      await client.text("get"),
      await texts(() => client.request("prompts/get", { name: "greet" })),
      await texts(() => client.request("resources/read", { uri: "test://a/1" })),
      await texts(() =>
        client.request("completion/complete", { ref: { type: "ref/prompt", name: "greet" }, argument: { name: "name", value: "x" } }),
      ),
    ];
  };
  const changed = (before: unknown[], after: unknown[]): boolean[] =>
    before.map((each, index) => String(JSON.stringify(each)) !== JSON.stringify(after[index]));

  test.each([
    ["notifications/tools/list_changed", [true, false, false, false]],
    ["notifications/prompts/list_changed", [false, true, false, true]],
    ["notifications/resources/list_changed", [false, false, true, true]],
    ["notifications/message", [false, false, false, false]],
  ])("%s drops what the list is about", async (method, expected) => {
    const a = new Scripted(["get"]);
    await using host = await served({ a }, { tools: "get" });
    const before = await everything(host);
    expect(await everything(host)).toEqual(before);
    a.notify(method, {});
    expect(changed(before, await everything(host))).toEqual(expected);
  });

  test("resources/updated drops reads of the resource, its parts and what it is a part of", async () => {
    const a = new Scripted([]);
    await using host = await served({ a });
    const uris = ["test://a/1", "test://a/1/part", "test://a/10", "test://a/"];
    const read = () => Promise.all(uris.map((uri) => texts(() => host.client.request("resources/read", { uri }))));
    let before = await read();
    a.notify("notifications/resources/updated", { uri: "test://a/1" });
    expect(changed(before, await read())).toEqual([true, true, false, true]);
    before = await read();
    a.notify("notifications/resources/updated", {});
    expect(changed(before, await read())).toEqual([true, true, true, true]);
  });

  test("a connection that is lost takes along what it gave, and nothing of another upstream", async () => {
    const a = new Scripted(["get"]);
    const b = new Scripted(["look"]);
    await using host = await served({ a, b }, { tools: "*" });
    const [get, look] = [await host.client.text("get"), await host.client.text("look")];
    a.crash();
    await vi.waitFor(async () => expect(await host.client.text("get")).not.toBe(get));
    expect(await host.client.text("look")).toBe(look);
  });
});

test("an unlisted URI in a kept result can be read by whoever was given it", async () => {
  const link = { content: [{ type: "resource_link", uri: "other://x", name: "x" }] };
  const a = new Scripted(["get"], { get: () => link });
  const b = new Scripted(["look"]);
  await using host = await served({ a, b }, { tools: "get", scope: "shared" });
  await host.client.call("get");
  const other = await host.connect();
  await expect(other.request("resources/read", { uri: "other://x" })).rejects.toMatchObject({ code: -32002 });
  await other.call("get");
  expect(a.count("get")).toBe(1);
  await other.request("resources/read", { uri: "other://x" });
  expect([a.count("other://x"), b.count("other://x")]).toEqual([1, 0]);
});
