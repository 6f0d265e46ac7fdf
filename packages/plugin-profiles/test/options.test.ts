import { type ProfilesOptions, profiles } from "@host/plugin-profiles";
import { createHost } from "mcp-host";
import { expect, test } from "vitest";
import { started } from "./scripted.ts";

/** What a host with the servers `files` and `git` says of the profiles; none of them is ever connected to. */
async function problemsOf(options: ProfilesOptions): Promise<string> {
  const mcpServers = { files: { url: "http://127.0.0.1:9/mcp" }, git: { url: "http://127.0.0.1:9/mcp" } };
  await using host = createHost({ mcpServers, plugins: [profiles(options)] });
  return host.prepare().then(
    () => "",
    (error: Error) => error.message,
  );
}

test.each<[ProfilesOptions, string]>([
  [
    { profiles: { work: { servers: ["git", "fiels"] } } },
    'options.profiles.work.servers[1]: no upstream is called "fiels" (did you mean "files"?)',
  ],
  [{ profiles: { work: { servers: ["!gti"] } } }, 'options.profiles.work.servers[0]: no upstream is called "gti" (did you mean "git"?)'],
  [{ profiles: { work: { tools: ["gti:push"] } } }, 'options.profiles.work.tools[0]: no upstream is called "gti" (did you mean "git"?)'],
  [{ profiles: { work: { resources: ["notes:today"] } } }, 'if it is a URI, write "*:notes:today"'],
  [{ profiles: { "at work": {} } }, 'opens the endpoint "at work": a name has 1 to 64 letters'],
  [{ profiles: { work: { tools: [`${"x".repeat(1_001)}`] } } }, "is longer than 1000 characters"],
])("%j is refused", async (options, words) => {
  expect(await problemsOf(options)).toContain(words);
});

test.each<ProfilesOptions>([
  {},
  { profiles: { "at work": { endpoint: false } } },
  {
    profiles: { work: { servers: ["gi*", "*"], tools: ["git:push", "x_*", "!files:*"], resources: ["file:///*", "https://a.example/*"] } },
  },
])("%j is fine", async (options) => {
  expect(await problemsOf(options)).toBe("");
});

test("a glob that fits no server is told in the log, for one may come with a reload", async () => {
  await using running = await started({ profiles: { work: { servers: ["git", "hub*"], tools: ["g*:read"] } } });
  expect(running.log.filter(({ message }) => message === "a glob fits no server")).toMatchObject([
    { level: "warn", plugin: "profiles", place: "options.profiles.work.servers[1]", glob: "hub*", servers: "files, git" },
  ]);
});

test("no profiles, no taps", async () => {
  await using host = createHost({ plugins: [profiles({ profiles: { work: { outside: "hide" } } })] });
  await host.prepare();
  expect(host.pipeline().taps.map(({ hook }) => hook)).toEqual(["list", "ready"]);
});
