import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Home, home, run } from "../harness/cli.ts";
import { daemonOf } from "../harness/daemons.ts";
import { ROOT, upstream } from "../harness/hosts.ts";

/** Says in each answer that it was there. */
const SHORTER = `import { definePlugin } from ${JSON.stringify(import.meta.resolve("mcp-host"))};
export default definePlugin({ name: "shorter", host: "^1.0.0", apply: (host) =>
  host.hooks.respond.for("tools/call").tap("shorter", (result) => ({ ...result, content: [{ type: "text", text: "short" }] })) });`;

/** The example of docs/config.md, with servers that are there. */
function example(): { mcpServers: object; plugins: unknown[] } {
  const page = readFileSync(join(ROOT, "docs/config.md"), "utf8");
  const [, block = ""] = /^### Feature flags\n[\s\S]*?^```json\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const servers = { search: upstream({ only: ["echo"] }), other: upstream({ only: ["scripted"], name: "other" }) };
  return { ...JSON.parse(block), mcpServers: servers };
}

async function pluginsOf(at: Home, ...args: string[]): Promise<string[]> {
  const { stdout } = await run(at, ["inspect", "--json", ...args]);
  return (JSON.parse(stdout) as { plugins: { id: string }[] }).plugins.map(({ id }) => id);
}

async function answer(at: Home, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(at, ["call", ...args]);
  expect(code, stderr).toBe(0);
  return stdout;
}

test("`enabled` is a switch that a variable throws, in a host that runs by a reload of the file that it comes from", async () => {
  using at = home({ listen: { port: 0 }, ...example() }, { "shorter-answers.mjs": SHORTER, "flags.env": "" });
  expect(await pluginsOf(at)).toEqual(["shorter"]);
  expect(await pluginsOf(at, "--set", "RETRIES=true")).toEqual(expect.arrayContaining(["resilience", "shorter"]));

  await using _daemon = daemonOf(await run(at, ["start", "--daemon", "--env-file", "flags.env"]));
  for (const [flag, change] of [
    ["true", { added: ["resilience"] }],
    ["false", { removed: ["resilience"] }],
  ] as const) {
    writeFileSync(join(at.path, "flags.env"), `RETRIES=${flag}\n`);
    const { code, stdout } = await run(at, ["reload", "--json"]);
    expect({ code, report: JSON.parse(stdout) }).toMatchObject({ code: 0, report: { plugins: change } });
  }
});

test("`when` has a plugin for some servers and some people alone", async () => {
  using at = home(example(), { "shorter-answers.mjs": SHORTER });
  const echo = ["echo", "--args", '{"a":1}'];
  expect(await answer(at, ...echo)).not.toBe("short\n");
  expect(await answer(at, ...echo, "--set", 'roles=["beta"]')).toBe("short\n");
  expect(await answer(at, "scripted", "--set", 'roles=["beta"]')).not.toBe("short\n");
});
