import type { TestClientOptions } from "mcp-host/testing";
import { expect, test } from "vitest";
import { allOf, shown, started } from "./scripted.ts";

const ALL = [...allOf("files"), ...allOf("git")].sort();
const as = (...roles: string[]): TestClientOptions => ({ principal: { id: `somebody with ${roles.join()}`, roles } });

const BY_ROLE = {
  open: { prompts: ["*"] },
  reader: { tools: ["*_read"], roles: ["reader", "guest"] },
  writer: { tools: ["*_write"], roles: ["writer"] },
};

test("at the unnamed endpoint a caller has what is in any profile of its roles, and without such a role everything", async () => {
  await using running = await started({ profiles: BY_ROLE });
  const names = async (...roles: string[]) => shown(await running.connect(as(...roles)));
  expect(await names("guest")).toEqual(["files_read", "git_read"]);
  expect(await names("writer", "other")).toEqual(["files_write", "git_write"]);
  expect(await names("reader", "writer")).toEqual(["files_read", "files_write", "git_read", "git_write"]);
  expect(await names("other")).toEqual(ALL);
  const guest = await running.connect(as("guest"));
  await guest.callTool("git_read");
  await expect(guest.callTool("git_write")).rejects.toThrow("Unknown tool: git_write");
});

test("`default` is for whoever has none by role", async () => {
  await using running = await started({ profiles: BY_ROLE, default: "open" });
  expect(await shown(await running.connect(as("other")))).toEqual(["files_pack", "git_pack"]);
  expect(await shown(await running.connect(as("guest")))).toEqual(["files_read", "git_read"]);
});

test("where one of several profiles hides, what is outside can be called", async () => {
  await using running = await started({ profiles: { ...BY_ROLE, writer: { ...BY_ROLE.writer, outside: "hide" } } });
  const both = await running.connect(as("reader", "writer"));
  expect(await shown(both)).toEqual(["files_read", "files_write", "git_read", "git_write"]);
  await both.getPrompt("git_pack");
  await expect((await running.connect(as("reader"))).getPrompt("git_pack")).rejects.toThrow("Unknown prompt");
});

test("at an endpoint its profile holds, whatever the roles; one with roles is for these alone", async () => {
  await using running = await started({ profiles: BY_ROLE, outside: "hide" });
  expect(await shown(await running.connect({ ...as("guest"), endpoint: "open" }))).toEqual(["files_pack", "git_pack"]);
  expect(await shown(await running.connect({ ...as("guest", "writer"), endpoint: "reader" }))).toEqual(["files_read", "git_read"]);
  const refused = await running.connect({ ...as("guest"), endpoint: "writer" }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ data: { type: "forbidden" } });
  expect(String(refused)).toContain('the profile "writer" is for roles that you do not have');
});

test("a profile without an endpoint is for extending and for roles", async () => {
  await using running = await started({
    profiles: { base: { servers: ["git"], endpoint: false, roles: ["git"] }, work: { extends: ["base"] } },
  });
  expect(running.host.status().endpoints).toEqual([{ name: "work", plugin: "profiles" }]);
  expect(await shown(await running.connect({ ...as(), endpoint: "work" }))).toEqual(allOf("git"));
  expect(await shown(await running.connect(as("git")))).toEqual(allOf("git"));
  await expect(running.connect({ endpoint: "base" })).rejects.toThrow('no endpoint is called "base"');
});

test("the report says of each profile whose it is and how much is in it", async () => {
  await using running = await started({ profiles: { ...BY_ROLE, work: { description: "Work", servers: ["git"], outside: "hide" } } });
  await running.connect();
  expect(running.host.reports().profiles).toMatchObject({
    default: null,
    profiles: {
      reader: { endpoint: true, roles: ["reader", "guest"], outside: "refuse", tools: 2, prompts: 0, resources: 0, templates: 0 },
      work: { description: "Work", roles: null, outside: "hide", tools: 2, prompts: 1, resources: 2, templates: 1 },
    },
  });
});
