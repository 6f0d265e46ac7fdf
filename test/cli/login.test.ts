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
  const doctor = await run(at, ["doctor", "--json"]);
  expect(JSON.parse(doctor.stdout).findings).toContainEqual(
    expect.objectContaining({ id: "server-sign-in", about: "up", found: expect.stringContaining("login up") }),
  );
});
