import { cache } from "@host/plugin-cache";
import { type CompactOptions, compact } from "@host/plugin-compact";
import { transform } from "@host/plugin-transform";
import { type Config, definePlugin, type Json } from "mcp-host";
import { createTestHost, FakeClock, type FakeUpstreamSpec, fakeUpstream, type TestHost, type TestHostOptions } from "mcp-host/testing";
import { afterEach, describe, expect, test } from "vitest";
import { memoryTransport, sdkClient } from "../../../test/harness/clients.ts";
import { startHost } from "../../../test/harness/hosts.ts";
import { read } from "./reading.ts";

const ERAS = ["legacy", "modern"] as const;
type Era = (typeof ERAS)[number];
const META = "io.mcp-host/compact";

const rows = Array.from({ length: 40 }, (_, id) => ({
  id,
  name: `otter ${id}`,
  place: "by the water",
  owner: { login: `keeper-${id % 3}` },
}));
const prose = Array.from({ length: 400 }, (_, at) => `This is line ${at} of a story about otters.`).join("\n");
const image = { type: "image", data: "A".repeat(40_000), mimeType: "image/png" };
const audio = { type: "audio", data: "A".repeat(40_000), mimeType: "audio/wav" };
const link = { type: "resource_link", uri: "file:///a", name: "a" };
const blob = { type: "resource", resource: { uri: "file:///b", blob: "A".repeat(40_000) } };
const text = (given: string): Json => ({ type: "text", text: given });

const TOOLS: FakeUpstreamSpec["tools"] = {
  rows: () => ({ content: [text(JSON.stringify(rows, null, 2))] }),
  structured: {
    outputSchema: { type: "object", properties: { rows: { type: "array" } }, required: ["rows"] },
    call: () => ({ content: [text(JSON.stringify({ rows }))], structuredContent: { rows } }),
  },
  story: () => ({ content: [text(prose), image, text("The end.")] }),
  fails: () => ({ content: [text(JSON.stringify(rows))], isError: true }),
  pictures: () => ({ content: [image, audio, link, blob] }),
  mine: () => ({ content: [{ ...text(JSON.stringify(rows)), annotations: { audience: ["user"] } }] }),
  embedded: () => ({
    content: [{ type: "resource", resource: { uri: "file:///c", mimeType: "application/json", text: JSON.stringify(rows) } }],
  }),
  short: () => "done",
};

const made: TestHost[] = [];
afterEach(async () => {
  for (const host of made.splice(0)) await host.close();
});

async function hosting(
  options: CompactOptions,
  {
    era = "modern" as Era,
    before = [] as NonNullable<Config["plugins"]>,
    ...more
  }: TestHostOptions & { era?: Era; before?: NonNullable<Config["plugins"]> } = {},
): Promise<TestHost> {
  const { transport } = fakeUpstream({ era, tools: TOOLS });
  const host = await createTestHost({ upstreams: { one: { transport } }, plugins: [...before, compact(options)], client: false, ...more });
  made.push(host);
  return host;
}

const contentOf = (result: Json): Json[] => result.content as Json[];
const textOf = (result: Json, at = 0): string => String(contentOf(result)[at]?.text);
const fromOf = (result: Json): string => /\{"from":"([^"]+)"\}/.exec(textOf(result, contentOf(result).length - 1))?.[1] ?? "";

