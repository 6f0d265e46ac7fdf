import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { copyRepository } from "../harness/copy.ts";
import { ROOT, temporary } from "../harness/hosts.ts";
import { KeyedClient } from "../harness/keyed-client.ts";
import { npmStart, workingIn } from "../harness/npm-start.ts";

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const folder = temporary();
const copy = join(folder.path, "mcp-host");
beforeAll(() => copyRepository(copy));
afterAll(() => folder[Symbol.dispose]());

/** A file of the quick start's, as JSON has it in a text. */
const ideas = (): string => JSON.stringify(readFileSync(join(copy, "examples/quickstart/files/ideas.txt"), "utf8")).slice(1, -1);

// Both on a free port, because 3000 may be taken.
test("npm start in a clean copy builds, says what it serves, serves three real servers and leaves nothing behind", async () => {
  await npmStart(copy, ["--port", "0"], async ({ url, text }) => {
    expect(text()).toContain("mcp-host serves 3 servers at ");
    for (const name of ["everything", "memory", "files"])
      expect(text()).toMatch(new RegExp(`^  ${name} +(ready +\\d+ tools|idle +starts with each client)`, "m"));
    const [connect = "there is none"] = /^claude mcp add .*$/m.exec(read("README.md")) ?? [];
    expect(text().replaceAll(url.href, "http://127.0.0.1:3000/mcp")).toContain(connect);

    const client = sdkClient();
    await client.connect(httpTransport(url));
    const call = async (name: string, args: Record<string, unknown>): Promise<string> =>
      JSON.stringify(await client.callTool({ name, arguments: args }));
    // One that starts with each client may take longer than a client's first request waits for it.
    await expect.poll(async () => (await client.listTools()).tools.map(({ name }) => name)).toContain("everything__echo");
    expect(await call("everything__echo", { message: "Hello" })).toContain("Echo: Hello");
    const entities = [{ name: "Ada", entityType: "person", observations: ["likes engines"] }];
    expect(await call("memory__create_entities", { entities })).toContain("likes engines");
    expect(existsSync(join(copy, "examples/quickstart/memory.jsonl"))).toBe(true);
    const path = join(copy, "examples/quickstart/files/ideas.txt");
    expect(await call("files__read_text_file", { path })).toContain(ideas());
    await client.close();
    expect(workingIn(copy).length).toBeGreaterThan(3); // npm, the host and its servers
  });
}, 300_000);

test("the first command of examples/all-plugins/README.md starts that example, and its key calls a tool", async () => {
  const page = read("examples/all-plugins/README.md");
  const [, command = ""] = /^```sh\n(.*?)^```/ms.exec(page) ?? [];
  expect(command.trim()).toMatch(/^npm start -- --config \S+$/);
  const [, key = ""] = /Bearer (\S+)"/.exec(page) ?? [];
  await npmStart(copy, [...command.trim().split(" ").slice(3), "--port", "0"], async ({ url }) => {
    const owner = await KeyedClient.open(url, key);
    const path = join(copy, "examples/quickstart/files/ideas.txt");
    expect(JSON.stringify(await owner.request("tools/call", { name: "files__read_text_file", arguments: { path } }))).toContain(ideas());
    await owner.close();
  });
}, 300_000);
