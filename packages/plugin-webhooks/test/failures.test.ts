import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { hooked, type Receiver, receiver, until } from "./receiver.ts";

/** Answers with what is no verdict, and why it is none. */
const HOSTILE: readonly (readonly [string, unknown, string])[] = [
  ["not JSON", "yes", "its answer is not JSON"],
  ["nothing", "", "its answer is not JSON"],
  ["a list", [], "no JSON object"],
  ["an empty object", {}, 'one of "valid" and "modified"'],
  ["both", { valid: true, modified: false }, 'one of "valid" and "modified"'],
  ["valid that is a text", { valid: "false" }, "is none: valid"],
  ["an unknown severity", { valid: false, severity: "fatal" }, "is none: severity"],
  ["messages that are texts", { valid: false, messages: ["no"] }, "is none: messages.0"],
  ["an error of JSON-RPC", { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "failed" } }, 'one of "valid" and "modified"'],
  ["valid with the severity error", { valid: true, severity: "error" }, 'severity "error"'],
  ["another type", { type: "mutation", valid: true }, "says that it is a mutation"],
  ["another phase", { phase: "response", valid: true }, "is for the response"],
  ["modified and nothing", { modified: true }, 'one of "payload" and "patch"'],
  ["modified and both", { modified: true, payload: {}, patch: [] }, 'one of "payload" and "patch"'],
  ["a payload that is a list", { modified: true, payload: [] }, "is none: payload"],
  ["another tool", { modified: true, payload: { name: "drop", arguments: {} } }, "changes name"],
  ["no name", { modified: true, payload: { arguments: {} } }, "changes name"],
  ["an own _meta", { modified: true, payload: { name: "add", arguments: {}, _meta: { progressToken: 1 } } }, "changes _meta"],
  ["a task", { modified: true, patch: [{ op: "add", path: "/task", value: {} }] }, "changes task"],
  ["answers to questions", { modified: true, patch: [{ op: "add", path: "/inputResponses", value: {} }] }, "changes inputResponses"],
  ["arguments that are a list", { modified: true, payload: { name: "add", arguments: [] } }, "leaves arguments that is not an object"],
  ["no arguments", { modified: true, payload: { name: "add" } }, "leaves arguments"],
  ["an unknown operation", { modified: true, patch: [{ op: "merge", path: "/arguments", value: 1 }] }, "is none: patch.0"],
  ["an operation without value", { modified: true, patch: [{ op: "add", path: "/arguments/x" }] }, "is none: patch.0.value"],
  ["a path to nothing", { modified: true, patch: [{ op: "replace", path: "/arguments/none", value: 1 }] }, "to what is not there"],
  ["a path into a text", { modified: true, patch: [{ op: "add", path: "/arguments/a/b/c", value: 1 }] }, "into what holds nothing"],
  ["a path without /", { modified: true, patch: [{ op: "replace", path: "", value: {} }] }, "begins with no /"],
  ["a bad escape", { modified: true, patch: [{ op: "add", path: "/arguments/~2", value: 1 }] }, "neither ~0 nor ~1"],
  ["a failed test", { modified: true, patch: [{ op: "test", path: "/arguments/a", value: 2 }] }, "another value than there is"],
  ["a move into itself", { modified: true, patch: [{ op: "move", from: "/arguments", path: "/arguments/x" }] }, "into itself"],
  ["an inherited key", { modified: true, patch: [{ op: "replace", path: "/arguments/constructor", value: 1 }] }, "to what is not there"],
  ["a prototype in a path", { modified: true, patch: [{ op: "add", path: "/arguments/__proto__", value: 1 }] }, "__proto__"],
  [
    "a prototype in a payload",
    '{"modified":true,"payload":{"name":"add","arguments":{"__proto__":{"isAdmin":true}}}}',
    "a field __proto__",
  ],
  [
    "a prototype in a patch",
    '{"modified":true,"patch":[{"op":"add","path":"/arguments/x","value":{"__proto__":{"isAdmin":true}}}]}',
    "a field __proto__",
  ],
  [
    "what is nested too deeply",
    `{"modified":true,"payload":{"name":"add","arguments":{"x":${"[".repeat(5_000)}${"]".repeat(5_000)}}}}`,
    "nested deeper than 100",
  ],
  [
    "copies that grow without end",
    {
      modified: true,
      patch: [
        ...Array.from({ length: 20 }, (_, at) => ({ op: "add", path: `/arguments/x${at}`, value: "x".repeat(100) })),
        ...Array.from({ length: 60 }, (_, at) => ({ op: "copy", from: "/arguments", path: `/arguments/y${at}` })),
      ],
    },
    "copies more than may be added",
  ],
];

