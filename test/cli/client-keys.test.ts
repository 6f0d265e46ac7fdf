import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../packages/host/dist/cli/command-line/exit.js";
import { start, urlOf } from "../harness/cli.ts";
import { type Desk, desk } from "../harness/desk.ts";
import { BIN, upstream } from "../harness/hosts.ts";

/** What Cursor says of a host that asks for keys. */
const KEYED = { headers: { Authorization: "Bearer ${env:MCP_API_KEY}" } };

/** The host's entry among Cursor's servers. */
function entryIn(text: string | undefined): Record<string, unknown> {
  return (JSON.parse(text ?? "") as { mcpServers: Record<string, Record<string, unknown>> }).mcpServers["mcp-host"] ?? {};
}

test.each([{ servers: ["one"] }, { tools: ["one:read_*"] }, { tools: ["unset:read_*"] }])(
  "a host whose rules name its servers is asked whether it wants a key, too: %j",
  async (allow) => {
    using at = desk();
    const mcpServers = { one: { command: "one" }, unset: { command: "unset", env: { K: "${NOBODY_SET_IT}" } } };
    const plugins = [["@host/plugin-auth", { anonymous: [], rules: [{ allow }] }]];
    at.write("mcp-host.config.json", JSON.stringify({ listen: { port: 4123 }, mcpServers, plugins }));
    expect(await at.run("client-config", "cursor", "--http")).toMatchObject({ code: 0, stderr: expect.stringContaining("asks for a key") });
    expect(await at.run("install", "cursor", "--http", "--yes")).toMatchObject({ code: 0 });
    expect(at.read("~/.cursor/mcp.json")).toContain("MCP_API_KEY");
  },
);

describe("a config with an auth plugin that lacks a value", () => {
  const plugins = [["@host/plugin-auth", { apiKeys: { pepper: "${PEPPER_NOT_SET}", keys: [{ id: "k", digest: "A".repeat(43) }] } }]];
  const withoutPepper = (port: number): Desk => {
    const at = desk();
    at.write("mcp-host.config.json", JSON.stringify({ listen: { port }, mcpServers: { one: upstream() }, plugins }));
    at.write("pepper.env", "PEPPER_NOT_SET=a pepper of this test\n");
    return at;
  };

  test("makes no entry, for whether the host wants a key is not known; --env-file and --set say the value", async () => {
    using at = withoutPepper(4123);
    for (const command of [["client-config"], ["install", "--yes"]])
      expect(await at.run(...command, "cursor", "--http")).toEqual({
        code: EXIT.config.code,
        stdout: "",
        stderr: expect.stringContaining("the variable PEPPER_NOT_SET is not set"),
      });
    expect(at.read("~/.cursor/mcp.json")).toBeUndefined();
    for (const flags of [
      ["--env-file", "pepper.env"],
      ["--set", "PEPPER_NOT_SET=a pepper of this test"],
    ]) {
      const { stdout, stderr } = await at.run("client-config", "cursor", "--http", ...flags);
      expect(entryIn(stdout)).toMatchObject(KEYED);
      expect(stderr).toContain(`install cursor ${flags[0]} `);
    }
    expect(await at.run("install", "cursor", "--http", "--yes", "--env-file", "pepper.env")).toMatchObject({ code: 0 });
    expect(entryIn(at.read("~/.cursor/mcp.json"))).toMatchObject(KEYED);
  });

  test("is not needed where the host runs: it is asked, by its address too, and so is one of somebody else's", async () => {
    using at = withoutPepper(0);
    await using host = start(at, ["start", "--env-file", "pepper.env"]);
    const url = String(await urlOf(host));
    const entry = { url, ...KEYED };
    for (const flags of [["--http"], ["--url", url]])
      expect(entryIn((await at.run("client-config", "cursor", ...flags)).stdout)).toEqual(entry);
    using stranger = desk();
    expect(entryIn((await stranger.run("client-config", "cursor", "--url", url)).stdout)).toEqual(entry);
    expect(await at.run("client-config", "cursor", "--http", "--endpoint", "none")).toMatchObject({
      code: EXIT.usage.code,
      stderr: expect.stringContaining('no endpoint is called "none"; no plugin opens any'),
    });
  });

  test("that a client starts itself has the flags that say it", async () => {
    using at = withoutPepper(4123);
    const { stdout } = await at.run("client-config", "cursor", "--env-file", "pepper.env", "--set", "listen.port=4124");
    expect(entryIn(stdout).args).toEqual([
      ...[BIN, "start", "stdio", "--config", join(at.path, "mcp-host.config.json")],
      ...["--env-file", join(at.path, "pepper.env"), "--set", "listen.port=4124"],
    ]);
  });
});

test("an address where nobody answers is written, and it is said that nothing is known of keys", async () => {
  using at = desk();
  const { code, stderr } = await at.run("client-config", "cursor", "--url", "http://127.0.0.1:1/mcp");
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("Nobody answers at http://127.0.0.1:1/mcp") });
});
