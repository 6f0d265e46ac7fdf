import type { Client as ModernClient } from "@modelcontextprotocol/client";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin } from "mcp-host";
import { describe, expect, test } from "vitest";
import { browse } from "../fixtures/authorization.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, modernHttpTransport, modernSdkClient, sdkClient } from "../harness/clients.ts";
import type { TestHost } from "../harness/hosts.ts";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";
import { type World, world } from "../harness/signed-in.ts";

const who = definePlugin({
  name: "who",
  host: "^1.0.0",
  apply: (host) => host.hooks.authenticate.tap("who", ({ headers }) => ({ id: String(headers["x-user"] ?? "anonymous"), roles: [] })),
});

/** What needs no token, so that there is something to call before anybody has signed in. */
const OPEN = ["server/discover", "initialize", "notifications/initialized", "tools/list"];
const PAGES = { elicitation: { url: {} } };
const KEY = "io.modelcontextprotocol/";
const WHOAMI = { name: "whoami", arguments: {} };
const text = ({ content }: Message): string => content[0].text;

function hostOf(all: World): Promise<TestHost> {
  return all.host({ mode: "principal" }, { listen: { port: 0, protocols: ["legacy", "modern"] }, plugins: [who()] });
}

/** Goes through the page behind a link as a person of this name does. */
async function visit(all: World, link: string, person: string): Promise<string> {
  const cookies = new Map<string, Map<string, string>>();
  const { body } = await browse(link, { cookies });
  const [, href = ""] = /href="([^"]+)"/.exec(body) ?? [];
  all.as.person = person;
  return (await browse(new URL(href.replaceAll("&amp;", "&"), link).href, { cookies })).body;
}

describe("a client of MCP 2026-07-28, whose person signs in", () => {
  test("is asked in a round, beside a legacy client that is asked by a request; each has a sign-in of its own, and uses that alone", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const { url } = await hostOf(all);
    const asked: string[] = [];
    const answer = (user: string) => async (params: Message) => {
      asked.push(`${user}: ${params.mode}`);
      expect(params.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/oauth\/start\?/);
      expect(await visit(all, params.url, `${user} at home`)).toContain("Signed in");
      return { action: "accept" as const };
    };
    const modern = async (user: string): Promise<ModernClient> => {
      const client = modernSdkClient(PAGES);
      client.setRequestHandler("elicitation/create", ({ params }) => answer(user)(params));
      await client.connect(modernHttpTransport(url, { "x-user": user }));
      return client;
    };
    const legacy = async (user: string): Promise<Client> => {
      const client = sdkClient(PAGES);
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(user)(params));
      await client.connect(httpTransport(url, { "x-user": user }));
      return client;
    };
    const [anna, berta] = [await modern("anna"), await legacy("berta")];
    expect(text(await anna.callTool(WHOAMI))).toBe("anna at home");
    expect(asked).toEqual(["anna: url"]);
    expect(text(await berta.callTool(WHOAMI))).toBe("berta at home");
    expect(text(await anna.callTool(WHOAMI))).toBe("anna at home");
    // A principal is one whatever its client speaks.
    const [carla, older] = [await modern("carla"), await legacy("anna")];
    expect(text(await older.callTool(WHOAMI))).toBe("anna at home");
    expect(text(await carla.callTool(WHOAMI))).toBe("carla at home");
    expect(asked).toEqual(["anna: url", "berta: url", "carla: url"]);
    // Each token came with calls of its own principal, and of nobody else.
    expect(new Set(all.server.seen.filter((each) => each !== undefined)).size).toBe(3);
    for (const client of [anna, berta, carla, older]) await client.close();
  });

  test("gets the link as a question of its call, which is made once the call is asked again; another principal cannot answer it", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = new ModernHttp(running.url);
    const as = (user: string): ModernOptions => ({ meta: { [`${KEY}clientCapabilities`]: PAGES }, headers: { "x-user": user } });
    const calls = (): number => all.server.requests.filter((method) => method === "tools/call").length;
    const { result: round } = await client.ask("tools/call", WHOAMI, as("anna"));
    expect(round).toMatchObject({
      resultType: "input_required",
      requestState: expect.any(String),
      inputRequests: { q1: { method: "elicitation/create", params: { mode: "url", message: expect.stringContaining("Sign in to up") } } },
    });
    const before = calls();
    const accepted = { ...WHOAMI, requestState: round.requestState, inputResponses: { q1: { action: "accept" } } };
    const stolen = await client.ask("tools/call", accepted, as("mallory"));
    expect(stolen.error).toBeDefined();
    await visit(all, round.inputRequests.q1.params.url, "anna at home");
    expect(text((await client.ask("tools/call", accepted, as("anna"))).result)).toBe("anna at home");
    expect(calls()).toBe(before + 1);
    // Who is somebody else is asked for a sign-in, too.
    const sent = all.server.seen.length;
    const { result: asked } = await client.ask("tools/call", WHOAMI, as("mallory"));
    expect(asked).toMatchObject({ resultType: "input_required" });
    await client.ask(
      "tools/call",
      { ...WHOAMI, requestState: asked.requestState, inputResponses: { q1: { action: "decline" } } },
      as("mallory"),
    );
    expect(new Set(all.server.seen.slice(sent)), "came with no token").toEqual(new Set([undefined]));
  });

  test("who declines gets an error, and nothing is sent", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = new ModernHttp(running.url);
    const as = (capabilities: object): ModernOptions => ({
      meta: { [`${KEY}clientCapabilities`]: capabilities },
      headers: { "x-user": "anna" },
    });
    const { result: round } = await client.ask("tools/call", WHOAMI, as(PAGES));
    const declined = { ...WHOAMI, requestState: round.requestState, inputResponses: { q1: { action: "decline" } } };
    expect((await client.ask("tools/call", declined, as(PAGES))).error).toMatchObject({
      data: { type: "sign_in_required" },
      message: expect.stringContaining("declined"),
    });
    // What the server has was told by its lists; a client that can do less has not been told, and the server tells nothing more.
    const { error } = await client.ask("tools/call", WHOAMI, as({}));
    expect(error).toMatchObject({
      data: { type: "sign_in_required", sent: "no", upstream: "up" },
      message: expect.stringMatching(/^Unknown tool: whoami; upstream "up", which may have it, is not signed in: .*sign_in/),
    });
    expect(all.as.requests).toHaveLength(0);
  });

  test("who cannot be asked gets the link as an error, and nothing is sent", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = new ModernHttp(running.url, { "x-user": "anna" });
    const { error } = await client.ask("tools/call", WHOAMI);
    expect(error).toMatchObject({ data: { type: "sign_in_required", sent: "no", url: expect.stringContaining("/oauth/start?") } });
    expect(all.as.requests).toHaveLength(0);
  });
});
