import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type Home, home, type Running, run, start } from "../harness/cli.ts";
import { httpProcess } from "../harness/hosts.ts";
import { type McpRegistry, type ServerJson, serveMcpRegistry } from "../harness/mcp-registry.ts";

const STDIO = { type: "stdio" };
const npm = (more: object): ServerJson["packages"] => [
  { registryType: "npm", identifier: "@ada/notes", version: "1.2.3", transport: STDIO, ...more },
];

const serverOf = (at: Home, name: string): unknown =>
  JSON.parse(readFileSync(join(at.path, "mcp-host.config.json"), "utf8")).mcpServers[name];
const written = (at: Home): string => readFileSync(join(at.path, "mcp-host.config.json"), "utf8");
const credentials = (at: Home): unknown => JSON.parse(readFileSync(join(at.path, "user/mcp-host/credentials.json"), "utf8"));

/** Adds a server of a registry that has these alone. */
async function added(at: Home, servers: readonly ServerJson[], args: readonly string[], env: Record<string, string> = {}) {
  await using served = await serveMcpRegistry(servers);
  return await run(at, ["add", ...args, "--registry", served.url], env);
}

const server = (more: object): ServerJson => ({ name: "io.github.ada/notes", version: "1.2.3", ...more });

test("a package of npm is pinned, and its values are asked for, checked and put where they belong", async () => {
  const entry = server({
    packages: npm({
      fileSha256: "a".repeat(64),
      runtimeHint: "npx",
      runtimeArguments: [{ type: "positional", value: "-y" }],
      packageArguments: [
        { type: "positional", valueHint: "folder", format: "filepath", isRequired: true, isRepeated: true },
        { type: "named", name: "--mode", default: "fast", choices: ["fast", "slow"] },
        { type: "named", name: "-p", format: "number" },
        { type: "named", name: "--quiet", value: "" },
        { type: "named", name: "--greet", value: "hello {who}; rm -rf ~", variables: { who: { isRequired: true } } },
        { type: "named", name: "--unsaid" },
        { type: "named", name: "--bare", isRequired: true },
      ],
      environmentVariables: [
        { name: "NOTES_TOKEN", isRequired: true, isSecret: true },
        { name: "LEVEL", default: "info" },
        { name: "UNSAID" },
        { name: "URL", value: "https://{region}.example/${HOME}", variables: { region: { default: "eu" } } },
      ],
    }),
  });
  using at = home({});
  const values = ["folder=docs", "folder=/srv", "p=8080", "who=$(id)", "bare=", "NOTES_TOKEN=s3cr3t-of-notes"].flatMap((value) => [
    "--value",
    value,
  ]);
  const { code, stdout, stderr } = await added(at, [entry], ["io.github.ada/notes", "--yes", ...values]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `server "notes" is in ${join(at.path, "mcp-host.config.json")} now\n` });
  expect(serverOf(at, "notes")).toEqual({
    command: "npx",
    args: [
      ...["-y", "@ada/notes@1.2.3", join(at.path, "docs"), "/srv", "--mode=fast", "-p", "8080", "--quiet"],
      ...["--greet=hello $(id); rm -rf ~", "--bare"],
    ],
    env: { NOTES_TOKEN: "${NOTES_TOKEN}", LEVEL: "info", URL: "https://eu.example/$${HOME}" },
  });
  expect(credentials(at)).toEqual({ NOTES_TOKEN: "s3cr3t-of-notes" });
  expect(stderr).toContain(
    `  starts: npx -y @ada/notes@1.2.3 ${join(at.path, "docs")} /srv --mode=fast -p 8080 --quiet '--greet=hello $(id); rm -rf ~' --bare\n`,
  );
  expect(stderr).toContain("source: npm @ada/notes@1.2.3, by http://127.0.0.1");
  expect(stderr).toContain("  variable NOTES_TOKEN='[secret]'\n");
  expect(stderr).toMatch(/in \S+credentials\.json now: NOTES_TOKEN/);
  expect(stderr).not.toContain("s3cr3t-of-notes");
  expect(stderr).toContain("careful: the entry gives arguments to npx itself; look at them\n");
  expect(stderr).toContain("careful: the entry names a SHA-256 of the package, which npx does not check\n");
});

