import type { Json } from "mcp-host";
import { describe, expect, test } from "vitest";
import { hooked, receiver, until } from "./receiver.ts";

const textOf = (result: Json): unknown => (result.content as { text: string }[])[0]?.text;

describe.each(["legacy", "modern"] as const)("%s", (era) => {
  test("permit: a hook is told who calls what with which arguments, and its words refuse", async () => {
    await using hook = await receiver(({ body }) =>
      body.payload.arguments.a === 1
        ? { valid: true }
        : {
            interceptor: "ours",
            type: "validation",
            phase: "request",
            valid: false,
            severity: "error",
            messages: [
              { path: "arguments.a", message: "must be 1", severity: "error" },
              { message: "only a remark", severity: "info" },
            ],
            suggestions: [{ path: "arguments.a", value: 1 }],
          },
    );
    await using host = await hooked([{ url: hook.url, at: "permit", match: { tools: ["up:add"] } }], {
      spec: { era },
      client: { era, principal: { id: "ann", roles: ["dev"] } },
    });
    expect(textOf(await host.client.callTool("add", { a: 1 }))).toBe('{"a":1}');
    await expect(host.client.callTool("add", { a: 2 })).rejects.toMatchObject({
      code: -31403,
      message: 'the check "hook0" of this host refuses this: must be 1 (arguments.a)',
      data: { type: "forbidden", sent: "no" },
    });
    expect(host.up.received("tools/call")).toHaveLength(1);
    await host.client.callTool("drop");
    expect(hook.received, "it is asked about what it matches alone").toHaveLength(2);
    expect(hook.received[0]?.body).toEqual({
      name: "hook0",
      event: "tools/call",
      phase: "request",
      type: "validation",
      payload: { name: "add", arguments: { a: 1 } },
      timeoutMs: 20_000,
      context: {
        traceId: host.settled.find(({ method }) => method === "tools/call")?.id,
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        protocolVersion: era === "modern" ? "2026-07-28" : expect.stringMatching(/^2025-/),
        target: { kind: "tool", name: "add", server: "up", native: "add" },
        principal: { type: "user", id: "ann", roles: ["dev"] },
        client: { name: expect.any(String), version: expect.any(String) },
        sessionId: expect.stringMatching(/^.{8}$/),
      },
    });
    const refused = host.settled.find(({ decisions }) => decisions.length > 0);
    expect(refused?.decisions).toEqual([{ plugin: "webhooks", hook: "authorize", did: "refused", rule: "hook0" }]);
    expect(host.report()).toEqual([
      expect.objectContaining({
        name: "hook0",
        at: "permit",
        mode: "enforce",
        circuit: "closed",
        allowed: 1,
        refused: 1,
        failed: 0,
        requests: 2,
      }),
    ]);
  });

  test("transform: what is sent is the hook's, as a payload or as a patch", async () => {
    await using hook = await receiver(({ body }) => {
      const payload = body.payload as { name: string; arguments: Json };
      return payload.arguments.whole === true
        ? { modified: true, payload: { ...payload, arguments: { ...payload.arguments, city: "Oslo" } } }
        : { modified: true, patch: [{ op: "replace", path: "/arguments/city", value: "Bergen" }] };
    });
    await using host = await hooked([{ url: hook.url, at: "transform" }], { spec: { era }, client: { era } });
    expect(JSON.parse(String(textOf(await host.client.callTool("add", { whole: true, city: "x" }))))).toEqual({
      whole: true,
      city: "Oslo",
    });
    expect(JSON.parse(String(textOf(await host.client.callTool("add", { whole: false, city: "x" }))))).toEqual({
      whole: false,
      city: "Bergen",
    });
    expect(host.report()[0]).toMatchObject({ changed: 2 });
    expect(hook.received[0]?.body.type).toBe("mutation");
  });

  test("respond: a result is changed, or refused", async () => {
    await using hook = await receiver(({ body }) =>
      body.request.arguments.secretive
        ? { valid: false, messages: [{ message: "it tells too much", severity: "error" }] }
        : { modified: true, patch: [{ op: "add", path: "/content/-", value: { type: "text", text: "checked" } }] },
    );
    await using host = await hooked([{ url: hook.url, at: "respond", match: { tools: ["add"] } }], { spec: { era }, client: { era } });
    const { content } = await host.client.callTool("add", { a: 1 });
    expect(content).toEqual([
      { type: "text", text: '{"a":1}' },
      { type: "text", text: "checked" },
    ]);
    await expect(host.client.callTool("add", { secretive: true })).rejects.toMatchObject({
      message: 'the check "hook0" of this host refuses the result: it tells too much',
      data: { type: "forbidden", sent: "yes" },
    });
    expect(hook.received[0]?.body).toMatchObject({
      phase: "response",
      payload: { content: [{ type: "text", text: '{"a":1}' }] },
      request: { name: "add" },
    });
  });

  test("prompts, resources, completions and both directions at once", async () => {
    await using hook = await receiver(({ body }) => {
      if (body.phase === "request") return { modified: true, patch: [{ op: "replace", path: "/arguments/city", value: "Oslo" }] };
      return body.event === "prompts/get"
        ? { modified: true, patch: [{ op: "replace", path: "/messages/0/role", value: "assistant" }] }
        : { modified: true, payload: { contents: [{ uri: "memory:///note", text: "another note" }] } };
    });
    await using host = await hooked(
      [
        { url: hook.url, at: "transform", match: { prompts: ["pack"] } },
        { url: hook.url, at: "respond", match: { prompts: ["pack"], resources: ["memory:///*"] } },
      ],
      { spec: { era }, client: { era } },
    );
    expect(await host.client.getPrompt("pack", { city: "x" })).toMatchObject({
      messages: [{ role: "assistant", content: { text: "pack for Oslo" } }],
    });
    expect(await host.client.readResource("memory:///note")).toMatchObject({ contents: [{ text: "another note" }] });
  });

  test("a call without arguments has empty ones for hooks, and stays as it was unless they change it", async () => {
    await using hook = await receiver(({ body }) =>
      body.payload.name === "add"
        ? { modified: true, patch: [{ op: "add", path: "/arguments/a", value: 1 }] }
        : { modified: true, payload: body.payload },
    );
    await using host = await hooked([{ url: hook.url, at: "transform" }], { spec: { era }, client: { era } });
    await host.client.request("tools/call", { name: "add" });
    await host.client.request("tools/call", { name: "drop" });
    expect(hook.received.map(({ body }) => body.payload)).toEqual([
      { name: "add", arguments: {} },
      { name: "drop", arguments: {} },
    ]);
    const [add, drop] = host.up.received("tools/call");
    expect(add?.arguments).toEqual({ a: 1 });
    expect(drop).not.toHaveProperty("arguments");
    expect(host.report()[0]).toMatchObject({ changed: 1, allowed: 1 });
  });

  test("many at once get each its own verdict, in whatever order those come", async () => {
    const waiting: (() => void)[] = [];
    await using hook = await receiver(async ({ body }) => {
      await new Promise<void>((go) => waiting.push(go));
      const { n } = body.payload.arguments as { n: number };
      if (n % 3 === 0) return { valid: false, messages: [{ message: `not ${n}` }] };
      return { modified: true, patch: [{ op: "add", path: "/arguments/twice", value: 2 * n }] };
    });
    await using host = await hooked([{ url: hook.url, at: "transform", connections: 30 }], { spec: { era }, client: { era } });
    const calls = Promise.allSettled(Array.from({ length: 30 }, (_, n) => host.client.callTool("add", { n })));
    await until(() => expect(waiting).toHaveLength(30));
    for (const go of waiting.reverse()) go();
    for (const [n, call] of (await calls).entries()) {
      if (n % 3 === 0) expect(call).toMatchObject({ reason: { message: expect.stringMatching(new RegExp(`: not ${n}$`)) } });
      else expect(call).toMatchObject({ value: { content: [{ text: JSON.stringify({ n, twice: 2 * n }) }] } });
    }
  });
});
