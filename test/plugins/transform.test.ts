import type { TransformOptions } from "@host/plugin-transform";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { describe, expect, test } from "vitest";
import { twoServers } from "../harness/two-servers.ts";

const { serve: serveWith } = twoServers();
const serve = (way: "http" | "stdio", options: TransformOptions) =>
  serveWith(way, ["@host/plugin-namespace", ["@host/plugin-transform", options]]);

const echoed = async (client: Client, name: string, args: Record<string, unknown>): Promise<unknown> =>
  ((await client.callTool({ name, arguments: args })).structuredContent as { arguments: unknown }).arguments;

const textOf = (result: object): string => (result as { content: { text: string }[] }).content.map(({ text }) => text).join("");

describe.each(["http", "stdio"] as const)("a client over %s", (way) => {
  test("sees and uses what the rules make of servers over stdio and HTTP", async () => {
    await using served = await serve(way, {
      environment: ["HOME"],
      rules: [
        {
          match: ["*:echo"],
          rename: "say_{upstream}",
          title: "Say",
          args: { pin: { delayMs: 0 }, rename: { text: "words" }, default: { steps: 0 }, drop: ["size"] },
        },
        { match: ["*__echo"], enrich: { arguments: { by: "principal.id" } } },
        { match: ["one:*", "two:slow"], kind: "tool", hide: false },
        { match: ["two__fail", "*:isError"], hide: true },
      ],
    });
    const { client } = served;
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["say_one", "say_two", "one__fail"]));
    expect(names.filter((name) => /two__fail|isError|echo/.test(name))).toEqual([]);
    for (const key of ["one", "two"]) {
      const tool = tools.find(({ name }) => name === `say_${key}`);
      expect(tool).toMatchObject({
        title: "Say",
        inputSchema: { properties: { words: { type: "string" }, steps: { type: "number", default: 0 } } },
      });
      expect(Object.keys(tool?.inputSchema.properties ?? {})).toEqual(["steps", "words"]);
      expect(await echoed(client, `say_${key}`, { words: "hi", DELAYMS: 60_000, size: 9, text: "x", By: "root" })).toEqual({
        text: "hi",
        steps: 0,
        delayMs: 0,
        by: way === "http" ? "anonymous" : "local",
      });
    }
    await expect(client.callTool({ name: "two__fail" })).rejects.toThrow("Unknown tool: two__fail");
  });

  test("gets results reshaped, cut and read on, and nothing secret", async () => {
    await using served = await serve(way, {
      limits: { time: "2s" },
      rules: [
        {
          match: ["one:echo"],
          result: { jsonata: '{ "said": arguments.text }', outputSchema: { type: "object", required: ["said"] } },
          redact: ["email", "card"],
        },
        {
          match: ["two:echo"],
          result: { truncate: { max: 500, unit: "bytes" } },
          validate: { arguments: { properties: { size: { maximum: 5000 } } } },
        },
        { match: ["*:fail"], redact: true },
      ],
    });
    const { client } = served;
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === "one__echo")?.outputSchema).toEqual({ type: "object", required: ["said"] });
    const said = await client.callTool({ name: "one__echo", arguments: { text: "ada@example.org paid with 4111 1111 1111 1111" } });
    const structured = { said: "[redacted:email] paid with [redacted:card]" };
    expect(said.structuredContent).toEqual(structured);
    expect(textOf(said)).toBe(JSON.stringify(structured));

    let cut = await client.callTool({ name: "two__echo", arguments: { size: 2_000 } });
    let whole = "";
    let pieces = 0;
    for (;;) {
      const { rest } = (cut._meta?.["io.mcp-host/truncated"] ?? {}) as { rest?: string };
      whole += (cut.content as { text: string }[])[0]?.text;
      pieces++;
      if (rest === undefined) break;
      cut = await client.callTool({ name: "two__echo", arguments: { _rest: rest } });
    }
    expect(pieces).toBeGreaterThan(4);
    expect(JSON.parse(whole)).toMatchObject({ arguments: { size: 2_000 } });
    await expect(client.callTool({ name: "two__echo", arguments: { size: 6_000 } })).rejects.toThrow("/size must be <= 5000");

    for (const key of ["one", "two"]) {
      const failed = client.callTool({ name: `${key}__fail`, arguments: { message: "no ada@example.org", data: { ip: "10.1.2.3" } } });
      await expect(failed).rejects.toMatchObject({
        code: -32050,
        message: expect.stringContaining("no [redacted:email]"),
        data: { ip: "[redacted:ipv4]" },
      });
    }
  });

  test("reads logs and progress without what the rules take out", async () => {
    await using served = await serve(way, {
      rules: [{ match: ["*"], redact: { detectors: ["email"], in: ["logs"] }, strip: { in: ["logs"] } }],
    });
    const told: unknown[] = [];
    await served.client.callTool({ name: "two__echo", arguments: { steps: 3, text: "ada@example.org\u001b[31m" } }, undefined, {
      onprogress: ({ message }) => told.push(message),
    });
    // The SDK's client drops progress that it reads together with the answer.
    expect([...new Set(told)]).toEqual(["[redacted:email]"]);
  });

  test("a dry run changes nothing", async () => {
    await using served = await serve(way, {
      dryRun: true,
      rules: [{ match: ["*"], rename: "x_{name}", hide: true, args: { pin: { text: "pinned" } }, result: { truncate: { max: 1 } } }],
    });
    expect(await echoed(served.client, "one__echo", { text: "mine" })).toEqual({ text: "mine" });
  });
});
