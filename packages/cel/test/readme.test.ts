import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { factsOf } from "@host/cel";
import type { Entry } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";
import { ROOT } from "../../../test/harness/hosts.ts";

const README = readFileSync(join(ROOT, "packages/cel/README.md"), "utf8");

// Below the repository, where what is installed can be imported; git ignores it.
const FOLDER = join(ROOT, "test", ".tmp", `cel-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

test("the table names everything that a condition can speak of", () => {
  const named = [...README.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name);
  const entry: Entry = { kind: "tool", name: "n", upstream: "u", native: "n", definition: {} };
  expect(named).toEqual(Object.keys(factsOf(entry, { id: "p", roles: [] }, undefined)));
});

test("the plugin of the page refuses what its condition says, and what is wrong with one is told where it stands", async () => {
  const [, text = ""] = /^```ts\n(.*?)^```/ms.exec(README) ?? [];
  writeFileSync(join(FOLDER, "closed.ts"), text);
  const up = fakeUpstream({ tools: { read: ({ path }) => `read ${path}` } });
  const hostWith = (when: string) => createTestHost({ plugins: [["./closed.ts", { when }]], upstreams: { up }, folder: FOLDER });
  await using host = await hostWith('arguments.path.startsWith("/etc/")');
  expect(await host.client.callTool("read", { path: "/tmp" })).toMatchObject({ content: [{ text: "read /tmp" }] });
  await expect(host.client.callTool("read", { path: "/etc/x" })).rejects.toThrow("this is closed");
  await expect(hostWith("arguments.path +")).rejects.toThrow(/plugins\[0\]\.options\.when: is no CEL expression/);
});
