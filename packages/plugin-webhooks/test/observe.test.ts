import { expect, test } from "vitest";
import { hooked, receiver, until } from "./receiver.ts";

test("a hook that observes changes and refuses nothing, and nobody waits for it", async () => {
  const waiting: (() => void)[] = [];
  await using hook = await receiver(async ({ body }) => {
    await new Promise<void>((go) => waiting.push(go));
    if (body.type === "validation") return { valid: false, messages: [{ message: "never" }] };
    return body.phase === "request"
      ? { modified: true, patch: [{ op: "add", path: "/arguments/x", value: 1 }] }
      : { modified: true, payload: { content: [] } };
  });
  await using host = await hooked([
    { url: hook.url, at: "permit", mode: "observe" },
    { url: hook.url, at: "transform", mode: "observe", name: "shadow" },
    { url: hook.url, at: "respond", mode: "observe" },
  ]);
  expect(await host.client.callTool("add", { a: 1 })).toMatchObject({ content: [{ text: '{"a":1}' }] });
  await until(() => expect(waiting).toHaveLength(3));
  expect(host.report().map(({ asking }) => asking)).toEqual([1, 1, 1]);
  for (const go of waiting) go();
  await until(() =>
    expect(host.report()).toMatchObject([
      { mode: "observe", refused: 1 },
      { mode: "observe", changed: 1 },
      { mode: "observe", changed: 1 },
    ]),
  );
  expect(host.lines("a hook that observes would have refused a request")).toMatchObject([
    { level: "info", hook: "hook0", name: "add", words: "never", times: 1 },
  ]);
  expect(host.lines("a hook that observes would have changed a request")).toHaveLength(2);
  expect(host.decided.flat(), "nothing was decided").toEqual([]);
});

test("one that fails is counted and told, and so is one that is too slow for all that there is", async () => {
  let isHanging = false;
  await using hook = await receiver((_, response) => (isHanging ? undefined : void response.writeHead(500).end()));
  await using host = await hooked([{ url: hook.url, at: "permit", mode: "observe", circuit: false, timeout: "1h" }]);
  await host.client.callTool("add");
  await until(() => expect(host.report()[0]).toMatchObject({ failed: 1 }));
  expect(host.lines("a hook that observes gave no verdict")).toMatchObject([{ level: "warn", reason: "it answered with HTTP 500" }]);
  isHanging = true;
  for (let call = 0; call < 103; call++) await host.client.callTool("add");
  expect(host.report()[0]).toMatchObject({ asking: 100, skipped: 3 });
  expect(host.lines("a hook that observes is too slow, and does not hear of everything")).toHaveLength(1);
});
