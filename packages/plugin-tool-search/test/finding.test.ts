import { TOOL_SCORER, type ToolScorer } from "@host/plugin-tool-search";
import { definePlugin, type Json, refuse } from "mcp-host";
import { fakeUpstream, type TestClient } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { call, find, found, office, started } from "./made.ts";

const policy = definePlugin({
  name: "policy",
  host: "^1.0.0",
  security: true,
  apply(host) {
    host.hooks.permit.tap("policy", ({ native }, { principal }, exchange) => {
      if (native === "burn_letter" && !principal.roles.includes("boss")) return false;
      return (exchange?.params.arguments as Json | undefined)?.to === "nobody" ? false : undefined;
    });
    host.hooks.transform.for("tools/call").tap("policy", (params) => {
      if (params.arguments?.to === "enemy") throw refuse("forbidden", "not to them");
      return params;
    });
  },
});

test("the best comes first, with what is needed to call it", async () => {
  await using host = await started();
  const { head, tools } = await find(host.client, "letter to somebody");
  expect(head).toBe("2 of 63 tools, best first. Call one with call_tool.");
  expect(tools[0]).toEqual({
    name: "send_letter",
    description: "Sends a letter by post.",
    inputSchema: { type: "object", properties: { to: { type: "string", description: "The recipient." } }, required: ["to"] },
  });
  expect(await found(host.client, "send_letter")).toEqual(["send_letter", "burn_letter"]);
  expect(await found(host.client, "RECIPIENT")).toEqual(["send_letter"]); // a word of an argument
  expect(await found(host.client, "erase a letter")).toEqual(["burn_letter", "send_letter"]); // as destroys does
  expect((await find(host.client, "inventory", 2)).tools).toHaveLength(2);
});

test("nothing found is said so, with what there is", async () => {
  await using host = await started();
  const { content } = (await host.client.callTool("find_tools", { query: "xyzzy" })) as { content: { text: string }[] };
  expect(content[0]?.text).toBe("No tool fits. Say what is to be done in other words. There are 63 tools, by server: office (63).");
  expect(await host.client.callTool("find_tools", { query: "" })).toMatchObject({ isError: true });
  expect(await host.client.callTool("find_tools", { query: "x", limit: 21 })).toMatchObject({ isError: true });
  expect(await found(host.client, "`'\"(*+?) the of")).toEqual([undefined].slice(1));
});

test("own words of a place are understood", async () => {
  const upstream = office({ customers: { description: "Lists customers.", call: () => "" } });
  await using host = await started({ synonyms: [["Kunde", "customer"]] }, { upstream });
  expect(await found(host.client, "Kunden")).toEqual([]);
  expect(await found(host.client, "alle Kunde")).toEqual(["customers"]);
});

test("an answer has its bound: what is beyond is told without its schema", async () => {
  const large = (n: number): Json => ({
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: 40 }, (_, each) => [`argument_${each}`, { type: "string", description: `of ${n}` }]),
    ),
  });
  const tools = Object.fromEntries(
    [1, 2, 3].map((n) => [`big_${n}`, { description: `A big one. ${"x".repeat(500)}`, inputSchema: large(n), call: () => "" }]),
  );
  await using host = await started({ answer: 200 }, { upstream: office(tools) });
  const { head, tools: told } = await find(host.client, "a big one", 3);
  expect(head).toContain("Those without inputSchema are found whole by their names.");
  expect(told.map(({ inputSchema }) => inputSchema !== undefined)).toEqual([true, false, false]);
  expect(String(told[1]?.description)).toHaveLength(201);
});

describe.each(["legacy", "modern"] as const)("a client of the %s era", (era) => {
  test("calls what it found, with progress, failures and structured content as the tool has them", async () => {
    const upstream = office({
      send_letter: {
        description: "Sends a letter.",
        call(_args, { progress }) {
          progress(1, 2, "half");
          return "sent";
        },
      },
      broken: { description: "Breaks.", call: () => Promise.reject(new Error("it broke")) },
      counted: { description: "Counts.", outputSchema: { type: "object" }, call: () => ({ n: 1 }) },
      asks: {
        description: "Asks.",
        call: async (_args, { ask }) =>
          JSON.stringify(
            await ask("elicitation/create", { mode: "form", message: "who?", requestedSchema: { type: "object", properties: {} } }),
          ),
      },
    });
    await using host = await started({}, { upstream, client: { era, capabilities: { elicitation: { form: {} } } } });
    host.client.on("elicitation/create", () => ({ action: "accept", content: {} }));
    const steps: unknown[] = [];
    const sent = await host.client.callTool("call_tool", { name: "send_letter" }, { onProgress: ({ message }) => steps.push(message) });
    expect([sent, steps]).toMatchObject([{ content: [{ text: "sent" }] }, ["half"]]);
    expect(await call(host.client, "broken")).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("it broke") }] });
    expect(await call(host.client, "counted")).toMatchObject({ structuredContent: { n: 1 } });
    expect(await call(host.client, "asks")).toMatchObject({ content: [{ text: expect.stringContaining("accept") }] });
  });

  test("neither finds nor calls what it may not, and learns nothing of it", async () => {
    await using host = await started({}, { before: [policy()], client: false });
    const guest = await host.connect({ era, principal: { id: "guest", roles: [] } });
    const boss = await host.connect({ era, principal: { id: "boss", roles: ["boss"] } });
    expect(await found(guest, "burn the letter for ever")).toEqual(["send_letter"]);
    expect(await found(guest, "burn_letter")).toEqual(["send_letter"]);
    expect(await found(boss, "burn the letter for ever")).toEqual(["burn_letter", "send_letter"]);
    const [search] = await guest.listTools();
    expect(search?.description).toContain("There are 62 tools");

    const errorOf = (client: TestClient, name: string, args?: Json): Promise<Json> =>
      call(client, name, args).then(
        () => ({}),
        ({ code, message }) => ({ code, message }),
      );
    const unknown = await errorOf(guest, "nothing_there");
    expect(unknown).toMatchObject({ code: -32602, message: expect.stringContaining("nothing_there") });
    const denied = await errorOf(guest, "burn_letter");
    expect(denied).toEqual({ ...unknown, message: String(unknown.message).replace("nothing_there", "burn_letter") });
    expect(denied).toEqual(
      await guest.callTool("burn_letter").then(
        () => ({}),
        ({ code, message }) => ({ code, message }),
      ),
    );
    expect(await errorOf(guest, "send_letter", { to: "nobody" })).toMatchObject({ code: -31403 });
    expect(await errorOf(guest, "send_letter", { to: "enemy" })).toMatchObject({ code: -31403 });
    expect(host.office.received("tools/call")).toEqual([]);
    expect(await call(boss, "burn_letter")).toMatchObject({ content: [{ text: "burnt" }] });
  });
});

