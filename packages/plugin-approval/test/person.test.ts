import { definePlugin } from "mcp-host";
import { fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { asked, TOOLS, textOf } from "./asked.ts";

const ASK = { rules: [{ match: ["files:delete"], ask: "person" as const }] };

test("the person is asked with server, tool, arguments and why, and what they approve is done", async () => {
  await using at = await asked({ rules: [{ match: ["delete"], ask: "person", reason: "files do not come back." }] });
  expect(textOf(await at.person.client.callTool("delete", { path: "/tmp/x", force: true }))).toBe("deleted /tmp/x");
  expect(at.person.questions).toEqual([
    {
      message: [
        "May this call be made?",
        "",
        '    Server: "files"',
        '    Tool: "delete"',
        "    Arguments:",
        '      "path": "/tmp/x"',
        '      "force": true',
        "",
        "You are asked because: files do not come back.",
      ].join("\n"),
      requestedSchema: { type: "object", properties: {} },
    },
  ]);
  expect(textOf(await at.person.client.callTool("read"))).toBe("read");
  expect(at.person.questions).toHaveLength(1);
});

test.each([
  [{ action: "decline" }, "and declined it"],
  [{ action: "cancel" }, "and gave no answer"],
  [{ action: "perhaps" }, "and gave no answer"],
])("what the person answers with %j is not done, and the model is told in a result", async (answer, words) => {
  await using at = await asked(ASK);
  at.person.answer = () => answer;
  const result = await at.person.client.callTool("delete", { path: "x" });
  expect(result).toEqual({ content: [{ type: "text", text: expect.stringContaining(words) }], isError: true });
  expect(textOf(result)).toMatch(/this call of "delete".*Nothing was done\. Do not call it again unchanged/);
  expect(at.up.received("tools/call")).toEqual([]);
  expect(at.settled.find(({ method }) => method === "tools/call")?.decisions).toEqual([
    { plugin: "approval", hook: "call", did: "refused" },
    { plugin: "approval", hook: "call", did: "answered" },
  ]);
});

test("who calls for a task is told by an error, since a result would be taken for a broken task", async () => {
  await using at = await asked(ASK);
  at.person.answer = () => ({ action: "decline" });
  const call = at.person.client.request("tools/call", { name: "delete", arguments: {}, task: { ttl: 1_000 } });
  await expect(call).rejects.toMatchObject({ code: -31403, message: expect.stringContaining("declined it") });
});

test.each([[{}], [{ sampling: {} }], [{ elicitation: { url: {} } }]])(
  "a client that declares %j cannot be asked, and the model is told so",
  async (capabilities) => {
    await using at = await asked(ASK, { capabilities });
    expect(textOf(await at.person.client.callTool("delete"))).toMatch(
      /does not support elicitation.*tell the person what you wanted to do/,
    );
    expect([at.person.questions, at.up.received("tools/call")]).toEqual([[], []]);
  },
);

test("a client that fails to ask is none that approves", async () => {
  await using at = await asked(ASK);
  at.person.answer = () => Promise.reject(new Error("no window"));
  expect(textOf(await at.person.client.callTool("delete"))).toContain("the client failed to ask for it");
  expect(at.up.received("tools/call")).toEqual([]);
});

test("a question ends with its deadline: the call is refused, and the question taken back", async () => {
  await using at = await asked({ rules: [{ ...ASK.rules[0], ask: "person", deadline: "30s" }] });
  const shown = new Promise<void>((resolve) => {
    at.person.answer = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  const call = at.person.client.callTool("delete");
  await shown;
  await at.clock.advance(29_999);
  expect(at.person.client.notifications.filter(({ method }) => method === "notifications/cancelled")).toEqual([]);
  await at.clock.advance(1);
  expect(textOf(await call)).toMatch(/did not answer within 30 seconds.*Call it again only when the person says so/);
  await at.person.client.until("notifications/cancelled");
});

test("a call that is cancelled takes its question with it", async () => {
  await using at = await asked(ASK);
  const gone = new AbortController();
  const shown = new Promise<void>((resolve) => {
    at.person.answer = () => {
      resolve();
      return new Promise(() => {});
    };
  });
  const call = at.person.client.callTool("delete", {}, { signal: gone.signal });
  await shown;
  gone.abort(new Error("gone"));
  await expect(call).rejects.toThrow("gone");
  await at.person.client.until("notifications/cancelled");
  expect(at.up.received("tools/call")).toEqual([]);
});

test("the time that a person takes is not the server's", async () => {
  await using at = await asked(ASK);
  await at.person.client.callTool("delete");
  const { timeLimits, timings } = at.settled.find(({ method }) => method === "tools/call") ?? expect.fail("nothing was settled");
  expect(timeLimits.timeout).toBe(60_000);
  const given = timeLimits.maxTimeout - 600_000;
  expect([given > 0, given < (timings.end ?? 0) - timings.start]).toEqual([true, true]);
});

test("a question outlives a reload that takes the plugin out: what waited is not let through by that", async () => {
  await using at = await asked(ASK);
  at.person.answer = async () => {
    await at.host.host.reload({ mcpServers: { files: { transport: at.up.transport } }, plugins: [] });
    return { action: "decline" };
  };
  expect(textOf(await at.person.client.callTool("delete"))).toContain("declined it");
  expect(at.up.received("tools/call")).toEqual([]);
});

test("a request that is routed again asks no second time, and is not called elsewhere without being asked", async () => {
  let routes = 0;
  const router = definePlugin({
    name: "router",
    host: "^1.0.0",
    apply: (host) => host.hooks.route.tap("router", () => ({ upstream: ++routes < 3 ? "files" : "spare" })),
  });
  const spare = fakeUpstream({ tools: TOOLS });
  await using at = await asked({ rules: [{ ask: "person" }] }, { plugins: [router()], upstreams: { spare } });
  at.up.fail("down");
  expect(textOf(await at.person.client.callTool("delete", { path: "x" }))).toBe("deleted x");
  expect(at.person.questions.map(({ message }) => /Server: "(\w+)"/.exec(String(message))?.[1])).toEqual(["files", "spare"]);
});

test("a refusal is one for all routes", async () => {
  const router = definePlugin({
    name: "router",
    host: "^1.0.0",
    apply: (host) => host.hooks.route.tap("router", () => ({ upstream: "files" })),
  });
  await using at = await asked(ASK, { plugins: [router()] });
  at.person.answer = () => ({ action: "decline" });
  await expect(at.person.client.request("tools/call", { name: "delete", task: {} })).rejects.toThrow("declined it");
  expect(at.person.questions).toHaveLength(1);
});
