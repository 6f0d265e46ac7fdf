import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config, Json } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";
import { ROOT, temporary } from "../harness/hosts.ts";

const FOLDER = join(ROOT, "examples/workflow");

/** The example's plugin before servers that have the tools of the real ones. */
async function started(there: string, plugins: Config["plugins"] = [], capabilities: Json = { elicitation: {} }) {
  const written: unknown[] = [];
  const files = fakeUpstream({
    tools: {
      list_directory: () => there,
      write_file: (args) => {
        written.push(args);
        return "done";
      },
    },
  });
  const memory = fakeUpstream({ tools: { search_nodes: () => ({ entities: [] }), create_entities: () => ({ entities: [1] }) } });
  const host = await createTestHost({
    folder: FOLDER,
    plugins: [["./workflow.ts", { files: ["publish-note.yaml"] }], ...plugins],
    upstreams: { files, memory },
    client: { capabilities },
  });
  await host.client.listTools();
  const said = async (args = { title: "milk", text: "two bottles" }) => {
    const { content, isError } = await host.client.callTool("publish_note", args);
    return { text: (content as { text: string }[])[0]?.text, isError: isError === true };
  };
  return { host, said, written, files, memory };
}

test("the steps of a workflow are one tool, whose inputs are checked", async () => {
  const { host, said, written, memory } = await started("[FILE] bread.md");
  await using _ = host;
  expect(await said()).toEqual({ text: 'The note "milk" is in the shared folder and remembered.', isError: false });
  expect(written).toEqual([{ path: "milk.md", content: "two bottles" }]);
  expect(memory.received("tools/call").map(({ name }) => name)).toEqual(["search_nodes", "create_entities"]);
  expect(await said({ title: "../milk", text: "" })).toMatchObject({ isError: true, text: expect.stringContaining("title") });
});

test.each([
  ["accept", { text: 'The note "milk" is in the shared folder and remembered.', isError: false }, 1],
  ["decline", { text: expect.stringContaining("does not want"), isError: true }, 0],
])("the person in the middle says %s", async (action, outcome, times) => {
  const { host, said, written } = await started("[FILE] milk.md");
  await using _ = host;
  const asked: unknown[] = [];
  host.client.on("elicitation/create", ({ message }) => {
    asked.push(message);
    return { action, content: {} };
  });
  expect(await said()).toEqual(outcome);
  expect(asked).toEqual(['There is a note "milk" already. Write it anew?']);
  expect(written).toHaveLength(times);
});

test("a client that cannot be asked, and a tool that the caller may not call, end it before anything is written", async () => {
  const unable = await started("[FILE] milk.md", [], {});
  await expect(unable.said()).rejects.toThrow("did not declare elicitation");
  expect(unable.written).toEqual([]);
  await unable.host.close();
  const rules = [{ allow: { servers: ["*"] } }, { deny: { tools: ["files:write_file"] } }];
  const { host, said, written } = await started("", [["@host/plugin-auth", { rules }]]);
  await using _ = host;
  await expect(said()).rejects.toThrow("Unknown tool: write_file");
  expect(written).toEqual([]);
});

test("a file that is no workflow stops the start, with its name and place", async () => {
  using folder = temporary();
  writeFileSync(join(folder.path, "wrong.yaml"), "name: x\ndescription: y\nsteps:\n  - jump: 3\nresult: z\n");
  const start = createTestHost({ folder: folder.path, plugins: [[join(FOLDER, "workflow.ts"), { files: ["wrong.yaml"] }]], client: false });
  await expect(start).rejects.toThrow(/wrong\.yaml: .*one of: call, ask, stop, parallel[\s\S]*steps\[0\]/);
});
