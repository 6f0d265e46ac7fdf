import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type RemoteServer, remoteServer } from "../fixtures/remote-server.mjs";
import { BROWSER, openPage, type Page } from "../harness/browser.ts";
import { clientOf, start, TYPED } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";

const PATIENCE = { timeout: 20_000, interval: 50 };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Four companies: they differ in who may register, in where they say who signs people in, and in what that one's address is. */
async function servers(port: number): Promise<RemoteServer[]> {
  const app = { client_id: "an-app-of-ada", redirect_uris: [`http://localhost:${port}/callback`] };
  return Promise.all([
    remoteServer({ name: "issues", person: "ada" }),
    remoteServer({ name: "wiki", person: "ada@wiki", path: "/tenants/one", names: "at the well-known place" }),
    remoteServer({ name: "mail", person: "ada@mail", app }),
    remoteServer({ name: "bills", person: "ada@bills", names: "nowhere" }),
  ]);
}

/** The home of somebody who has them in several clients. */
function homeWith([issues, wiki, mail, bills]: readonly RemoteServer[], port: number): Desk {
  const at = desk();
  const oauth = { clientId: "an-app-of-ada", callbackPort: port };
  at.write(
    "~/.claude.json",
    JSON.stringify({ mcpServers: { issues: { type: "http", url: issues?.url }, mail: { type: "http", url: mail?.url, oauth } } }),
  );
  at.write("~/.cursor/mcp.json", JSON.stringify({ mcpServers: { wiki: { url: wiki?.url } } }));
  at.write(".vscode/mcp.json", JSON.stringify({ servers: { bills: { type: "http", url: bills?.url } } }));
  return at;
}

async function states(at: Desk): Promise<Record<string, string>> {
  const { upstreams } = JSON.parse((await at.run("status", "--json")).stdout) as { upstreams: { name: string; state: string }[] };
  return Object.fromEntries(upstreams.map(({ name, state }) => [name, state]));
}

/** Has a client of the host ask each server who it is to it. */
async function whoAt(host: Parameters<typeof clientOf>[0], names: readonly string[]): Promise<unknown[]> {
  const client = await clientOf(host);
  const ask = async (name: string): Promise<unknown> => (await client.callTool({ name: `${name}__whoami` })).content;
  await expect.poll(async () => (await client.listTools()).tools.length, PATIENCE).toBe(names.length);
  const told = await Promise.all(names.map(ask));
  await client.close();
  return told.flat().map((content) => (content as { text: string }).text);
}

const sees = (page: Page): Promise<string> => page.run("document.body.innerText");

// A person's browser: .ci/run installs Debian's. test/cli/login-vault.test.ts goes the same way without one.
test.skipIf(BROWSER === undefined)(
  "init, and four clicks: four servers are signed in to, are so after a restart, and are signed out of",
  async () => {
    const port = await freePort();
    const all = await servers(port);
    await using _ = { [Symbol.asyncDispose]: async () => void (await Promise.all(all.map((each) => each[Symbol.asyncDispose]()))) };
    using at = homeWith(all, port);
    const names = ["issues", "mail", "wiki", "bills"];
    const begun = await at.run("init", "--yes", "--port", "0");
    expect(begun).toMatchObject({ code: 0, stderr: expect.stringContaining("issues, mail, wiki, bills may want a sign-in") });
    expect(begun.stderr).toContain(`  ${TYPED} login --all  `);

    // What opens pages is a program of the person's, which is told the address.
    const opener = at.write("~/opener.sh", `#!/bin/sh\nprintf '%s\\n' "$1" >> ${join(at.user, "opened")}\n`);
    chmodSync(opener, 0o700);
    writeFileSync(join(at.user, "opened"), "");
    await using login = start(at, ["login", "--all"], { BROWSER: opener });
    await using page = await openPage(new URL("about:blank"));
    let clicks = 0;
    for (const name of names) {
      const opened = (): string[] => readFileSync(join(at.user, "opened"), "utf8").trim().split("\n");
      await expect
        .poll(() => [opened().length, login.stderr(), opened().at(-1)?.startsWith("http")], PATIENCE)
        .toEqual([clicks + 1, expect.stringContaining(`${clicks + 1} of 4: To sign in to ${name} at 127.0.0.1`), true]);
      await page.go(new URL(opened().at(-1) as string));
      await expect.poll(() => sees(page), PATIENCE).toContain(`mcp-host wants to use ${name}`);
      await page.click("button");
      clicks++;
      await expect.poll(() => sees(page), PATIENCE).toContain(`mcp-host is signed in to ${name}`);
    }
    expect(await login.exited).toMatchObject({ code: 0, stderr: expect.stringContaining("signed in to bills") });
    expect(clicks).toBe(4);

    const asked = all.map(({ requests }) => requests.length);
    for (let life = 0; life < 2; life++) {
      await using host = start(at, ["start"]);
      await expect.poll(() => states(at), PATIENCE).toEqual({ issues: "ready", mail: "ready", wiki: "ready", bills: "ready" });
      expect(await whoAt(host, names)).toEqual(["ada at issues", "ada@mail at mail", "ada@wiki at wiki", "ada@bills at bills"]);
      const again = await at.run("login", "--all");
      expect(again).toMatchObject({ code: 0, stderr: "No server wants a sign-in.\n" });
    }
    // Their authorization servers heard nothing of a restart; what is at its own origin was called there.
    expect(all.slice(0, 3).map(({ requests }) => requests.length)).toEqual(asked.slice(0, 3));

    await using host = start(at, ["start"]);
    await expect.poll(() => states(at), PATIENCE).toMatchObject({ issues: "ready", mail: "ready", wiki: "ready", bills: "ready" });
    for (const name of names) expect(await at.run("logout", name)).toMatchObject({ code: 0, stderr: `signed out of ${name}\n` });
    for (const { tokens, isAlive, name } of all) {
      expect(tokens.size, name).toBe(1);
      for (const token of tokens) expect(await isAlive(token), name).toBe(false);
    }
    const status = await at.run("status");
    for (const name of names) expect(status.stdout).toMatch(new RegExp(`${name} +needs sign-in`));
    expect(existsSync(join(at.user, ".config/mcp-host/vault.key"))).toBe(true);
    expect(host.stderr()).not.toContain("level=error");
  },
);