describe.each(ERAS.flatMap((client) => ERAS.map((server) => [client, server] as const)))(
  "a client of the %s era, a server of the %s era",
  (client, era) => {
    test("JSON becomes a table that says the same, and says that it is one", async () => {
      const host = await hosting({}, { era });
      const ann = await host.connect({ era: client });
      const result = await ann.callTool("rows");
      expect(read(textOf(result))).toMatchObject(
        JSON.parse(JSON.stringify(rows, (_, value) => (typeof value === "number" ? { number: String(value) } : value))),
      );
      expect(textOf(result)).toContain("; each has place=by the water\nid|name|owner.login\n0|otter 0|keeper-0\n");
      expect(result._meta).toMatchObject({ [META]: { form: "table", before: expect.any(Number), after: expect.any(Number) } });
    });

    test("a long text comes in parts, which together are the text, and pictures stay where they are", async () => {
      const host = await hosting({ limit: 1_000 }, { era });
      const ann = await host.connect({ era: client });
      let result = await ann.callTool("story");
      expect(contentOf(result)[1]).toEqual(image);
      expect(textOf(result, 2)).toMatch(
        /^\[cut by the host: about \d+ of \d+ tokens are shown; call read_more with \{"from":"[\w-]{22}\.0"\} for the rest\]$/,
      );
      let all = textOf(result);
      for (let from = fromOf(result); from !== ""; from = fromOf(result)) {
        result = await ann.callTool("read_more", { from });
        all += textOf(result);
      }
      expect(all).toBe(`${prose}\n\nThe end.`);
      expect((await ann.listTools()).map(({ name }) => name)).toContain("read_more");
    });

    test("structured content stays as its schema promises it; errors, pictures and what is for the user stay whole", async () => {
      const host = await hosting({ from: 0 }, { era });
      const ann = await host.connect({ era: client });
      const structured = await ann.callTool("structured");
      expect(structured.structuredContent).toEqual({ rows });
      expect(textOf(structured)).toContain("<table 1> 40 rows");
      for (const name of ["fails", "pictures", "mine", "embedded", "short"]) {
        const plain = (await ann.callTool(name)) as Json;
        expect(plain._meta ?? {}, name).not.toHaveProperty([META]);
      }
      expect(contentOf(await ann.callTool("fails"))).toEqual([text(JSON.stringify(rows))]);
      expect(contentOf(await ann.callTool("pictures"))).toEqual([image, audio, link, blob]);
    });
  },
);

test("nobody reads another's rest, nor what was guessed, nor past its time", async () => {
  const clock = new FakeClock();
  const host = await hosting({ limit: 1_000, rest: { time: "1m" } }, { clock });
  const [ann, bob] = [await host.connect(), await host.connect()];
  const from = fromOf(await ann.callTool("story"));
  expect((await ann.callTool("read_more", { from })).isError).toBeUndefined();
  for (const wrong of [from.replace(/\d+$/, "999999999"), "nothing", `${from}0.1`, ""])
    expect(await ann.callTool("read_more", { from: wrong })).toMatchObject({ isError: true });
  const other = await bob.callTool("read_more", { from });
  expect(other).toMatchObject({ isError: true, content: [text(expect.stringMatching(/^Nothing is kept under .* Call the tool again/))] });
  await clock.advance(60_001);
  expect((await ann.callTool("read_more", { from })).isError).toBe(true);
  expect(host.host.reports().compact).toMatchObject({ cut: 1, kept: { rests: 0, bytes: 0 } });
});

test("what is kept is bounded: a rest that is too long is said to be lost", async () => {
  const host = await hosting({ limit: 1_000, rest: { size: 4_000 } });
  const ann = await host.connect();
  const result = await ann.callTool("story");
  expect(textOf(result, 2)).toMatch(/the rest was too long to keep: call the tool again, and ask it for less\]$/);
  expect((result._meta as Json)[META]).not.toHaveProperty("more");
});

test("rules are by tool and by client, and a client whose answers are never cut is not shown read_more", async () => {
  const host = await hosting({
    limit: 1_000,
    rules: [
      { clients: ["program*"], form: "minified", limit: false },
      { match: ["one:story"], limit: 500 },
      { match: ["rows"], form: "as-is" },
    ],
  });
  const [program, model] = [
    await host.connect({ info: { name: "program:7", version: "1" } }),
    await host.connect({ info: { name: "model", version: "1" } }),
  ];
  expect(textOf(await program.callTool("rows"))).toBe(JSON.stringify(rows));
  expect(textOf(await program.callTool("story"))).toBe(prose);
  expect((await program.listTools()).map(({ name }) => name)).not.toContain("read_more");
  expect((await model.listTools()).map(({ name }) => name)).toContain("read_more");
  expect(textOf(await model.callTool("rows"))).toContain('\n  {\n    "id": 0');
  const shown = ((await model.callTool("story"))._meta as Json)[META] as Json;
  expect(shown.shown).toBeLessThanOrEqual(500);
});

