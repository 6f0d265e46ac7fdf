import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, refuse } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import audit from "./audit.ts";

const folder = mkdtempSync(join(tmpdir(), "audit-"));
afterAll(() => rmSync(folder, { recursive: true }));

testPlugin(audit, {
  test,
  module: new URL("./audit.ts", import.meta.url),
  options: { file: join(folder, "contract.jsonl") },
  badOptions: [{ options: { file: "" }, place: "plugins[0].options.file", hint: ">=1" }],
});

const policy = definePlugin({
  name: "policy",
  host: "^1.0.0",
  security: true,
  apply(host) {
    host.hooks.permit.tap("policy", ({ native }) => (native === "hidden" ? false : undefined));
    host.hooks.transform.for("*").tap("policy", (params, { method }) => {
      if (method === "notifications/vendor/secret") throw refuse("forbidden", "not that");
      return params;
    });
    host.hooks.authorize.for("tools/call").tap("policy", ({ called }) => (called?.native === "denied" ? false : undefined));
    host.hooks.admit.tap("policy", ({ path }) => {
      if (path.includes("evil")) throw refuse("forbidden", "not there");
    });
    host.operator.operation("note", () => ({ noted: true }));
  },
});

test("a line for each request, question, notification, refusal and operation, with who decided", async () => {
  const server = fakeUpstream({
    tools: {
      echo: (args) => args,
      hidden: () => "",
      denied: () => "",
      fail: () => Promise.reject(new Error("no")),
      ask: (_args, { ask }) => ask("elicitation/create", { message: "?", requestedSchema: { type: "object", properties: {} } }),
    },
  });
  {
    await using host = await createTestHost({
      plugins: [audit({ file: "audit.jsonl" }), policy()],
      upstreams: { server: { transport: server.transport, isolation: "session" } },
      client: { capabilities: { elicitation: {} } },
      folder,
      config: { listen: { port: 0 } },
    });
    const { client } = host;
    client.on("elicitation/create", () => ({ action: "decline" }));
    await client.callTool("echo", { password: "x" });
    await client.callTool("echo", { password: "x" });
    await client.callTool("hidden").catch(() => undefined);
    await client.callTool("denied").catch(() => undefined);
    await client.callTool("fail");
    await client.callTool("ask");
    client.notify("notifications/vendor/note", {});
    client.notify("notifications/vendor/secret", {});
    await client.callTool("echo");
    await fetch(new URL("/evil", host.host.url));
    await fetch(host.host.url!, { method: "POST" });
    await host.host.operator.run("policy:note", {});
  }
  const text = readFileSync(join(folder, "audit.jsonl"), "utf8");
  expect(text).not.toContain("password");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

  const of = (kind: string) => lines.filter((line) => line.kind === kind);
  const calls = of("request").filter(({ method }) => method === "tools/call");
  expect(calls.map(({ entry, outcome, type, by }) => [entry, outcome, type, by])).toEqual([
    ["server:echo", "ok", undefined, []],
    ["server:echo", "ok", undefined, []],
    ["server:hidden", "error", "invalid_params", ["policy.permit: refused"]],
    ["server:denied", "error", "forbidden", ["policy.authorize: refused"]],
    ["server:fail", "tool error", undefined, []],
    ["server:ask", "ok", undefined, []],
    ["server:echo", "ok", undefined, []],
  ]);
  expect(calls[0].arguments).toBe(calls[1].arguments);
  expect(of("question")).toEqual([
    expect.objectContaining({ method: "elicitation/create", server: "server", outcome: "ok", principal: "local" }),
  ]);
  expect(of("notification").map(({ method }) => method)).toEqual(["notifications/vendor/note"]);
  expect(of("refused").map(({ method, path, type, status, by }) => [method, path, type, status, by])).toEqual([
    ["notifications/vendor/secret", undefined, "forbidden", undefined, "policy.transform"],
    ["GET", "/evil", "forbidden", 403, "policy.admit"],
    ["POST", "/mcp", "unsupported_media_type", 415, undefined],
  ]);
  expect(of("operated")).toEqual([expect.objectContaining({ who: "program", operation: "policy:note", outcome: "ok" })]);
});