test.each(HOSTILE)("a hook that answers with %s gives no verdict, and nothing of it counts", async (_, verdict, why) => {
  await using hook = await receiver(() => verdict);
  await using host = await hooked([
    { url: hook.url, at: "transform", match: { tools: ["add"] }, onFailure: "closed" },
    { url: hook.url, at: "permit", match: { tools: ["drop"] }, onFailure: "open" },
  ]);
  const failed = await host.client.callTool("add", { a: 1 }).catch((error) => error);
  expect(failed).toMatchObject({ code: -31500, data: { type: "plugin_failure", sent: "no" } });
  expect(failed.message).toContain('the check "hook0" of this host gave no verdict: ');
  expect(failed.message).toContain(why);
  expect(failed.message).toContain("Nothing passes without it");
  expect(host.up.received("tools/call")).toEqual([]);
  expect(host.report()[0]).toMatchObject({ failed: 1, changed: 0, refused: 0 });
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  expect(host.settled.at(-1)?.decisions).toEqual([{ plugin: "webhooks", hook: "transform", did: "refused", rule: "hook0" }]);
  expect(host.host.log.flatMap(({ level, message }) => (level === "error" || level === "warn" ? [message] : []))).toEqual([
    "a hook gave no verdict, and requests are refused",
  ]);
});

test.each<readonly [string, unknown]>([
  ["a result that asks the client", { modified: true, payload: { content: [], inputRequests: {} } }],
  ["another kind of result", { modified: true, patch: [{ op: "add", path: "/resultType", value: "input_required" }] }],
  ["content that is a text", { modified: true, payload: { content: "ok" } }],
  ["content without types", { modified: true, payload: { content: [{ text: "ok" }] } }],
  ["no content", { modified: true, payload: {} }],
  ["isError that is a text", { modified: true, payload: { content: [], isError: "no" } }],
  ["structured content that is a list", { modified: true, payload: { content: [], structuredContent: [] } }],
])("at respond, %s is none either", async (_, verdict) => {
  await using hook = await receiver(() => verdict);
  await using host = await hooked([{ url: hook.url, at: "respond" }]);
  await expect(host.client.callTool("add")).rejects.toMatchObject({ data: { type: "plugin_failure", sent: "yes" } });
});

const asked = (answer: Receiver["answer"]) => receiver(answer);
const write = (response: ServerResponse, status: number, headers: Record<string, string> = {}, text = ""): undefined => {
  response.writeHead(status, headers).end(text);
};

test.each<readonly [string, Receiver["answer"], string]>([
  ["an error", (_, response) => write(response, 500, {}, '{"valid":true}'), "it answered with HTTP 500"],
  ["no content", (_, response) => write(response, 204), "it answered with HTTP 204"],
  ["a redirect", (_, response) => write(response, 307, { location: "/elsewhere" }), "HTTP 307, and redirects are not followed"],
  ["too much", (_, response) => write(response, 200, {}, JSON.stringify({ valid: true, info: "x".repeat(2_000) })), "more than 1024 bytes"],
  ["too much without end", (_, response) => void endless(response), "more than 1024 bytes"],
  ["what is no UTF-8", (_, response) => void response.end(Buffer.from([0x7b, 0xff, 0x7d])), "its answer is not UTF-8"],
  [
    "half of an answer",
    (_, response) => {
      response.writeHead(200, { "content-length": "100" }).write('{"valid"');
      setImmediate(() => response.destroy());
    },
    "its answer broke off",
  ],
])("a hook that answers with %s fails, open or closed", async (_, answer, why) => {
  await using hook = await asked(answer);
  const options = { url: hook.url, at: "permit", maxAnswer: 1_024, retries: 0 } as const;
  await using host = await hooked([
    { ...options, match: { tools: ["add"] } },
    { ...options, match: { tools: ["drop"] }, onFailure: "open" },
  ]);
  await expect(host.client.callTool("add")).rejects.toMatchObject({ message: expect.stringContaining(why) });
  expect(await host.client.callTool("drop")).toMatchObject({ content: [{ text: "dropped" }] });
  expect(host.report()).toMatchObject([
    { failed: 1, requests: 1 },
    { failed: 1, requests: 1 },
  ]);
  const [told] = host.lines("a hook gave no verdict, and requests go on without it");
  expect(told).toMatchObject({ level: "warn", hook: "hook1", name: "drop", reason: expect.stringContaining(why), times: 1 });
});

