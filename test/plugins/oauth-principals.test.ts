import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { definePlugin } from "mcp-host";
import { describe, expect, test } from "vitest";
import { browse } from "../fixtures/authorization.mjs";
import { httpTransport, modernHttpTransport, modernSdkClient, sdkClient } from "../harness/clients.ts";
import type { TestHost } from "../harness/hosts.ts";
import { type World, world } from "../harness/signed-in.ts";

const who = definePlugin({
  name: "who",
  host: "^1.0.0",
  apply: (host) => host.hooks.authenticate.tap("who", ({ headers }) => ({ id: String(headers["x-user"] ?? "anonymous"), roles: [] })),
});

const text = (content: unknown) => (content as { text: string }[])[0]?.text ?? "";
/** What needs no token, so that there is something to call before anybody has signed in. */
const OPEN = ["server/discover", "initialize", "notifications/initialized", "tools/list"];

function hostOf(all: World, options = {}): Promise<TestHost> {
  return all.host({ mode: "principal", ...options }, { listen: { port: 0 }, plugins: [who()] });
}

async function clientOf({ url }: TestHost, user: string, capabilities = {}): Promise<Client> {
  const client = sdkClient(capabilities);
  await client.connect(httpTransport(url, { "x-user": user }));
  return client;
}

/** Goes through the page behind a link as a person does. */
async function visit(
  link: string,
  cookies = new Map<string, Map<string, string>>(),
): Promise<{ first: string; last: string; status: number }> {
  const { body: first } = await browse(link, { cookies });
  const [, href = ""] = /href="([^"]+)"/.exec(first) ?? [];
  const { body: last, status } = await browse(new URL(href.replaceAll("&amp;", "&"), link).href, { cookies });
  return { first, last, status };
}

describe("where each client's person signs in", () => {
  test("a call fails with a link that says whose it is, and works for that one alone afterwards", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const [anna, berta] = [await clientOf(running, "anna"), await clientOf(running, "berta")];
    const failed = (await anna.callTool({ name: "whoami" }).catch((error: unknown) => error)) as {
      message: string;
      data: { type: string; url: string; sent: string };
    };
    expect(failed.data).toMatchObject({ type: "sign_in_required", sent: "no" });
    expect(failed.message).toContain(failed.data.url);
    all.as.person = "anna at home";
    const { first, last } = await visit(failed.data.url);
    expect(first).toContain("anna");
    expect(last).toContain("Signed in");
    expect(text((await anna.callTool({ name: "whoami" })).content)).toBe("anna at home");
    await expect(berta.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "sign_in_required" } });
    all.as.person = "berta at home";
    const again = (await berta.callTool({ name: "whoami" }).catch((error: unknown) => error)) as typeof failed;
    await visit(again.data.url);
    expect(text((await berta.callTool({ name: "whoami" })).content)).toBe("berta at home");
    expect(text((await anna.callTool({ name: "whoami" })).content)).toBe("anna at home");
    expect(text((await anna.callTool({ name: "sign_out", arguments: { server: "up" } })).content)).toContain("Signed out");
    await expect(anna.callTool({ name: "whoami" })).rejects.toMatchObject({ data: { type: "sign_in_required" } });
    expect(text((await berta.callTool({ name: "whoami" })).content)).toBe("berta at home");
    await Promise.all([anna.close(), berta.close()]);
  });

  test("a client that can is asked to open the page, and the call goes on when that is done", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = await clientOf(running, "anna", { elicitation: { url: {} } });
    const asked: string[] = [];
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      const { mode, url } = params as { mode?: string; url: string };
      asked.push(String(mode));
      void visit(url);
      return { action: "accept" };
    });
    expect(text((await client.callTool({ name: "whoami" })).content)).toBe("alice");
    expect(asked).toEqual(["url"]);
    await client.close();
  });

  test("one that declines fails the call, and is not asked by itself again", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = await clientOf(running, "anna", { elicitation: { url: {} } });
    let asked = 0;
    client.setRequestHandler(ElicitRequestSchema, () => {
      asked++;
      return { action: "decline" };
    });
    await expect(client.callTool({ name: "whoami" })).rejects.toMatchObject({
      data: { type: "sign_in_required" },
      message: expect.stringContaining("declined"),
    });
    expect([asked, all.as.requests.length]).toEqual([1, 0]);
    await client.close();
  });

  test("a client of MCP 2026-07-28 is given the link, too", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = modernSdkClient();
    await client.connect(modernHttpTransport(running.url));
    await expect(client.callTool({ name: "whoami", arguments: {} })).rejects.toThrow(/does not know who you are/);
    await client.close();
  });

  test("where nothing can be listed before, a tool gives the link, and the lists change with the sign-in", async () => {
    await using all = await world();
    const running = await hostOf(all);
    const client = await clientOf(running, "anna");
    const names = async () => (await client.listTools()).tools.map(({ name }) => name).sort();
    expect(await names()).toEqual(["sign_in", "sign_out"]);
    const said = text((await client.callTool({ name: "sign_in", arguments: { server: "up" } })).content);
    await visit(/http\S+/.exec(said)?.[0] ?? "");
    await expect.poll(names).toEqual(["sign_in", "sign_out", "whoami"]);
    expect(running.host.reports().oauth).toMatchObject({ servers: { up: { mode: "principal", waiting: 0 } } });
    await expect(client.callTool({ name: "sign_in", arguments: { server: "upp" } })).rejects.toThrow(/did you mean "up"/);
    await client.close();
  });

  test("another browser cannot take a sign-in over, and a page that somebody sends cannot begin one", async () => {
    await using all = await world({ server: { openMethods: OPEN } });
    const running = await hostOf(all);
    const client = await clientOf(running, "anna");
    const { data } = (await client.callTool({ name: "whoami" }).catch((error: unknown) => error)) as { data: { url: string } };
    // Without the cookie of the first page, its button is only that page once more.
    const cookies = new Map<string, Map<string, string>>();
    const { body } = await browse(data.url, { cookies });
    const [, href = ""] = /href="([^"]+)"/.exec(body) ?? [];
    const go = new URL(href.replaceAll("&amp;", "&"), data.url).href;
    expect((await browse(go)).body).toContain("Sign in to up");
    expect(all.as.requests).toHaveLength(0);
    // Somebody who has the address that a browser was sent back to is in another browser.
    const back = await browse(go, { cookies, stop: ({ pathname }) => pathname === "/oauth/callback" });
    expect(await browse(back.url)).toMatchObject({ status: 400 });
    expect(all.as.count("/token")).toBe(0);
    expect(await browse(back.url, { cookies })).toMatchObject({ status: 200 });
    expect(await browse(back.url, { cookies })).toMatchObject({ status: 400 });
    expect(all.as.count("/token")).toBe(1);
    expect((await browse(data.url.replace(/ticket=.*/, "ticket=other"))).status).toBe(404);
    await client.close();
  });
});
