import { definePlugin } from "mcp-host";
import { expect, test, vi } from "vitest";
import { startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

const methodsOf = (messages: readonly { method?: string }[]): (string | undefined)[] => messages.map(({ method }) => method);

test("a change of a list passes `notify` once, and one that a plugin ends is told to nobody", async () => {
  const seen: string[] = [];
  const guard = definePlugin({
    name: "guard",
    host: "^1.0.0",
    apply(host) {
      host.hooks.notify.tap("guard", (notification) => {
        seen.push(notification.method);
        return notification.method === "notifications/prompts/list_changed" ? null : notification;
      });
    },
  });
  await using running = await startHost({ mcpServers: { one: upstream() }, plugins: [guard()] });
  const client = await RawHttp.open(running.url);
  const { messages } = await client.listen();
  await client.call("change", { action: "add", kinds: ["tools", "prompts"] });
  await vi.waitFor(() => expect(methodsOf(messages)).toEqual(["notifications/tools/list_changed"]));
  expect(seen.filter((method) => method.includes("list_changed")).sort()).toEqual([
    "notifications/prompts/list_changed",
    "notifications/tools/list_changed",
  ]);
  expect(await client.tools()).toContain("extra");
  const { result } = await client.ask("prompts/list");
  expect(result.prompts.map(({ name }: { name: string }) => name)).not.toContain("extra");
});

test("an update of a resource from a prefixed template comes under the URI that was subscribed", async () => {
  const base = "test://same/";
  await using running = await startHost({
    mcpServers: { a: upstream({ name: "a", base, prefix: "a_" }), b: upstream({ name: "b", base, prefix: "b_" }) },
  });
  const client = await RawHttp.open(running.url);
  const { messages } = await client.listen();
  await client.tools();
  const uri = `b+${base}items/7`;
  expect((await client.ask("resources/subscribe", { uri })).error).toBeUndefined();
  await client.call("b_touch", { uri: `${base}items/7` });
  await vi.waitFor(() => expect(messages).toMatchObject([{ method: "notifications/resources/updated", params: { uri } }]));
});

test("a task for which there is no room is not begun", async () => {
  await using running = await startHost({ mcpServers: { one: upstream() }, limits: { tasks: 1 } });
  const client = await RawHttp.open(running.url);
  const begin = (): Promise<{ result?: unknown; error?: { data: object } }> =>
    client.ask("tools/call", { name: "work", arguments: { steps: 1_000, delayMs: 1_000 }, task: {} });
  expect((await begin()).error).toBeUndefined();
  expect((await begin()).error?.data).toMatchObject({ type: "overloaded", sent: "no" });
});
