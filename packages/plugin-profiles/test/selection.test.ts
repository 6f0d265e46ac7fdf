import type { ProfilesOptions } from "@host/plugin-profiles";
import { expect, test } from "vitest";
import { allOf, shown, started } from "./scripted.ts";

type Profiles = NonNullable<ProfilesOptions["profiles"]>;

const FILES = allOf("files");
const GIT = allOf("git");
const without = (names: readonly string[], ...gone: string[]): string[] => names.filter((name) => !gone.includes(name));

/** The profile `it`, among others, and what is in it. */
const CASES: Record<string, [Profiles, string[]]> = {
  "one that names nothing has everything": [{ it: {} }, [...FILES, ...GIT]],
  "servers by key": [{ it: { servers: ["files"] } }, FILES],
  "servers by glob": [{ it: { servers: ["g*"] } }, GIT],
  "no servers": [{ it: { servers: [] } }, []],
  "all servers but one": [{ it: { servers: ["!git"] } }, FILES],
  "tools by exposed name, and nothing of other kinds": [
    { it: { tools: ["files_read", "*_write"] } },
    ["files_read", "files_write", "git_write"],
  ],
  "tools by upstream and native name": [{ it: { tools: ["git:*_read"] } }, ["git_read"]],
  "lists within servers": [{ it: { servers: ["git"], tools: ["*_read"], prompts: ["*"] } }, ["git_pack", "git_read"]],
  "all tools but some, and all of other kinds": [{ it: { servers: ["git"], tools: ["!*_write"] } }, without(GIT, "git_write")],
  "some tools, but not this one": [{ it: { tools: ["*_read", "!git:*"] } }, ["files_read"]],
  "an empty list is none of that kind": [{ it: { servers: ["git"], prompts: [] } }, without(GIT, "git_pack")],
  "resources and templates by URI": [{ it: { resources: ["files:///open", "git:///items/*"] } }, ["files:///open", "git:///items/{id}"]],
  "resources but some": [{ it: { servers: ["files"], resources: ["!*/secret"] } }, without(FILES, "files:///secret")],
  "what it extends, and more": [{ base: { servers: ["git"] }, it: { extends: ["base"], tools: ["files_read"] } }, [...GIT, "files_read"]],
  "what it extends, and less": [
    { base: { servers: ["git"] }, it: { extends: ["base"], tools: ["!git_write"] } },
    without(GIT, "git_write"),
  ],
  "nothing but what it extends": [{ base: { tools: ["git_read"] }, it: { extends: ["base"], description: "the same" } }, ["git_read"]],
  "what takes out in one that is extended stays there": [
    { base: { servers: ["git"], tools: ["!git_write"] }, it: { extends: ["base"], tools: ["git_write"] } },
    GIT,
  ],
  "several, each of which extends another": [
    {
      one: { tools: ["git_read"] },
      two: { extends: ["one"], tools: ["git_write"] },
      it: { extends: ["two", "files"] },
      files: { servers: ["files"] },
    },
    [...FILES, "git_read", "git_write"],
  ],
  "one that is extended twice": [
    { base: { tools: ["git_read"] }, a: { extends: ["base"] }, b: { extends: ["base"] }, it: { extends: ["a", "b"] } },
    ["git_read"],
  ],
};

test.each(Object.entries(CASES))("%s", async (_name, [profiles, names]) => {
  await using running = await started({ profiles });
  expect(await shown(await running.connect({ endpoint: "it" }))).toEqual([...names].sort());
  expect(await shown(await running.connect())).toEqual([...FILES, ...GIT].sort());
});

test("a URI that no server lists is in where it is in every spelling, and out where it is out in any", async () => {
  await using running = await started({
    profiles: {
      some: { resources: ["files:///items/{id}", "files:///items/a*"] },
      most: { servers: ["files"], resources: ["!files:///items/b*"] },
    },
  });
  const [some, most] = [await running.connect({ endpoint: "some" }), await running.connect({ endpoint: "most" })];
  const unknown = "Resource not found";
  await some.readResource("files:///items/a1");
  await expect(some.readResource("files:///items/b1")).rejects.toThrow(unknown);
  await expect(some.readResource("files:///items/a%2F..%2Fb1")).rejects.toThrow(unknown);
  await most.readResource("files:///items/a1");
  await expect(most.readResource("files:///items/b1")).rejects.toThrow(unknown);
  await expect(most.readResource("files:///items/%621")).rejects.toThrow(unknown);
  expect(running.files.received("resources/read").map(({ uri }) => uri)).toEqual(["files:///items/a1", "files:///items/a1"]);
});