test.each([
  [
    "pypi",
    { registryType: "pypi", identifier: "notes-mcp", version: "0.1.0rc1", runtimeHint: "uvx" },
    "uvx",
    ["notes-mcp==0.1.0rc1", "--on"],
  ],
  [
    "oci",
    { registryType: "oci", identifier: "ghcr.io/ada/notes:1.2.3" },
    "docker",
    ["run", "-i", "--rm", "-e", "A", "-e", "B", "ghcr.io/ada/notes:1.2.3", "--on"],
  ],
  [
    "oci",
    { registryType: "oci", identifier: "ada/notes", version: "1.2.3", runtimeHint: "podman" },
    "podman",
    ["run", "-i", "--rm", "-e", "A", "-e", "B", "ada/notes:1.2.3", "--on"],
  ],
  [
    "oci",
    { registryType: "oci", identifier: `notes@sha256:${"a".repeat(64)}` },
    "docker",
    ["run", "-i", "--rm", "-e", "A", "-e", "B", `notes@sha256:${"a".repeat(64)}`, "--on"],
  ],
  ["nuget", { registryType: "nuget", identifier: "Ada.Notes", version: "1.2.3-beta.1" }, "dnx", ["Ada.Notes@1.2.3-beta.1", "--", "--on"]],
] as const)("a package of %s is started by its own program: %j", async (kind, given, command, args) => {
  const own = {
    ...{ ...given, transport: STDIO, packageArguments: [{ type: "named", name: "--on", value: "" }] },
    environmentVariables: [{ name: "A", default: "1" }],
  };
  // Only the package that is chosen is looked at.
  const entry = server({ packages: [...(npm({ version: "latest" }) as object[]), own] });
  using at = home({});
  const { code, stderr } = await added(at, [entry], ["mine", "io.github.ada/notes@1.2.3", "--use", kind, "--env", "B=2", "--yes"]);
  expect(code, stderr).toBe(0);
  expect(serverOf(at, "mine")).toEqual({ command, args, env: { A: "1", B: "2" } });
  expect(stderr).toContain("besides there is npm (--use)");
});

test("an address with variables and headers is asked for them, and serves", async () => {
  const upstream = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "far", only: ["echo"] })]);
  try {
    const { port, pathname } = new URL(upstream.url);
    const entry = server({
      remotes: [
        { type: "websocket", url: "wss://a.example" },
        {
          ...{ type: "streamable-http", url: `http://127.0.0.1:{port}${pathname}` },
          variables: { port: { format: "number", isRequired: true } },
          headers: [
            { name: "Authorization", value: "Bearer {token}", isRequired: true, isSecret: true, variables: { token: { isSecret: true } } },
            { name: "X-Api-Key", isRequired: true },
            { name: "X-Unsaid" },
          ],
        },
      ],
    });
    using at = home({});
    const values = [`port=${port}`, "token=tok-of-the-test", "X-Api-Key=${NOTES_KEY}"].flatMap((value) => ["--value", value]);
    const { code, stderr } = await added(at, [entry], ["io.github.ada/notes", "--yes", "--header", "X-Team: blue", ...values]);
    expect(code, stderr).toBe(0);
    expect(serverOf(at, "notes")).toEqual({
      ...{ type: "http", url: upstream.url },
      headers: { Authorization: "Bearer ${NOTES_AUTHORIZATION}", "X-Api-Key": "${NOTES_KEY}", "X-Team": "blue" },
    });
    expect(credentials(at)).toEqual({ NOTES_AUTHORIZATION: "tok-of-the-test" });
    expect(stderr).toContain("the variable NOTES_KEY is not set");
    expect((await run(at, ["call", "echo", "--args", '{"text":"hi"}'], { NOTES_KEY: "k" })).stdout).toContain("hi");
  } finally {
    await upstream.stop();
  }
});

