import { describe, expect, test } from "vitest";
import { freePort } from "../harness/free-port.ts";
import { settled, signIn, world } from "../harness/signed-in.ts";

describe("a client ID metadata document that the server does not take", () => {
  test("gives way to registration by itself, and is not tried again", async () => {
    const says = (path: string, body: Record<string, unknown>) =>
      path.startsWith("/.well-known/") ? { ...body, client_id_metadata_document_supported: true } : body;
    await using all = await world({ as: { change: says } });
    const running = await all.host({ clientMetadataUrl: "https://me.example/client.json", callback: { port: await freePort() } });
    await settled(running);
    expect(await signIn(running)).toMatchObject({ state: "done" });
    // It was looked at once, before the browser.
    expect([all.as.count("/reg"), all.as.count("/auth")]).toEqual([1, 2]);
    await running.host.operator.run("oauth:logout", { server: "up" });
    expect(await signIn(running)).toMatchObject({ state: "done" });
    expect([all.as.count("/reg"), all.as.count("/auth")]).toEqual([1, 3]);
  });
});

describe("what the host registered itself as", () => {
  const managed = { features: { registrationManagement: { enabled: true } } };
  const deleted = (requests: readonly string[]) => requests.filter((each) => each.startsWith("DELETE /reg/")).length;

  test("is taken back with the last sign-in that it has, and the next one registers anew", async () => {
    await using all = await world({ as: managed });
    const { url } = all.server;
    const running = await all.host(
      { servers: { up: {}, other: { account: "b" } }, callback: { port: await freePort() } },
      { mcpServers: { up: { url }, other: { url } } },
    );
    await settled(running);
    for (const server of ["up", "other"]) expect(await signIn(running, server)).toMatchObject({ state: "done" });
    expect(all.as.count("/reg")).toBe(1);
    for (const [server, times] of [
      ["up", 0],
      ["other", 1],
    ] as const) {
      expect(await running.host.operator.run("oauth:logout", { server })).toEqual({ signedOut: true });
      expect(deleted(all.as.requests)).toBe(times);
    }
    expect([...all.secrets.values.keys()]).toEqual([]);
    expect(await signIn(running)).toMatchObject({ state: "done" });
    expect(all.as.count("/reg")).toBe(2);
  });

  test("stays where the server does not take it back, and signing out is none the worse for it", async () => {
    await using all = await world({ as: managed });
    const running = await all.host({ callback: { port: await freePort() } });
    await settled(running);
    await signIn(running);
    let tried = 0;
    all.as.answer = ({ method }) => {
      if (method !== "DELETE") return undefined;
      tried++;
      return { status: 503 };
    };
    expect(await running.host.operator.run("oauth:logout", { server: "up" })).toEqual({ signedOut: true });
    expect(tried).toBe(1);
    expect(await signIn(running)).toMatchObject({ state: "done" });
    expect(all.as.count("/reg")).toBe(1);
  });
});
