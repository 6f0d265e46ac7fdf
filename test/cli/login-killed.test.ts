import { expect, test } from "vitest";
import { authorizationServer, protectedServer } from "../fixtures/authorization.mjs";
import { clientOf, home, run, start } from "../harness/cli.ts";
import { login } from "../harness/login.ts";

/** A lease lasts for 30 s, and whoever failed to get it waits for 10 s. */
const PATIENCE = { timeout: 80_000, interval: 250 };

interface Upstream {
  readonly state: string;
  readonly reason?: string;
}

test.each([
  ["before the server has taken note of it, so that the other host renews the token", "before", "ready"],
  ["when the server has spent the token, so that somebody has to sign in again", "after", "needs sign-in"],
])("a host that is killed while it renews a token, %s", async (_, moment, end) => {
  await using as = await authorizationServer({ accessTokenSeconds: 6 });
  await using server = await protectedServer({ issuer: as.issuer, token: as.token });
  using at = home({
    mcpServers: { up: { url: server.url } },
    plugins: ["@host/plugin-vault", ["@host/plugin-oauth", { callback: { port: 0 } }]],
  });
  expect(await login(at, "up")).toMatchObject({ code: 0 });
  await using one = start(at, ["start", "--port", "0"]);
  await using two = start(at, ["start", "--port", "0"]);
  const [first, second] = [await clientOf(one), await clientOf(two)];
  const whoami = (client: typeof first): Promise<unknown> => client.callTool({ name: "whoami" });
  await expect.poll(() => Promise.all([whoami(first), whoami(second)]).then(() => "both"), PATIENCE).toBe("both");

  // From now on the server keeps answers about tokens to itself, until one came from the host that is killed.
  let reached: (() => void) | undefined;
  const isReached = new Promise<void>((done) => (reached = done));
  const letGo: (() => void)[] = [];
  as.answer = (_request, path, response) => {
    if (path !== "/token") return undefined;
    if (moment === "before") {
      reached?.();
      return new Promise((done) => letGo.push(() => done({ status: 503 })));
    }
    // It has rotated the refresh token once it would answer.
    const answered = response.end.bind(response) as (...body: unknown[]) => typeof response;
    response.end = (...body: unknown[]) => {
      letGo.push(() => answered(...body));
      reached?.();
      return response;
    };
    return undefined;
  };
  const before = as.count("/token");
  let isHeld = false;
  void isReached.then(() => (isHeld = true));
  // A token is renewed at half of so short a life, when it is used.
  const used = (): boolean => {
    whoami(first).catch(() => {}); // it ends with its host
    return isHeld;
  };
  await expect.poll(used, { ...PATIENCE, interval: 500 }).toBe(true);
  one.child.kill("SIGKILL");
  await one.exited;
  as.answer = undefined;
  for (const each of letGo) each();
  expect(as.count("/token")).toBe(before + 1);

  const state = async (): Promise<Upstream | undefined> => {
    const { upstreams } = JSON.parse((await run(at, ["status", "--json"])).stdout) as { upstreams: Upstream[] };
    return upstreams[0];
  };
  if (end === "ready") await expect.poll(() => whoami(second), PATIENCE).toMatchObject({ content: [{ text: "alice" }] });
  else {
    const last = (): Promise<string> => whoami(second).then(String, (error: Error) => error.message);
    await expect.poll(last, PATIENCE).toMatch(/needs a sign-in: .*run `mcp-host login up`/);
  }
  expect(as.count("/token"), "it asked once").toBe(before + 2);
  expect((await state())?.state).toBe(end);
  if (end !== "ready") {
    for (let use = 0; use < 5; use++) await expect(whoami(second)).rejects.toThrow("sign-in");
    expect(as.count("/token"), "it does not try again").toBe(before + 2);
    as.person = "alice again";
    expect(await login(at, "up")).toMatchObject({ code: 0 });
    await expect.poll(() => whoami(second), PATIENCE).toMatchObject({ content: [{ text: "alice again" }] });
  }
  await second.close();
});