test("all that is missing or wrong is told at once, and nothing is written", async () => {
  const entry = server({
    packages: npm({
      packageArguments: [{ type: "positional", valueHint: "folder", isRequired: true, description: "Where the notes are" }],
      environmentVariables: [
        { name: "NOTES_TOKEN", isRequired: true, isSecret: true, placeholder: "ghp_..." },
        { name: "LEVEL", choices: ["info", "debug"] },
        { name: "PORT", format: "number" },
      ],
    }),
  });
  using at = home({});
  const values = ["LEVEL=loud", "PORT=many", "NOTES_TOKN=1"].flatMap((value) => ["--value", value]);
  const { code, stdout, stderr } = await added(at, [entry], ["io.github.ada/notes", "--yes", ...values]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.split("\n").slice(0, 5)).toEqual([
    'mcp-host: --value NOTES_TOKN: io.github.ada/notes 1.2.3 asks for no such value (did you mean "NOTES_TOKEN"?)',
    "--value LEVEL: must be one of info, debug",
    "--value PORT: must be a number",
    "--value folder=...: is missing: argument folder: Where the notes are",
    "--value NOTES_TOKEN=...: is missing: the variable NOTES_TOKEN, a secret: such as ghp_...",
  ]);
  expect(written(at)).toBe("{}");
});

test.each([
  ["an identifier that begins with a dash", npm({ identifier: "--yes" }), '"--yes" is no name of a package of npm'],
  ["an identifier that is an address", npm({ identifier: "git+https://a.example/x" }), "is no name of a package of npm"],
  ["a range", npm({ version: "^1.2.3" }), 'has the version "^1.2.3", and an exact one is needed'],
  ["latest", npm({ version: "latest" }), 'has the version "latest"'],
  ["no version", npm({ version: undefined }), "has no version"],
  ["a range of pypi", [{ registryType: "pypi", identifier: "notes", version: "1.x" }], 'has the version "1.x"'],
  ["an image without a tag", [{ registryType: "oci", identifier: "ada/notes" }], "has no tag, and one of a version or a digest is needed"],
  ["the image latest", [{ registryType: "oci", identifier: "ada/notes:latest" }], 'has the tag "latest"'],
  ["an image that is a flag", [{ registryType: "oci", identifier: "--privileged", version: "1" }], "is no name of an image"],
  ["a package that listens", npm({ transport: { type: "sse", url: "http://localhost:1" } }), "the host speaks to programs over stdio"],
  ["a package of another kind", [{ registryType: "cargo", identifier: "x" }], "cargo: the host starts npm, pypi, oci, nuget, mcpb"],
  [
    "arguments of an unknown program",
    npm({ runtimeHint: "bash", runtimeArguments: [{ type: "positional", value: "-c" }] }),
    'it has arguments for "bash"',
  ],
  ["a variable that is none", npm({ environmentVariables: [{ name: "A B" }] }), '"A B" is no name of a variable'],
  ["an open address", undefined, "is no https:// URL", [{ type: "sse", url: "http://a.example/sse" }]],
  ["a bundle without a hash", [{ registryType: "mcpb", identifier: "https://github.com/a/b.mcpb" }], "has no SHA-256"],
  ["nothing", undefined, "it has neither packages nor addresses"],
] as const)("an entry with %s is refused, with words that say why", async (_what, packages, told, remotes?: readonly object[]) => {
  using at = home({});
  const { code, stderr } = await added(at, [server({ packages, remotes })], ["io.github.ada/notes", "--yes"]);
  expect(code).toBeGreaterThan(0);
  expect(stderr).toContain(told);
  expect(written(at)).toBe("{}");
});