test("a call passes the pipeline as the tool itself", async () => {
  const seen: unknown[] = [];
  const watch = definePlugin({
    name: "watch",
    host: "^1.0.0",
    apply(host) {
      host.hooks.settled.tap("watch", ({ method, entry, parent }) => {
        if (method === "tools/call") seen.push([entry?.native, parent?.entry?.native]);
      });
      host.hooks.authorize.for("tools/call").tap("watch", ({ called }) => void seen.push(`authorize ${called?.native}`));
    },
  });
  await using host = await started({}, { before: [watch()] });
  await call(host.client, "send_letter", { to: "Ann" });
  expect(seen).toEqual(["authorize call_tool", "authorize send_letter", ["send_letter", "call_tool"], ["call_tool", undefined]]);
});

test("the two do not call themselves", async () => {
  await using host = await started();
  for (const name of ["call_tool", "find_tools"])
    await expect(call(host.client, name, { query: "x" })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining("directly"),
    });
});

test("an index is made once for all who may call the same, and anew when a tool has changed", async () => {
  await using host = await started({}, { before: [policy()], client: false });
  const of = (id: string, roles: string[] = []): Promise<TestClient> => host.connect({ principal: { id, roles } });
  const [ann, bob, boss] = [await of("ann"), await of("bob"), await of("boss", ["boss"])];
  const built = (): unknown => (host.host.reports()["tool-search"] as { indexes: Json }).indexes;
  for (const client of [ann, bob, ann]) await find(client, "letter");
  expect(built()).toEqual({ kept: 1, built: 1 });
  await find(boss, "letter");
  expect(built()).toEqual({ kept: 2, built: 2 });
  host.office.set({ tools: { parcel: { description: "Sends a parcel.", call: () => "" } } });
  await expect.poll(() => found(ann, "parcel")).toEqual(["parcel"]);
  expect(await found(ann, "letter")).toEqual([]);
});

describe("a scorer of another plugin", () => {
  const withScorer = (scorer: ToolScorer) =>
    definePlugin({ name: "scorer", host: "^1.0.0", apply: (host) => host.provide(TOOL_SCORER, scorer) })();

  test("decides, and is told what words give", async () => {
    const asked: unknown[] = [];
    const scorer: ToolScorer = {
      score(query, tools, words) {
        asked.push([query, tools.length, words.filter((score) => score > 0).length]);
        return Promise.resolve(tools.map(({ name }) => (name === "item_7" ? 2 : name === "burn_letter" ? 1 : 0)));
      },
    };
    await using host = await started({}, { after: [withScorer(scorer)] });
    expect(await found(host.client, "letter")).toEqual(["item_7", "burn_letter"]);
    expect(asked).toEqual([["letter", 63, 2]]);
  });

  test.each<[string, ToolScorer["score"]]>([
    ["throws", () => Promise.reject(new Error("no model"))],
    ["gives too few numbers", () => [1]],
    ["gives what is no number", (_query, tools) => tools.map(() => Number.NaN)],
  ])("that %s is told in the log, and words decide", async (_what, score) => {
    await using host = await started({}, { before: [withScorer({ score })] });
    expect(await found(host.client, "send letter")).toEqual(["send_letter", "burn_letter"]);
    expect(host.log.filter(({ message }) => message.startsWith("the scorer failed"))).toMatchObject([
      { level: "warn", plugin: "tool-search" },
    ]);
    expect(host.host.reports()["tool-search"]).toMatchObject({ scorer: { provided: true, failures: 1 } });
  });
});

test("tools of several servers are found by the names of their servers, too", async () => {
  const server = (): ReturnType<typeof fakeUpstream> =>
    fakeUpstream({ tools: { create_issue: { description: "Creates an issue.", call: () => "" } } });
  const { namespace } = await import("@host/plugin-namespace");
  const { createTestHost } = await import("mcp-host/testing");
  const { toolSearch } = await import("@host/plugin-tool-search");
  await using host = await createTestHost({
    upstreams: { hub: server(), lab: server() },
    plugins: [namespace({ prefixes: { "tool-search": "" } }), toolSearch({ show: "search" })],
  });
  expect((await found(host.client, "open an issue at the lab"))[0]).toBe("lab__create_issue");
  expect((await found(host.client, "open an issue at the hub"))[0]).toBe("hub__create_issue");
});
