import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { definePlugin } from "mcp-host";
import { createTestHost, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import board from "./board.ts";

testPlugin(board, {
  test,
  module: new URL("./board.ts", import.meta.url),
  options: { path: "/b" },
  badOptions: [{ options: { path: "b" }, place: "plugins[0].options.path", hint: "pattern" }],
});

const tokens = definePlugin({
  name: "ann-and-bob",
  host: "^1.0.0",
  security: true,
  apply(host) {
    host.hooks.authenticate.tap("ann-and-bob", ({ headers }) => {
      const id = /^Bearer (ann|bob)$/.exec(String(headers.authorization))?.[1];
      return id === undefined ? undefined : { id, roles: [] };
    });
  },
});

test("a page that knows who asks, a public one, and operations for admins", async () => {
  await using host = await createTestHost({
    plugins: [tokens(), board({ admins: ["ann"] })],
    client: false,
    config: { listen: { port: 0 } },
  });
  const ask = (path: string, id?: string, body?: object) =>
    fetch(new URL(path, host.host.url), {
      method: body ? "POST" : "GET",
      headers: id ? { authorization: `Bearer ${id}` } : {},
      ...(body && { body: JSON.stringify(body) }),
    });
  expect((await ask("/board")).status).toBe(401);
  expect((await ask("/board", "eve")).status).toBe(401);
  expect(await (await ask("/board", "bob")).json()).toEqual({ who: "bob", roles: [], notes: [] });
  expect((await ask("/board/operations/board:note", "bob", { text: "x" })).status).toBe(403);
  expect((await ask("/board/operations/board:note", undefined, { text: "x" })).status).toBe(401);
  expect(await (await ask("/board/operations/board:note", "ann", { text: "hi" })).json()).toEqual({ notes: 1 });
  expect(await (await ask("/board/operations/board:note", "ann", { txt: "hi" })).json()).toEqual({
    error: expect.stringContaining("text"),
  });
  expect(await (await ask("/board", "bob")).json()).toMatchObject({ notes: [{ text: "hi", who: "ann" }] });
  expect(await (await ask("/board/public")).text()).toBe("1 notes");
  const listed = (await (await ask("/board/operations", "bob")).json()) as { name: string }[];
  expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(["status", "reload", "stop", "board:note"]));
});

test("the command notes something on the running host", async () => {
  const bin = join(dirname(createRequire(import.meta.url).resolve("mcp-host/package.json")), "bin/mcp-host.js");
  const folder = await mkdtemp(join(tmpdir(), "board-"));
  const config = join(folder, "mcp-host.json");
  await writeFile(
    config,
    JSON.stringify({ listen: { port: 0 }, mcpServers: {}, plugins: [fileURLToPath(new URL("./board.ts", import.meta.url))] }),
  );
  const env = { ...process.env, XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: folder };
  const host = spawn(process.execPath, [bin, "start", "--config", config], { env, stdio: ["ignore", "pipe", "pipe"] });
  try {
    let out = "";
    await new Promise<void>((resolve, reject) => {
      host.stderr.on("data", (text) => (out += text).includes("http://127.0.0.1") && resolve());
      host.on("exit", () => reject(new Error(out)));
    });
    const run = (...args: string[]) => promisify(execFile)(process.execPath, [bin, ...args, "--config", config], { env });
    expect((await run("board", "note", "bought milk")).stdout).toBe('{"notes":1}\n');
    expect((await run("status")).stdout).toContain("board");
  } finally {
    if (host.exitCode === null) {
      host.kill("SIGTERM");
      await once(host, "exit");
    }
    await rm(folder, { recursive: true });
  }
});