test("an entry reads no variables of the operator's, by whatever it puts side by side", async () => {
  const open = { isRequired: true };
  const entry = server({
    packages: npm({
      packageArguments: [
        { type: "positional", value: "${LEAK} $${LEAK} ${file:/etc/passwd} {a}", variables: { a: { default: "${LEAK}" } } },
        { type: "named", name: "--${LEAK}", value: "${b}", variables: { b: { default: "{LEAK}" } } },
      ],
      environmentVariables: [{ name: "LEVEL", default: "${LEAK:-x}" }],
    }),
  });
  using at = home({});
  expect((await added(at, [entry], ["io.github.ada/notes", "--yes"], { LEAK: "leaked" })).code).toBe(0);
  const shown = await run(at, ["config", "show", "--json"], { LEAK: "leaked" });
  expect(JSON.parse(shown.stdout).mcpServers.notes).toMatchObject({
    args: ["-y", "@ada/notes@1.2.3", "${LEAK} $${LEAK} ${file:/etc/passwd} ${LEAK}", "--${LEAK}=${LEAK}"],
    env: { LEVEL: "${LEAK:-x}" },
  });
  // A dollar sign of the entry's before braces of the operator's would be a reference that nobody wrote.
  const joined = server({ packages: npm({ packageArguments: [{ type: "positional", value: "${a}", variables: { a: open } }] }) });
  expect(await added(at, [joined], ["b", "io.github.ada/notes", "--yes", "--value", "a={LEAK}"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('a "$" stands before a "{"'),
  });
});

test("a package from another address than the public registry is taken where that is said", async () => {
  const entry = server({ packages: npm({ registryBaseUrl: "https://npm.evil.example" }) });
  using at = home({});
  const refused = await added(at, [entry], ["io.github.ada/notes", "--yes"]);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      "npm package comes from https://npm.evil.example, which is not the public registry of such packages; if that is meant, give --package-registry https://npm.evil.example",
    ),
  });
  expect(written(at)).toBe("{}");
  const { code, stderr } = await added(at, [entry], ["io.github.ada/notes", "--yes", "--package-registry", "https://npm.evil.example"]);
  expect(code, stderr).toBe(0);
  expect(serverOf(at, "notes")).toEqual({ command: "npx", args: ["-y", "--registry=https://npm.evil.example", "@ada/notes@1.2.3"] });
  expect(stderr).toContain("from https://npm.evil.example, which is NOT its public registry");
});

test("what the registry does not have, has deleted or advises against is told", async () => {
  await using served = await serveMcpRegistry([
    server({ packages: npm({}) }),
    server({ version: "2.0.0", packages: npm({ version: "2.0.0" }) }),
  ]);
  using at = home({});
  const add = (...args: string[]) => run(at, ["add", ...args, "--registry", served.url, "--yes"]);
  expect(await add("io.github.ada/note")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/has no server io\.github\.ada\/note; `.*search note` tells which it has/),
  });
  expect(await add("io.github.ada/notes@3.0.0")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("has no version 3.0.0 of io.github.ada/notes; it has 1.2.3, 2.0.0"),
  });
  served.tell("io.github.ada/notes", { status: "deprecated", statusMessage: "use \u001b[31mother" });
  expect(await add("io.github.ada/notes")).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("careful: io.github.ada/notes is deprecated: use \\u{1b}[31mother\n"),
  });
  expect(serverOf(at, "notes")).toMatchObject({ args: ["-y", "@ada/notes@2.0.0"] });
  expect(await add("io.github.ada/notes")).toMatchObject({ code: 1, stderr: expect.stringContaining('server "notes" is in ') });
  served.tell("io.github.ada/notes", { status: "deleted" });
  expect(await add("b", "io.github.ada/notes@1.2.3")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("io.github.ada/notes 1.2.3 was deleted from"),
  });
  served.instead = (_request, response) => {
    response.end(JSON.stringify({ server: { name: "com.evil/other", version: "1.0.0" } }));
    return true;
  };
  expect(await add("c", "io.github.ada/notes")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("was asked for io.github.ada/notes and answers with com.evil/other 1.0.0"),
  });
});

test.each([
  [["io.github.ada/notes", "--transport", "http"], "--transport: io.github.ada/notes says itself how it is reached"],
  [["a", "https://a.example", "--use", "npm"], "--use: is for a server of the registry or a bundle"],
  [["a", "--value", "A=1", "--", "a"], "--value: is for a server of the registry or a bundle"],
  [["a.mcpb", "--use", "npm"], "--use: is for a server of the registry, and a.mcpb is a bundle"],
  [["io.github.ada/notes", "--value", "A"], '--value: must be --value "NAME=value"'],
] as const)("`add %j` is a command line that is refused", async (args, told) => {
  using at = home({});
  expect(await run(at, ["add", ...args])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining(told) });
});

