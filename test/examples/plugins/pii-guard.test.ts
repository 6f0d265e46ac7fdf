import type { Json } from "mcp-host";
import { createTestHost, FakeRpcError, fakeUpstream, TestRpcError, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import guard from "../../../examples/plugins/pii-guard.ts";

testPlugin(guard, {
  test,
  module: new URL("../../../examples/plugins/pii-guard.ts", import.meta.url),
  options: { mask: "***" },
  badOptions: [{ options: { mask: "" }, place: "plugins[0].options.mask", hint: ">=1" }],
});

const CARD = "4111 1111 1111 1111";
const MAIL = "ann@example.com";

/** @param told what the server is told instead of answers to its questions */
const make = (told: string[] = []) =>
  fakeUpstream({
    tools: {
      echo: (args) => args,
      give: ({ what }) => ({ content: [], structuredContent: { [what === "mail" ? MAIL : "card"]: what === "card" ? CARD : 1 } }),
      break: ({ what }) => Promise.reject(new FakeRpcError(-32050, `no ${what === "card" ? CARD : MAIL}`, { who: MAIL })),
      ask: ({ about }, { ask }) =>
        ask("elicitation/create", { message: `your ${about === "card" ? CARD : MAIL}?` }).catch(({ message }: FakeRpcError) =>
          told.push(message),
        ),
      log(_args, { log, progress }) {
        log("info", `from ${MAIL}`);
        log("info", CARD);
        progress(1, 2, MAIL);
        return "logged";
      },
    },
  });
const start = (server: ReturnType<typeof make>) =>
  createTestHost({ plugins: [guard()], upstreams: { server }, client: { capabilities: { elicitation: {} } } });

test("arguments: addresses are masked, cards refused", async () => {
  const server = make();
  await using host = await start(server);
  await host.client.callTool("echo", { to: [MAIL], [MAIL]: 1, n: 5 });
  expect(server.received("tools/call").map((params) => params.arguments)).toEqual([{ to: ["[e-mail]"], "[e-mail]": 1, n: 5 }]);
  await expect(host.client.callTool("echo", { n: CARD })).rejects.toMatchObject({ code: -31403 });
  await expect(host.client.callTool("echo", { n: 4111111111111111 })).rejects.toMatchObject({ code: -31403 });
  await host.client.callTool("echo", { n: "4111 1111 1111 1112" });
  expect(server.received("tools/call")).toHaveLength(2);
});

test("results and errors", async () => {
  await using host = await start(make());
  expect((await host.client.callTool("give", { what: "mail" })).structuredContent).toEqual({ "[e-mail]": 1 });
  await expect(host.client.callTool("give", { what: "card" })).rejects.toMatchObject({ code: -31403 });
  await expect(host.client.callTool("break", {})).rejects.toMatchObject({
    code: -32050,
    message: "no [e-mail]",
    data: { who: "[e-mail]" },
  });
  await expect(host.client.callTool("break", { what: "card" })).rejects.toMatchObject({
    code: -32050,
    message: "the error held the number of a credit card",
  });
  await expect(host.client.callTool(`no such ${MAIL}`)).rejects.toMatchObject({ message: expect.not.stringContaining(MAIL) });
});

test("questions and answers", async () => {
  const told: string[] = [];
  await using host = await start(make(told));
  const asked: unknown[] = [];
  const answering = (answer: () => Json | Promise<Json>) =>
    host.client.on("elicitation/create", ({ message }) => {
      asked.push(message);
      return answer();
    });
  answering(() => ({ action: "accept", content: { mail: MAIL } }));
  expect((await host.client.callTool("ask")).structuredContent).toEqual({ action: "accept", content: { mail: "[e-mail]" } });
  await host.client.callTool("ask", { about: "card" });
  answering(() => ({ action: "accept", content: { card: CARD } }));
  await host.client.callTool("ask");
  answering(() => Promise.reject(new TestRpcError(-1, `ask ${MAIL}`)));
  await host.client.callTool("ask");
  expect(asked).toEqual(["your [e-mail]?", "your [e-mail]?", "your [e-mail]?"]);
  expect(told).toEqual([expect.stringContaining("(in questions)"), expect.stringContaining("(in answers)"), "ask [e-mail]"]);
});

test("notifications", async () => {
  await using host = await start(make());
  const steps: unknown[] = [];
  await host.client.callTool("log", {}, { onProgress: (step) => steps.push(step) });
  expect(JSON.stringify([steps, host.client.notifications])).not.toMatch(/ann@|4111/);
  expect(steps).toEqual([expect.objectContaining({ message: "[e-mail]" })]);
  expect(host.client.notifications.map(({ params }) => params.data)).toContain("from [e-mail]");
});

test("notifications of clients", async () => {
  const server = make();
  await using host = await start(server);
  host.client.notify("notifications/vendor", { from: MAIL });
  host.client.notify("notifications/vendor", { card: CARD });
  await host.client.callTool("echo");
  expect(JSON.stringify(server.notifications)).not.toMatch(/ann@|4111/);
});