test("who may not read on gets all at once, and who may not call the tool any more does not read its answers", async () => {
  const denied = new Set(["read_more"]);
  const guard = definePlugin({
    name: "guard",
    host: "^1.0.0",
    apply: ({ hooks }) => hooks.permit.tap("guard", ({ native }) => (denied.has(native) ? false : undefined)),
  });
  const host = await hosting({ limit: 1_000 }, { before: [guard()] });
  const ann = await host.connect();
  expect(textOf(await ann.callTool("story"))).toBe(prose);
  expect(host.log.filter((line) => JSON.stringify(line).includes("was not cut"))).toHaveLength(1);
  denied.delete("read_more");
  const from = fromOf(await ann.callTool("story"));
  denied.add("story");
  expect((await ann.callTool("read_more", { from })).isError).toBe(true);
});

test("what others take out of the answer is out of the table and of the rest, wherever in the config they are; caches keep the whole", async () => {
  const upstream = fakeUpstream({ era: "modern", tools: TOOLS });
  let seen: Json = {};
  const auditor = definePlugin({
    name: "auditor",
    host: "^1.0.0",
    apply: ({ hooks }) =>
      hooks.settled.tap("auditor", ({ outcome, entry }) => {
        if (entry?.native === "rows" && outcome && "result" in outcome) seen = outcome.result;
      }),
  });
  const plugins = [
    auditor(),
    compact({ limit: 1_000 }),
    cache({ tools: ["rows"], ttl: "1m" }),
    transform({ rules: [{ match: ["rows"], redact: { fields: ["name"] } }] }),
  ];
  const host = await createTestHost({ upstreams: { one: { transport: upstream.transport } }, plugins, client: false });
  made.push(host);
  const ann = await host.connect();
  const first = await ann.callTool("rows");
  expect(textOf(first)).toContain("<table 1> 40 rows");
  expect(textOf(first)).not.toContain("otter 1");
  // The record of a call has what the client got.
  expect(seen.content).toEqual(first.content);
  const before = upstream.received("tools/call").length;
  expect(contentOf(await ann.callTool("rows"))).toEqual(first.content);
  expect(upstream.received("tools/call")).toHaveLength(before);
  expect(host.host.reports().compact).toMatchObject({ answers: 2, shortened: 2, tools: [{ tool: "one:rows", answers: 2 }] });
});

test("a reload that changes the options loses nothing: neither what is kept nor a call that is under way", async () => {
  const { transport } = fakeUpstream({ era: "modern", tools: TOOLS });
  const config = (limit: number): Config => ({ mcpServers: { one: { transport } }, plugins: [compact({ limit })] });
  await using running = await startHost({ ...config(1_000), listen: null });
  const client = sdkClient();
  await client.connect(await memoryTransport(running.host));
  const call = async (name: string, args = {}) => (await client.callTool({ name, arguments: args })) as Json;
  const from = fromOf(await call("story"));
  const calls = Array.from({ length: 20 }, () => call("story"));
  await running.host.reload(config(2_000));
  for (const result of await Promise.all(calls)) expect(textOf(result).startsWith(prose.slice(0, 1_000))).toBe(true);
  const more = await call("read_more", { from });
  expect([more.isError, prose.includes(textOf(more))]).toEqual([undefined, true]);
  await client.close();
});

test("what a plugin calls on behalf of a client comes to it whole, and what it answers is judged as the tool that it called", async () => {
  let seen: Json = {};
  const passing = definePlugin({
    name: "passing",
    host: "^1.0.0",
    apply: (host) =>
      void host.offer({
        tools: {
          call_it: {
            call: async (_args, { exchange }) => {
              seen = await exchange.call("tools/call", { name: "rows", arguments: {} });
              return seen as { content: [] };
            },
          },
        },
      }),
  });
  const host = await hosting({ rules: [{ match: ["one:rows"], limit: 200 }] }, { before: [passing()] });
  const ann = await host.connect();
  const result = await ann.callTool("call_it");
  expect(textOf(seen)).toBe(JSON.stringify(rows, null, 2));
  expect(textOf(result)).toContain("<table 1> 40 rows");
  expect(contentOf(result)).toHaveLength(2);
  expect((result._meta as Json)[META]).toMatchObject({ form: "table", more: expect.any(String) });
});
