import { expect, test } from "vitest";
import { settled, signIn, world } from "../harness/signed-in.ts";

const refusal = (error: string) => ({ status: 400, body: JSON.stringify({ error }) });

test("a server that registers no 127.0.0.1 is asked once more with localhost, and the sign-in comes back there", async () => {
  await using all = await world();
  const running = await all.host();
  await settled(running, "needs sign-in");
  all.as.answer = (_request, path) => (path === "/reg" && all.as.count("/reg") === 1 ? refusal("invalid_redirect_uri") : undefined);
  expect(await signIn(running)).toMatchObject({ state: "done", page: expect.stringContaining("Signed in") });
  await settled(running, "ready");
  const clients = [...all.secrets.values.entries()].filter(([key]) => key.startsWith("client:")).map(([, { value }]) => value);
  expect(clients).toEqual([expect.objectContaining({ redirectUri: expect.stringMatching(/^http:\/\/localhost:\d+\/oauth\/callback$/) })]);
  expect(all.as.count("/reg")).toBe(2);
});

test("one that registers neither is told of with the address that is configured, and asked no third time", async () => {
  await using all = await world();
  const running = await all.host({ callback: { port: 0, host: "localhost" } });
  await settled(running, "needs sign-in");
  all.as.answer = (_request, path) => (path === "/reg" ? refusal("invalid_redirect_uri") : undefined);
  await expect(running.host.operator.run("oauth:begin", { server: "up" })).rejects.toThrow(
    /does not let the host register itself \(invalid_redirect_uri\); register an app there with the redirect address http:\/\/localhost:\d+\/oauth\/callback/,
  );
  expect(all.as.count("/reg")).toBe(2);
  // What is refused for another reason is not tried with another address.
  all.as.answer = (_request, path) => (path === "/reg" ? refusal("access_denied") : undefined);
  await expect(running.host.operator.run("oauth:begin", { server: "up" })).rejects.toThrow(/\(access_denied\)/);
  expect(all.as.count("/reg")).toBeLessThanOrEqual(4); // once, and once without scopes
});

test("an app that was registered by hand is never sent off with another address than the config has", async () => {
  const client = { client_id: "app", token_endpoint_auth_method: "none", application_type: "native" };
  await using all = await world({ as: { clients: [{ ...client, redirect_uris: ["http://localhost/oauth/callback"] }] } });
  for (const [host, status] of [
    ["127.0.0.1", 400], // told on its own page
    ["localhost", 303],
  ] as const) {
    const running = await all.host({ servers: { up: { clientId: "app", callback: { host, port: 0 } } } });
    await settled(running, "needs sign-in");
    const { id, url, redirectUri } = (await running.host.operator.run("oauth:begin", { server: "up" })) as Record<string, string>;
    expect([new URL(url as string).searchParams.get("redirect_uri"), redirectUri]).toEqual([
      redirectUri,
      expect.stringContaining(`//${host}:`),
    ]);
    expect((await fetch(url as string, { redirect: "manual" })).status).toBe(status);
    await running.host.operator.run("oauth:cancel", { id: id as string });
  }
});
