import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { expect, test, vi } from "vitest";
import { clientOf, home, runProcess, start } from "../../../test/harness/cli.ts";

const SERVER = join(import.meta.dirname, "secret-server.mjs");
const server = (env: Record<string, string>) => ({ command: process.execPath, args: [SERVER], env });
const VAULT = ["@host/plugin-vault", { poll: "20ms" }];
const listen = { port: 0 };

/** What the server's environment has, as a call finds it. */
async function tokenOf(client: Client, name: string, args?: Record<string, unknown>): Promise<string> {
  const { content } = await client.callTool({ name, ...(args && { arguments: args }) });
  const [{ text }] = content as [{ text: string }]; // as secret-server.mjs answers
  return JSON.parse(text).TOKEN;
}

test("a secret that is set while the host runs configures its server; one that is replaced renews it, and a call under way ends on the old one", async () => {
  using at = home({
    listen,
    mcpServers: { one: server({ TOKEN: "${secret:TOKEN}" }), other: server({ TOKEN: "plain" }) },
    plugins: ["@host/plugin-namespace", VAULT],
  });
  await using host = start(at, ["start", "--log-format", "json"]);
  const client = await clientOf(host);
  expect(host.stderr()).toContain("the secret TOKEN is not set; run `mcp-host secret set TOKEN`; until then the server is unconfigured");
  expect(await tokenOf(client, "other__show")).toBe("plain");

  const set = await runProcess(at, ["secret", "set", "TOKEN"], {}, "first-value\n");
  expect([set.code, set.stdout]).toEqual([0, expect.stringContaining("running hosts that use it renew those servers within 20 ms")]);
  await vi.waitFor(async () => expect(await tokenOf(client, "one__show")).toBe("first-value"), 20_000);

  const file = join(at.path, "go-on");
  const waiting = tokenOf(client, "one__wait", { file });
  await vi.waitFor(() => expect(host.stderr()).toContain("secrets changed, so the config is read again"));
  const before = host.stderr().split("secrets changed, so the config is read again").length;
  expect((await runProcess(at, ["secret", "set", "TOKEN"], {}, "second-value")).code).toBe(0);
  await vi.waitFor(async () => expect(await tokenOf(client, "one__show")).toBe("second-value"), 20_000);
  writeFileSync(file, "");
  expect(await waiting, "a call under way has the old one").toBe("first-value");
  expect(host.stderr().split("secrets changed, so the config is read again").length).toBe(before + 1);

  // The key of the vault itself, and a secret that nothing uses: nobody notices, and what comes after is read with the new key.
  const reloads = (): number => host.stderr().split("the config was read again").length;
  const quiet = reloads();
  expect((await runProcess(at, ["secret", "rotate"])).code).toBe(0);
  expect((await runProcess(at, ["secret", "set", "UNUSED"], {}, "any-value")).code).toBe(0);
  expect((await runProcess(at, ["secret", "set", "TOKEN"], {}, "third-value")).code).toBe(0);
  await vi.waitFor(async () => expect(await tokenOf(client, "one__show")).toBe("third-value"), 20_000);
  await vi.waitFor(() => expect(reloads()).toBe(quiet + 1), 20_000);
  expect(host.stderr()).not.toMatch(/first-value|second-value|third-value/);
  await client.close();
}, 120_000);

test("a secret that is taken from a running host leaves the server as it is, and the log says what is missing", async () => {
  using at = home({ listen, mcpServers: { one: server({ TOKEN: "${secret:TOKEN}" }) }, plugins: [VAULT] });
  await runProcess(at, ["secret", "set", "TOKEN"], {}, "first-value");
  await using host = start(at, ["start", "--log-format", "json"]);
  const client = await clientOf(host);
  await vi.waitFor(async () => expect(await tokenOf(client, "show")).toBe("first-value"));
  const kept = await runProcess(at, ["secret", "rm", "TOKEN"]);
  expect([kept.code, kept.stderr]).toEqual([
    1,
    expect.stringContaining("TOKEN is used by mcpServers.one.env.TOKEN; take it out there first, or add --force"),
  ]);
  expect((await runProcess(at, ["secret", "rm", "TOKEN", "--force"])).code).toBe(0);
  await vi.waitFor(
    () => expect(host.stderr()).toMatch(/the host goes on with the config that it has.*the secret TOKEN is not set/),
    20_000,
  );
  expect(await tokenOf(client, "show")).toBe("first-value");
  expect((await runProcess(at, ["secret", "set", "TOKEN"], {}, "second-value")).code).toBe(0);
  await vi.waitFor(async () => expect(await tokenOf(client, "show")).toBe("second-value"), 20_000);
  await client.close();
}, 120_000);

test("a vault that cannot be opened leaves the servers that need it unconfigured, and the others run", async () => {
  using at = home({
    listen,
    mcpServers: { one: server({ TOKEN: "${secret:TOKEN}" }), other: server({ TOKEN: "plain" }) },
    plugins: ["@host/plugin-namespace", VAULT],
  });
  await runProcess(at, ["secret", "set", "TOKEN"], {}, "first-value");
  const key = join(at.path, "user/mcp-host/vault.key");
  const identity = readFileSync(key);
  rmSync(key);
  await using host = start(at, ["start", "--log-format", "json"]);
  const client = await clientOf(host);
  expect(await tokenOf(client, "other__show")).toBe("plain");
  expect(host.stderr()).toMatch(/"level":"error"[^\n]*the vault cannot be opened[^\n]*vault\.key is not there/);
  const { stdout } = await runProcess(at, ["status", "--json"]);
  const status = JSON.parse(stdout);
  expect(JSON.stringify(status)).toContain("vault.key is not there, which opens the vault");
  const set = await runProcess(at, ["secret", "set", "TOKEN"], {}, "second-value");
  expect([set.code, set.stderr]).toEqual([1, expect.stringContaining("put it back")]);
  writeFileSync(key, identity, { mode: 0o600 });
  expect((await runProcess(at, ["reload"])).code).toBe(0);
  await vi.waitFor(async () => expect(await tokenOf(client, "one__show")).toBe("first-value"), 20_000);
  await client.close();
}, 120_000);
