import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { authorizationServer, browse, protectedServer } from "../fixtures/authorization.mjs";
import { home, run, start } from "../harness/cli.ts";

const OAUTH = ["@host/plugin-oauth", { callback: { port: 0 } }];

test("login at a running host prints the page, ends when the browser has come back, and logout ends it", async () => {
  await using as = await authorizationServer();
  await using server = await protectedServer({ issuer: as.issuer, token: as.token });
  using at = home({ mcpServers: { up: { url: server.url } }, plugins: [OAUTH] });
  await using host = start(at, ["start", "--port", "0"]);
  await vi.waitFor(() => expect(host.stderr()).toContain("mcp-host login up"));
  // What opens pages is a program that is given one argument.
  const opener = join(at.path, "browser.sh");
  const told = join(at.path, "opened");
  writeFileSync(opener, `#!/bin/sh\nprintf '%s\\n' "$#" "$1" > ${told}\n`);
  chmodSync(opener, 0o700);
  await using login = start(at, ["login", "up"], { BROWSER: opener });
  await vi.waitFor(() => expect(login.stdout()).toMatch(/^http/));
  const [url = ""] = login.stdout().split("\n");
  await vi.waitFor(() => expect(existsSync(told) && readFileSync(told, "utf8")).toBe(`1\n${url}\n`));
  await browse(url);
  expect(await login.exited).toMatchObject({ code: 0, stderr: expect.stringContaining("signed in to up") });
  const listed = await run(at, ["list"]);
  expect(listed.stdout).toContain("whoami");
  const out = await run(at, ["logout", "up", "--json"]);
  expect(JSON.parse(out.stdout)).toEqual({ server: "up", signedOut: true });
  const status = await run(at, ["status"]);
  expect(status.stdout).toMatch(/up +needs sign-in/);
  expect(status.stdout).toContain("somebody signed out");
  expect((await run(at, ["oauth", "logout", "up"])).stderr).toContain("nobody was signed in to up");
});

test("login takes the address that a browser of another machine ended at", async () => {
  await using as = await authorizationServer();
  await using server = await protectedServer({ issuer: as.issuer, token: as.token });
  using at = home({ mcpServers: { up: { url: server.url } }, plugins: [OAUTH] });
  await using host = start(at, ["start", "--port", "0"]);
  await vi.waitFor(() => expect(host.stderr()).toContain("mcp-host login up"));
  await using login = start(at, ["login", "up", "--no-browser"]);
  await vi.waitFor(() => expect(login.stdout()).toMatch(/^http/));
  const [url = ""] = login.stdout().split("\n");
  const ended = await browse(url, { stop: ({ searchParams }) => searchParams.has("code") });
  login.child.stdin.write("http://elsewhere.example/?code=x\n");
  await vi.waitFor(() => expect(login.stderr()).toContain("is not the address"));
  login.child.stdin.write(`${ended.url}\n`);
  expect(await login.exited).toMatchObject({ code: 0, stderr: expect.stringContaining("signed in to up") });
});

test("login without a running host wants something that keeps it, and tells what it does not know", async () => {
  await using as = await authorizationServer();
  await using server = await protectedServer({ issuer: as.issuer, token: as.token });
  using at = home({ mcpServers: { up: { url: server.url } }, plugins: [OAUTH] });
  const lonely = await run(at, ["login", "up", "--no-browser"]);
  expect(lonely).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("@host/plugin-vault") });
  const unknown = await run(at, ["login", "upp", "--no-browser"]);
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('did you mean "up"') });
  using without = home({ mcpServers: {} });
  expect((await run(without, ["login", "up"])).stderr).toContain('there is no command "login"');
  const app = { servers: { up: { clientId: "app", clientSecret: "${NOT_SET_YET}" } } };
  using unfinished = home({ mcpServers: { up: { url: server.url } }, plugins: [[OAUTH, app]] });
  expect((await run(unfinished, ["login", "up"])).stderr).toContain("the variable NOT_SET_YET is not set");
  const doctor = await run(at, ["doctor", "--json"]);
  expect(JSON.parse(doctor.stdout).findings).toContainEqual(
    expect.objectContaining({ id: "server-sign-in", about: "up", found: expect.stringContaining("login up") }),
  );
});

test("login --all goes through the servers that want it, past one that fails, and names those that cannot be asked", async () => {
  await using as = await authorizationServer();
  const one = await protectedServer({ issuer: as.issuer, token: as.token });
  const two = await protectedServer({ issuer: as.issuer, token: as.token });
  const lost = await protectedServer({ issuer: undefined, token: as.token });
  const open = await protectedServer({
    issuer: undefined,
    token: as.token,
    openMethods: ["server/discover", "initialize", "notifications/initialized", "tools/list"],
  });
  const mcpServers = Object.fromEntries(Object.entries({ one, lost, two, open }).map(([name, { url }]) => [name, { url }]));
  using at = home({ mcpServers: { ...mcpServers, down: { url: "http://127.0.0.1:9/mcp" } }, plugins: [OAUTH] });
  await using host = start(at, ["start", "--port", "0"]);
  await vi.waitFor(() => expect(host.stderr()).toContain("mcp-host login two"), { timeout: 15_000 });
  const unsaid = await run(at, ["login"]);
  expect(unsaid).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("These want a sign-in: one, lost, two; name one, or say --all"),
  });
  expect((await run(at, ["login", "one", "--all"])).stderr).toContain("say which server, or --all, and not both");
  await using login = start(at, ["login", "--all", "--no-browser"]);
  for (const count of [1, 2]) {
    const urls = (): string[] =>
      login
        .stdout()
        .split("\n")
        .filter((line) => line !== "");
    await vi.waitFor(() => expect(urls()).toHaveLength(count), { timeout: 15_000 });
    await browse(urls()[count - 1] as string);
  }
  const { code, stderr } = await login.exited;
  expect(code).toBe(1);
  for (const line of ["1 of 3: To sign in to one", "signed in to one", "3 of 3: To sign in to two", "signed in to two"])
    expect(stderr).toContain(line);
  expect(stderr).toMatch(/2 of 3: lost: .* does not let the host register itself/);
  expect(stderr).toContain("down could not be asked: ");
  const again = await run(at, ["login", "--all", "--json", "--no-browser"]);
  expect(
    again.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).server),
  ).toEqual(["lost", "down"]);
  for (const each of [one, two, lost, open]) await each[Symbol.asyncDispose]();
});
