import { afterEach, expect, test, vi } from "vitest";
import { authorizationServer, enterCode, protectedServer } from "../fixtures/authorization.mjs";
import { home, run, start } from "../harness/cli.ts";

const OAUTH = ["@host/plugin-oauth", { callback: { port: 0 } }];
const WAIT = { timeout: 20_000 };
/** Codes on another device, asked for every second. */
const CODES = {
  features: { deviceFlow: { enabled: true } },
  change: (path: string, body: Record<string, unknown>) => (path === "/device/auth" ? { ...body, interval: 1 } : body),
};

const open: AsyncDisposable[] = [];
const opened: Disposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
  for (const each of opened.splice(0)) each[Symbol.dispose]();
});

/** A running host before a server that wants a sign-in. */
async function running(options: Parameters<typeof authorizationServer>[0] = CODES) {
  const as = await authorizationServer(options);
  const server = await protectedServer({ issuer: as.issuer, token: as.token });
  const at = home({ mcpServers: { up: { url: server.url } }, plugins: [OAUTH] });
  const host = start(at, ["start", "--port", "0"]);
  open.push(as, server, host);
  opened.push(at);
  await vi.waitFor(() => expect(host.stderr()).toContain("mcp-host login up"), WAIT);
  return { as, at };
}

test("a code is entered in a browser of another machine, and the host is signed in", async () => {
  const { as, at } = await running();
  const login = start(at, ["login", "up", "--device"]);
  open.push(login);
  await vi.waitFor(() => expect(login.stderr()).toContain("good for 10 minutes"), WAIT);
  const [page = "", code = ""] = login.stdout().split("\n");
  expect([page, code]).toEqual([`${as.issuer}/device`, expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/)]);
  const [, complete = ""] = /has the code in it already: (\S+)/.exec(login.stderr()) ?? [];
  expect(new URL(complete).searchParams.get("user_code")).toBe(code);
  // It is asked for meanwhile, and not yet given.
  await vi.waitFor(() => expect(as.count("/token")).toBeGreaterThan(0), WAIT);
  expect((await enterCode(complete)).body).toContain("Sign-in Success");
  expect(await login.exited).toMatchObject({ code: 0, stderr: expect.stringContaining("signed in to up") });
  expect((await run(at, ["list"])).stdout).toContain("whoami");
  expect(as.count("/auth")).toBe(0);
});

test("without a browser and without a terminal it is a code by itself; a person who says no ends it", async () => {
  const { as, at } = await running();
  as.says = "no";
  const login = start(at, ["login", "up", "--json"], { BROWSER: "/nowhere/at/all" });
  open.push(login);
  await vi.waitFor(() => expect(login.stdout()).toMatch(/\}\n/), WAIT);
  const told = JSON.parse(login.stdout()) as { verificationUriComplete: string };
  expect(told).toMatchObject({ server: "up", state: "open", verificationUri: `${as.issuer}/device`, expiresIn: 600_000 });
  await enterCode(told.verificationUriComplete);
  const { code, stdout } = await login.exited;
  expect([code, JSON.parse(stdout.split("\n")[1] ?? "")]).toEqual([
    1,
    { server: "up", state: "failed", message: "the sign-in was refused" },
  ]);
});

test("Ctrl-C ends it, and the host asks no more", async () => {
  const { as, at } = await running();
  const login = start(at, ["login", "up", "--device"]);
  open.push(login);
  await vi.waitFor(() => expect(as.count("/token")).toBeGreaterThan(0), WAIT);
  login.child.kill("SIGINT");
  expect(await login.exited).toMatchObject({ code: 130, stderr: expect.stringContaining("the sign-in was given up") });
  // Who enters the code all the same signs nobody in.
  const [, complete = ""] = /already: (\S+)/.exec(login.stderr()) ?? [];
  await enterCode(complete);
  expect((await run(at, ["status"])).stdout).toMatch(/up +needs sign-in/);
});

test("a server that gives no codes is told as one, with what to do; one that does is told of without a browser", async () => {
  const { at } = await running({});
  expect(await run(at, ["login", "up", "--device"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no device_authorization_endpoint\); sign in without `--device`/),
  });
  const other = await running();
  const login = start(other.at, ["login", "up", "--no-browser"]);
  open.push(login);
  await vi.waitFor(() => expect(login.stderr()).toContain("mcp-host login up --device"), WAIT);
});