/** Writes for as long as somebody reads. */
function endless(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  const more = (): void => {
    while (!response.destroyed && response.write(" ".repeat(16_384)));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
}

test("a hook that says nothing, or talks too slowly, has its time and no more", async () => {
  await using silent = await receiver(() => undefined);
  await using slow = await receiver((_, response) => {
    const timer = setInterval(() => response.write(" "), 20);
    response.once("close", () => clearInterval(timer));
  });
  await using host = await hooked([
    { url: silent.url, at: "permit", match: { tools: ["add"] }, timeout: 150 },
    { url: slow.url, at: "permit", match: { tools: ["drop"] }, timeout: 150, onFailure: "open" },
  ]);
  await expect(host.client.callTool("add")).rejects.toMatchObject({ message: expect.stringContaining("it did not answer within 150 ms") });
  await host.client.callTool("drop");
  await until(() => expect([silent.counts.aborted, slow.counts.aborted], "what nobody waits for is given up").toEqual([1, 1]));
});

test("what is larger than a question may be is not sent", async () => {
  await using hook = await receiver();
  await using host = await hooked([{ url: hook.url, at: "permit", maxRequest: 2_048 }]);
  await host.client.callTool("add", { text: "x".repeat(500) });
  await expect(host.client.callTool("add", { text: "x".repeat(3_000) })).rejects.toMatchObject({
    message: expect.stringContaining("the question has more than 2048 bytes"),
  });
  expect(hook.received).toHaveLength(1);
  for (let time = 0; time < 6; time++) await host.client.callTool("add", { text: "x".repeat(3_000) }).catch(() => {});
  expect(host.report()[0], "which nobody else has to pay for").toMatchObject({ failed: 7, circuit: "closed", requests: 1 });
  await host.client.callTool("add");
});

test("a question that has room by its texts, and not as JSON, is too large", async () => {
  await using hook = await receiver();
  await using host = await hooked([{ url: hook.url, at: "permit", maxRequest: 2_048 }]);
  await expect(host.client.callTool("add", { text: "é".repeat(1_200) })).rejects.toThrow(/more than 2048 bytes/);
  expect(hook.received).toEqual([]);
});

test("warnings and remarks let pass", async () => {
  await using hook = await receiver(({ body }) => ({
    valid: false,
    severity: (body.payload.arguments as { severity: string }).severity,
    messages: [{ message: "not\nnice\u2028at all", severity: "warn" }],
  }));
  await using host = await hooked([{ url: hook.url, at: "permit" }]);
  await host.client.callTool("add", { severity: "warn" });
  await host.client.callTool("add", { severity: "info" });
  await expect(host.client.callTool("add", { severity: "error" })).rejects.toMatchObject({
    message: expect.stringMatching(/refuses this: not nice at all$/),
  });
  expect(host.report()[0]).toMatchObject({ warned: 1, allowed: 1, refused: 1 });
  expect(host.lines("a hook warns")).toMatchObject([{ words: "not nice at all" }]);
});

test("what a hook says is cut", async () => {
  await using hook = await receiver(() => ({ valid: false, messages: [{ message: `${"x".repeat(999)}😀${"y".repeat(100_000)}` }] }));
  await using host = await hooked([{ url: hook.url, at: "permit" }]);
  const { message } = await host.client.callTool("add").catch((error) => error);
  expect(message).toMatch(/: x{999}\.\.\.$/);
});