test("nothing is written where nobody can agree", async () => {
  using at = home({});
  const { code, stderr } = await added(at, [server({ packages: npm({}) })], ["io.github.ada/notes"]);
  expect(code).toBe(2);
  expect(stderr).toContain("starts: npx -y @ada/notes@1.2.3\n");
  expect(stderr).toContain("nobody is at a terminal to agree to this; look at it, and give --yes");
  expect(written(at)).toBe("{}");
});

/** Answers questions on what the program takes for a terminal, each once it is asked. */
async function answered(running: Running, dialogue: readonly (readonly [question: string, answer: string])[]): Promise<void> {
  let from = 0;
  for (const [question, answer] of dialogue) {
    await vi.waitFor(() => expect(running.stderr().slice(from)).toContain(question));
    from = running.stderr().indexOf(question, from) + question.length;
    running.child.stdin.write(`${answer}\n`);
  }
}

async function onTerminal(
  at: Home,
  served: McpRegistry,
  dialogue: readonly (readonly [string, string])[],
): Promise<{ code: number | null; stderr: string }> {
  await using running = start(at, ["add", "io.github.ada/notes", "--registry", served.url], {
    PRETEND_TERMINAL: "1",
    NODE_OPTIONS: `--import=${new URL("../fixtures/pretend.mjs", import.meta.url)}`,
  });
  await answered(running, dialogue);
  return await running.exited;
}

test("on a terminal each value is asked for, and then whether it is to be written", async () => {
  const entry = server({
    packages: npm({
      registryBaseUrl: "https://npm.corp.example",
      packageArguments: [{ type: "positional", valueHint: "folder", isRequired: true, isRepeated: true }],
      environmentVariables: [
        { name: "NOTES_TOKEN", isRequired: true, isSecret: true, description: "From your profile" },
        { name: "LEVEL", default: "info", choices: ["info", "debug"] },
        { name: "UNSAID" },
      ],
    }),
  });
  await using served = await serveMcpRegistry([entry]);
  using at = home({});
  const asked = [
    ["Take it from there? [y/N]", "y"],
    ["folder: argument folder", "/a"],
    ["Another value of folder; Enter ends them", "/b"],
    ["Another value of folder", ""],
    ["NOTES_TOKEN: the variable NOTES_TOKEN, a secret: From your profile", "s3cr3t-of-notes"],
    ["LEVEL: the variable LEVEL: one of info, debug [info]", "2"],
    ["UNSAID: the variable UNSAID; Enter leaves it out", ""],
  ] as const;
  const no = await onTerminal(at, served, [...asked, ["Write it into", "n"]]);
  expect(no).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing was written") });
  expect(written(at)).toBe("{}");
  const yes = await onTerminal(at, served, [...asked, ["Write it into", "y"]]);
  expect(yes.code, yes.stderr).toBe(0);
  expect(yes.stderr).not.toContain("s3cr3t-of-notes");
  expect(serverOf(at, "notes")).toEqual({
    command: "npx",
    args: ["-y", "--registry=https://npm.corp.example", "@ada/notes@1.2.3", "/a", "/b"],
    env: { NOTES_TOKEN: "${NOTES_TOKEN}", LEVEL: "debug" },
  });
});

test("a value for the name of a host stays in that name", async () => {
  const remotes = [{ type: "streamable-http", url: "https://{tenant}.example.com/mcp", variables: { tenant: { isRequired: true } } }];
  using at = home({});
  const add = (tenant: string) => added(at, [server({ remotes })], ["io.github.ada/notes", "--yes", "--value", `tenant=${tenant}`]);
  for (const tenant of ["evil.test/", "evil.test?", "evil.test#", "user@evil.test", "evil.test\\", "a b"]) {
    const { code, stderr } = await add(tenant);
    expect({ code, stderr }, tenant).toEqual({ code: 2, stderr: expect.stringContaining("stands in the name of the host") });
  }
  expect(await add("ada")).toMatchObject({ code: 0 });
  expect(serverOf(at, "notes")).toMatchObject({ url: "https://ada.example.com/mcp" });
});
