import { registerSecret } from "mcp-host";
import { expect, test } from "vitest";
import { hooked, receiver } from "./receiver.ts";

const SECRET = "a-registered-value-of-this-test";
const GITHUB = `ghp_${"a".repeat(36)}`;

/** A call's arguments with secrets by value, by form and by name. */
const ARGUMENTS = {
  note: `login with ${SECRET}`,
  keys: [GITHUB, "none", { apiKey: "by its name", page: 1 }],
  password: { deep: true },
  plain: "text",
};
const SHOWN = {
  note: "login with [redacted]",
  keys: ["[redacted]", "none", { apiKey: "[redacted]", page: 1 }],
  password: "[redacted]",
  plain: "text",
};

const sent = async (verdict: (shown: typeof SHOWN) => unknown) => {
  const forget = registerSecret(SECRET);
  await using hook = await receiver(({ body }) => verdict(body.payload.arguments as typeof SHOWN));
  await using host = await hooked([{ url: hook.url, at: "transform", send: ["params", "caller", "claims"] }], {
    client: { principal: { id: "ann", roles: [], claims: { email: "ann@example.com", access_token: "abc", jti: SECRET } } },
  });
  try {
    await host.client.request("tools/call", { name: "add", arguments: ARGUMENTS, _meta: { "example.com/trace": SECRET } });
    const [question] = hook.received;
    expect(question?.text).not.toContain(SECRET);
    expect(question?.text).not.toContain("_meta");
    expect(question?.body).toMatchObject({
      payload: { name: "add", arguments: SHOWN },
      context: { principal: { id: "ann", claims: { email: "ann@example.com", access_token: "[redacted]", jti: "[redacted]" } } },
    });
    const [params] = host.up.received("tools/call");
    expect(params?._meta, "what is the protocol's stays").toMatchObject({ "example.com/trace": SECRET });
    return params?.arguments;
  } finally {
    forget();
  }
};

test("a hook sees no secrets, and what it leaves alone is sent as it was", async () => {
  expect(await sent(() => ({ modified: false }))).toEqual(ARGUMENTS);
  const echo = (given: object) => ({ modified: true, payload: { name: "add", arguments: given } });
  expect(await sent(echo)).toEqual(ARGUMENTS);
  expect(await sent((shown) => echo({ ...shown, plain: "other", more: 1 }))).toEqual({ ...ARGUMENTS, plain: "other", more: 1 });
});

test("in lists, what is left out or added moves nothing else", async () => {
  const keys = (list: (shown: unknown[]) => unknown[]) =>
    sent((shown) => ({ modified: true, payload: { name: "add", arguments: { ...shown, keys: list(shown.keys) } } }));
  const [, none, object] = ARGUMENTS.keys;
  expect(await keys(([, ...rest]) => rest)).toEqual({ ...ARGUMENTS, keys: [none, object] });
  expect(await keys((all) => ["first", ...all])).toEqual({ ...ARGUMENTS, keys: ["first", ...ARGUMENTS.keys] });
  expect(await keys(([key, , named]) => [key, "some", { ...(named as object), page: 2 }])).toEqual({
    ...ARGUMENTS,
    keys: [GITHUB, "some", { apiKey: "by its name", page: 2 }],
  });
});

test("a text that held a secret and that the hook changes is what the hook made of it", async () => {
  const changed = await sent((shown) => ({ modified: true, payload: { name: "add", arguments: { ...shown, note: `${shown.note}!` } } }));
  expect(changed).toEqual({ ...ARGUMENTS, note: "login with [redacted]!" });
});

test("a patch moves what it did not see, and tests what it saw", async () => {
  const patch = [
    { op: "test", path: "/arguments/note", value: SHOWN.note },
    { op: "move", from: "/arguments/note", path: "/arguments/title" },
    { op: "copy", from: "/arguments/keys/0", path: "/arguments/first" },
    { op: "remove", path: "/arguments/keys/0" },
    { op: "add", path: "/arguments/keys/1/a~1b", value: null },
    { op: "replace", path: "/arguments/keys/0", value: "some" },
    { op: "add", path: "/arguments/keys/-", value: "last" },
  ];
  const { note, keys, ...rest } = ARGUMENTS;
  expect(await sent(() => ({ modified: true, patch }))).toEqual({
    ...rest,
    title: note,
    first: GITHUB,
    keys: ["some", { apiKey: "by its name", page: 1, "a/b": null }, "last"],
  });
});

test("no path leads into what was not shown", async () => {
  await expect(
    sent(() => ({ modified: true, patch: [{ op: "replace", path: "/arguments/password/deep", value: false }] })),
  ).rejects.toThrow(/which has a path into what holds nothing/);
});

test("names that are secrets are not shown either, and come back", async () => {
  const forget = registerSecret(SECRET);
  const given = { [SECRET]: 1, other: 2 };
  await using hook = await receiver(({ body }) => ({
    modified: true,
    payload: { ...body.payload, arguments: { ...(body.payload.arguments as object), other: 3 } },
  }));
  await using host = await hooked([{ url: hook.url, at: "transform" }]);
  await host.client.callTool("add", given);
  expect(hook.received[0]?.body.payload.arguments).toEqual({ "[redacted]": 1, other: 2 });
  expect(host.up.received("tools/call")[0]?.arguments).toEqual({ [SECRET]: 1, other: 3 });
  await expect(host.client.callTool("add", { ...given, [GITHUB]: 1 })).rejects.toThrow(/several names that are secrets/);
  forget();
});

test("results are shown without secrets, too, and without what was not asked for", async () => {
  await using hook = await receiver(({ body }) =>
    body.phase === "response" && body.payload ? { modified: true, patch: [{ op: "add", path: "/isError", value: true }] } : { valid: true },
  );
  await using host = await hooked(
    [
      { url: hook.url, at: "respond", send: ["result"] },
      { url: hook.url, at: "respond", send: ["params"] },
      { url: hook.url, at: "permit", send: [] },
    ],
    { spec: { tools: { read: () => ({ content: [{ type: "text", text: GITHUB }], _meta: { "example.com/x": 1 } }) } } },
  );
  expect(await host.client.callTool("read", { a: 1 })).toEqual({
    content: [{ type: "text", text: GITHUB }],
    isError: true,
    _meta: { "example.com/x": 1 },
  });
  const [permit, result, params] = hook.received.map(({ body }) => body);
  expect(permit).toMatchObject({ payload: { name: "read" } });
  expect(permit?.payload).not.toHaveProperty("arguments");
  expect(permit?.context).not.toHaveProperty("principal");
  expect(result).toMatchObject({ payload: { content: [{ type: "text", text: "[redacted]" }] }, request: { name: "read" } });
  expect(result?.request).not.toHaveProperty("arguments");
  expect(params).toMatchObject({ request: { name: "read", arguments: { a: 1 } } });
  expect(params).not.toHaveProperty("payload");
});

test("what was not shown cannot be changed", async () => {
  await using hook = await receiver(() => ({ modified: true, payload: { content: [] } }));
  await using host = await hooked([
    { url: hook.url, at: "respond", send: ["params"], match: { tools: ["add"] } },
    { url: hook.url, at: "permit", match: { tools: ["drop"] } },
  ]);
  for (const name of ["add", "drop"]) await expect(host.client.callTool(name)).rejects.toThrow(/only to allow, or was not shown/);
});
