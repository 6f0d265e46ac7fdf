import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { CODE_EXTENSIONS } from "../../packages/host/dist/config/locate.js";
import { clientOf, type Home, home, run, start } from "../harness/cli.ts";

/** A config that leaves a file when it runs. */
const marking = (servers = "{}"): string => `
const { writeFileSync } = process.getBuiltinModule("node:fs");
writeFileSync(${"`${process.env.MARKS}/ran`"}, "");
export default { listen: { port: 0 }, mcpServers: ${servers} };`;

/** A folder of somebody else's, just fetched. */
function fetched(
  name = "mcp-host.config.mjs",
  text = marking(),
): { at: Home; env: Record<string, string>; ran: () => boolean } & Disposable {
  const at = home(undefined, { [name]: text });
  const marks = home();
  return {
    at,
    env: { MARKS: marks.path },
    ran: () => existsSync(join(marks.path, "ran")),
    [Symbol.dispose]() {
      at[Symbol.dispose]();
      marks[Symbol.dispose]();
    },
  };
}

const REFUSED = "the config is code that runs when it is read, and nobody has said that it may: read it, and run `";

describe("a config in code that is only found in the working directory", () => {
  test.each([
    ["validate"],
    ["validate", "--json"],
    ["config", "show"],
    ["credentials", "check"],
    ["schema"],
    ["list"],
    ["call", "x"],
    ["resources"],
    ["read", "x:1"],
    ["prompt", "x"],
    ["subscribe", "x:1"],
    ["inspect"],
    ["start", "--port", "0"],
    ["start", "stdio"],
    ["start", "both", "--port", "0"],
    ["start", "--daemon", "--port", "0"],
    ["service"],
    ["install", "cursor", "--yes"],
    ["client-config", "cursor"],
    ["client-config", "cursor", "--http"],
  ])("does not run by `mcp-host %s`, which says why, and what to do", async (...args) => {
    using there = fetched();
    const { code, stdout, stderr } = await run(there.at, args, there.env);
    expect({ code, ran: there.ran() }).toEqual({ code: 3, ran: false });
    expect(stdout + stderr).toContain(REFUSED);
    expect(stdout + stderr).toMatch(/trust`, or name it with --config mcp-host\.config\.mjs/);
  });

  test("nor by a word that may be a plugin's command, nor by doctor, which has a finding for it", async () => {
    using there = fetched();
    expect(await run(there.at, ["quota", "show"], there.env)).toMatchObject({ code: 2, stderr: expect.stringContaining(REFUSED) });
    const { code, stdout } = await run(there.at, ["doctor", "--offline", "--json"], there.env);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).findings.map(({ id }: { id: string }) => id)).toContain("config-untrusted");
    expect(await run(there.at, ["config", "path"], there.env)).toMatchObject({ code: 0 });
    expect(await run(there.at, ["stop"], there.env)).toMatchObject({ code: 5 });
    expect(there.ran()).toBe(false);
  });

  test.each(CODE_EXTENSIONS)("runs as .%s once it is trusted, and not after a change", async (extension) => {
    const name = `mcp-host.config.${extension}`;
    const text = extension.startsWith("c") ? marking().replace("export default", "module.exports =") : marking();
    using there = fetched(name, extension === "js" ? text.replace("export default", "module.exports =") : text);
    const validate = () => run(there.at, ["validate"], there.env);
    expect(await validate()).toMatchObject({ code: 3 });
    expect(await run(there.at, ["trust"], there.env)).toEqual({
      code: 0,
      stdout: `${join(there.at.path, name)} is trusted until it changes\n`,
      stderr: "",
    });
    expect(there.ran(), "trust itself runs nothing").toBe(false);
    expect(await validate()).toMatchObject({ code: 0 });
    expect(there.ran()).toBe(true);
    writeFileSync(join(there.at.path, name), `${text}\n// and more`);
    expect(await validate()).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("it holds something else than when it was trusted"),
    });
    expect(await run(there.at, ["trust", name, "--json"])).toMatchObject({ code: 0 });
    expect(await validate()).toMatchObject({ code: 0 });
    expect(await run(there.at, ["trust", "--revoke"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("is not trusted any more"),
    });
    expect(await validate()).toMatchObject({ code: 3, stderr: expect.stringContaining(REFUSED) });
  });

  test("is trusted where it is, and nowhere else", async () => {
    using there = fetched();
    using copy = fetched();
    await run(there.at, ["trust"], there.env);
    const same = { ...copy.at, env: there.at.env };
    expect(await run(same, ["validate"], copy.env)).toMatchObject({ code: 3 });
    expect(copy.ran()).toBe(false);
  });

  test.skipIf(process.platform === "win32")("is not trusted by a record that others may have written", async () => {
    using there = fetched();
    await run(there.at, ["trust"], there.env);
    const folder = join(there.at.path, "state", "mcp-host", "trusted");
    const [record = ""] = readdirSync(folder);
    chmodSync(join(folder, record), 0o666);
    expect(await run(there.at, ["validate"], there.env)).toMatchObject({ code: 3 });
  });
});

test("a config in code that --config names runs, and one that runs nothing when it is read needs no trust", async () => {
  using there = fetched();
  expect(await run(there.at, ["validate", "--config", "mcp-host.config.mjs"], there.env)).toMatchObject({ code: 0 });
  expect(there.ran()).toBe(true);
  using plain = home({ mcpServers: {} });
  expect(await run(plain, ["validate"])).toMatchObject({ code: 0 });
  expect(await run(plain, ["trust"])).toMatchObject({ code: 0, stdout: expect.stringContaining("needs no trust") });
});

test("trust says what is no config, and what everybody may write", async () => {
  using there = fetched();
  expect(await run(there.at, ["trust", "none.mjs"])).toMatchObject({ code: 3, stderr: expect.stringContaining("there is no file") });
  if (process.platform === "win32") return;
  chmodSync(join(there.at.path, "mcp-host.config.mjs"), 0o666);
  expect(await run(there.at, ["trust"])).toMatchObject({ code: 3, stderr: expect.stringContaining("everybody on this machine can write") });
});

test("a running host reads its own config again without being told anew that it may", async () => {
  using there = fetched();
  await run(there.at, ["trust"], there.env);
  await using running = start(there.at, ["start", "--port", "0"], there.env);
  await (await clientOf(running)).close();
  writeFileSync(join(there.at.path, "mcp-host.config.mjs"), marking('{ late: { url: "http://127.0.0.1:9/" } }'));
  const reloaded = await run(there.at, ["reload"], there.env);
  expect(reloaded).toMatchObject({ code: 0, stdout: expect.stringContaining("servers: added late") });
  await vi.waitFor(() => expect(running.stderr()).toContain("the config was read again"));
  expect(await run(there.at, ["validate"], there.env)).toMatchObject({ code: 3 });
});
