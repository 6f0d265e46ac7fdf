import { spawn } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { createTestHost, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { type: "tcp" },
  badOptions: [{ options: { type: "TCP" }, place: "plugins[0].options.type", hint: "must be a letter" }],
});

/** A server of stdio behind a port: every connection gets a process of its own. */
async function listening() {
  const program = fileURLToPath(new URL("./bin/hello-server.js", import.meta.resolve("mcp-host/package.json")));
  const server = createServer((socket) => {
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "ignore"] });
    socket.pipe(child.stdin).on("error", () => {}); // it has ended
    child.stdout.pipe(socket).on("error", () => {}); // the host has gone
    socket.on("close", () => child.kill());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())) };
}

test("a server behind a port answers", async () => {
  await using server = await listening();
  const upstreams = { far: { type: "tcp", options: { port: server.port } } };
  await using host = await createTestHost({ plugins: [templatePlugin()], upstreams });
  expect(await host.client.callTool("hello", { name: "Ada" })).toMatchObject({ content: [{ text: "Hello, Ada!" }] });
});

test("where nobody listens, the server is down and the host serves on", async () => {
  const gone = await listening();
  await gone[Symbol.asyncDispose]();
  const upstreams = { far: { type: "tcp", options: { port: gone.port } } };
  await using host = await createTestHost({ plugins: [templatePlugin()], upstreams });
  expect(await host.client.listTools()).toEqual([]);
});

test("a server without a port stops the start, and its place is named", async () => {
  const upstreams = { far: { type: "tcp", options: {} } };
  await expect(createTestHost({ plugins: [templatePlugin()], upstreams })).rejects.toThrow(/mcpServers\.far\.options\.port/);
});
