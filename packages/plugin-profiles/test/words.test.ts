import { expect, test } from "vitest";
import { started } from "./scripted.ts";

const FILES = "## files\n\nHow to use files.";
const GIT = "## git\n\nHow to use git.";

test("instructions are the profile's, around those of the servers in it", async () => {
  await using running = await started({
    profiles: {
      plain: { servers: ["git"] },
      own: { servers: ["git"], instructions: "Be brief." },
      around: { instructions: "Be brief.\n\n{instructions}\n\nAgain: be brief." },
      none: { instructions: "" },
      nothing: { servers: [], instructions: "{instructions}" },
      child: { extends: ["plain", "own"] },
    },
  });
  const told = async (endpoint?: string) => (await running.connect(endpoint === undefined ? {} : { endpoint })).initialized.instructions;
  expect(await told()).toBe(`${FILES}\n\n${GIT}`);
  expect(await told("plain")).toBe(GIT);
  expect(await told("own")).toBe("Be brief.");
  expect(await told("around")).toBe(`Be brief.\n\n${FILES}\n\n${GIT}\n\nAgain: be brief.`);
  expect(await told("none")).toBeUndefined();
  expect(await told("nothing")).toBeUndefined();
  expect(await told("child")).toBe("Be brief.");
});

test("a description of the profile is in what the host says of itself", async () => {
  await using running = await started({ profiles: { work: { description: "For work", instructions: "Work." }, plain: {} } });
  const { serverInfo } = (await running.connect()).initialized;
  expect((await running.connect({ endpoint: "work" })).initialized.serverInfo).toEqual({
    ...(serverInfo as object),
    description: "For work",
  });
  expect((await running.connect({ endpoint: "plain" })).initialized.serverInfo).toEqual(serverInfo);
});

test("entries have the profile's descriptions, and keep their names", async () => {
  await using running = await started({
    profiles: {
      base: { descriptions: { git_read: "base", git_write: "base", "git:///items/{id}": "a template" } },
      work: {
        extends: ["base"],
        descriptions: { git_read: "{description}, by hand", git_pack: "a prompt", "git:///open": "a resource", nowhere: "nothing" },
      },
    },
  });
  const client = await running.connect({ endpoint: "work" });
  const plain = await running.connect();
  const descriptions = (entries: Record<string, unknown>[], key: string) =>
    Object.fromEntries(entries.map((entry) => [entry[key], entry.description]));
  expect(descriptions(await client.listTools(), "name")).toEqual({
    files_read: "Reads files",
    files_write: undefined,
    git_read: "Reads git, by hand",
    git_write: "base",
  });
  expect(descriptions(await client.listPrompts(), "name")).toEqual({ files_pack: undefined, git_pack: "a prompt" });
  expect(descriptions(await client.listResources(), "uri")).toMatchObject({ "git:///open": "a resource", "git:///secret": undefined });
  expect(descriptions(await client.listResourceTemplates(), "uriTemplate")).toMatchObject({ "git:///items/{id}": "a template" });
  expect(descriptions(await plain.listTools(), "name")).toMatchObject({ git_read: "Reads git", git_write: undefined });
});

test("with several profiles by role, each has its say, and the first that describes an entry describes it", async () => {
  await using running = await started({
    profiles: {
      one: { tools: ["git_*"], roles: ["a"], description: "One", instructions: "First.", descriptions: { git_read: "one" } },
      two: {
        tools: ["files_*"],
        roles: ["b"],
        description: "Two",
        instructions: "Second.",
        descriptions: { git_read: "two", files_read: "two" },
      },
    },
  });
  const client = await running.connect({ principal: { id: "ann", roles: ["b", "a"] } });
  expect(client.initialized).toMatchObject({ instructions: "First.\n\nSecond.", serverInfo: { description: "One\n\nTwo" } });
  expect(await client.listTools()).toMatchObject([
    { name: "files_read", description: "two" },
    { name: "files_write" },
    { name: "git_read", description: "one" },
    { name: "git_write" },
  ]);
});
