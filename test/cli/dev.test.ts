import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, test, vi } from "vitest";
import { clientOf, type Home, home, type Running, run, start, urlOf } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { lives } from "../harness/daemons.ts";
import { BIN, MARKED, upstream } from "../harness/hosts.ts";

const HOST = JSON.stringify(import.meta.resolve("mcp-host"));
const ZOD = JSON.stringify(import.meta.resolve("zod"));

/** A plugin that puts words behind what `echo` is given: its own, its options', and those of a file that it imports. */
const SUFFIX = `import { definePlugin } from ${HOST};
import { z } from ${ZOD};
import { word } from "./word.ts";
const own: string = "own";
export default definePlugin({
  name: "suffix",
  host: "^1.0.0",
  options: z.strictObject({ end: z.string().default(".") }),
  apply(host, { end }) {
    host.hooks.transform.for("tools/call").tap("suffix", (params) => {
      return { ...params, arguments: { ...params.arguments, text: [params.arguments?.text, own, word, end].join(" ") } };
    });
  },
});
`;
const WORD = `export const word: string = "word";\n`;

const plugins = (): Home => home(undefined, { "suffix.ts": SUFFIX, "word.ts": WORD });
const ECHO = ["--call", 'echo {"text":"hi"}'];

/** `mcp-host dev` on the plugin. */
const dev = (at: Home, ...args: string[]): Running => start(at, ["dev", "./suffix.ts", ...args]);

/** Waits until the command has said something. */
const said = (running: Running, text: string | RegExp): Promise<void> =>
  vi.waitFor(() => expect(running.stdout() + running.stderr()).toMatch(text), 15_000);

function edit(at: Home, file: string, from: string, to: string): void {
  const path = join(at.path, file);
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

test("saves of the plugin and of what it imports take effect: calls are made again, and traced", async () => {
  using at = plugins();
  await using running = dev(at, ...ECHO);
  await said(running, 'echo {"text":"hi"} ok\n  hi own word .\n');
  // Which hook, which plugin, how long, and what it changed.
  expect(running.stdout()).toMatch(
    /tools\/call echo {2}local {2}ok {2}[\d.]+ ms.*\n├─ transform +[\d.]+ ms\n│ {2}└─ suffix +[\d.]+ ms {2}changed arguments\.text: "hi" → "hi own word \."\n/,
  );
  expect(running.stdout()).toMatch(/└─ send → sample +[\d.]+ ms\n/);
  edit(at, "word.ts", '"word"', '"longer"');
  await said(running, "\n  hi own longer .\n");
  edit(at, "suffix.ts", '"own"', '"other"');
  await said(running, "\n  hi other longer .\n");
  expect(running.stderr()).toContain('loaded anew plugins="changed suffix; 0 as before" upstreams="1 as before"');
  // For clients, too, and `call` of the banner reaches it.
  const client = await clientOf(running);
  expect(await client.callTool({ name: "echo", arguments: { text: "you" } })).toMatchObject({ content: [{ text: "you other longer ." }] });
  await client.close();
  const { stdout } = await run(at, ["call", "echo", "--args", '{"text":"me"}', "--url", String(await urlOf(running))]);
  expect(stdout).toBe("me other longer .\n");
  expect(running.stderr()).toContain(`call echo --args '{"text":"hello"}' --url ${await urlOf(running)}`);
});

/** What is wrong with a save, and what is told of it. */
const BROKEN: [string, { file: string; from: string; to: string; told: RegExp }][] = [
  ["a syntax error", { file: "suffix.ts", from: `"own";`, to: `;`, told: /error \S+suffix\.ts:4:20: Unexpected token/ }],
  ["a syntax error in what it imports", { file: "word.ts", from: `"word"`, to: ``, told: /error \S+word\.ts:1:28: Unexpected token/ }],
  [
    "what an import throws",
    { file: "word.ts", from: WORD, to: `${WORD}throw new Error("not today");\n`, told: /error \S+word\.ts:2:\d+: not today/ },
  ],
  [
    "what apply throws",
    {
      file: "suffix.ts",
      from: "apply(host, { end }) {",
      to: `apply(host, { end }) {\n    throw new Error("not today");`,
      told: /error plugin "suffix" could not be applied: not today \(at \S+suffix\.ts:10:\d+\)/,
    },
  ],
  [
    "a hook that is not there",
    { file: "suffix.ts", from: "transform", to: "transfrom", told: /hooks\.transfrom.*did you mean "transform"/ },
  ],
  [
    "options that do not fit any more",
    { file: "suffix.ts", from: "end: z.string()", to: "last: z.string()", told: /error --options\.end: .*plugin "suffix"/ },
  ],
  [
    "a package that is not there",
    { file: "word.ts", from: WORD, to: `import "nope-not-there";\n${WORD}`, told: /npm install nope-not-there/ },
  ],
  ["no plugin at all", { file: "suffix.ts", from: "export default ", to: "export const x = 1;\n", told: /is no plugin/ }],
];

test.each(BROKEN)("%s leaves the last good version, and the next save mends it", async (_what, { file, from, to, told }) => {
  using at = plugins();
  await using running = dev(at, ...ECHO, "--options", '{"end":"!"}');
  await said(running, "\n  hi own word !\n");
  edit(at, file, from, to);
  await said(running, told);
  await said(running, "the host goes on with what worked last; the next save tries again");
  const client = await clientOf(running);
  expect(await client.callTool({ name: "echo", arguments: { text: "still" } })).toMatchObject({ content: [{ text: "still own word !" }] });
  await client.close();
  writeFileSync(join(at.path, "suffix.ts"), SUFFIX.replace('"own"', '"mended"'));
  writeFileSync(join(at.path, "word.ts"), WORD);
  await said(running, "\n  hi mended word !\n");
});

test.each([
  ["its syntax", "word.ts", `"word"`, "", /error \S+word\.ts:1:28: Unexpected token/],
  [
    "its ready hook",
    "suffix.ts",
    "apply(host, { end }) {",
    `apply(host, { end }) {\n    host.hooks.ready.tap("suffix", () => { throw new Error("not yet"); });`,
    /error plugin "suffix" failed in ready: .*not yet.*suffix\.ts:10/,
  ],
])("a plugin that is broken from the beginning, by %s, comes with the save that mends it", async (_by, file, from, to, told) => {
  using at = plugins();
  const whole = readFileSync(join(at.path, file), "utf8");
  edit(at, file, from, to);
  await using running = dev(at, ...ECHO);
  await said(running, told);
  // Plainly the last thing that is said; what is called would be called without it.
  await said(running, /warn {2}suffix\.ts did not load, and the host runs without it; the next save tries again\n$/);
  expect(running.stderr()).toContain("mcp-host dev could not load suffix.ts; it waits for the next save");
  expect(running.stderr()).not.toMatch(/goes on with what worked last|serves suffix|plugins=/);
  writeFileSync(join(at.path, file), `${readFileSync(join(at.path, file), "utf8")}// still broken\n`);
  await vi.waitFor(() => expect(running.stderr().match(/did not load, and the host runs without it/g)).toHaveLength(2));
  expect(running.stdout()).toBe("");
  writeFileSync(join(at.path, file), whole);
  await said(running, "\n  hi own word .\n");
  expect(running.stderr()).toContain("added suffix");
});

test("what a tap does wrong while it runs is told with its place; a save tells it anew", async () => {
  using at = plugins();
  const broken = `return params.arguments.none.such;`;
  edit(at, "suffix.ts", "return {", `if (params.arguments?.text === "in place") params.arguments.text = "changed";\n      return {`);
  await using running = dev(at, ...ECHO, "--call", 'echo {"text":"in place"}');
  await said(running, /a plugin failed plugin=suffix hook=transform.*read only property.*suffix\.ts:11:/);
  edit(at, "suffix.ts", `if (params.arguments?.text === "in place") params.arguments.text = "changed";`, broken);
  await said(running, /a plugin failed plugin=suffix hook=transform.*reading 'such'.*suffix\.ts:11:/);
  const before = running.stderr().match(/a plugin failed plugin=suffix/g)?.length ?? 0;
  writeFileSync(join(at.path, "word.ts"), `${WORD}// saved\n`);
  await vi.waitFor(() => expect(running.stderr().match(/a plugin failed plugin=suffix/g)?.length).toBe(before + 1), 15_000);
  expect(running.stdout()).toContain("failed: plugin_failure");
});

test("a forgotten return of a waterfall is warned of, once for each tap", async () => {
  using at = plugins();
  edit(at, "suffix.ts", "return {", "({");
  edit(at, "suffix.ts", "} };\n    });", "} });\n    });");
  await using running = dev(at, ...ECHO, ...["--call", 'echo {"text":"again"}']);
  await said(running, "\n  again\n");
  const warned = running.stderr().match(/warn {2}a tap returned nothing.*$/gm);
  expect(warned).toEqual([
    expect.stringMatching(/plugin=suffix hook=transform tapped=\S+suffix\.ts:10:.*return what the tap makes of `params`/),
  ]);
});

const echo = { a: upstream({ only: ["echo"] }) };
/** What the config's own version of the plugin does, under the name of the one that is written. */
const INSTALLED = `import { definePlugin } from ${HOST};
export default definePlugin({ name: "suffix", host: "^1.0.0", apply: (host) => host.hooks.respond.for("tools/call").tap("suffix", () => ({ content: [] })) });`;

test.each([
  ["behind the config's plugins", [], "."],
  ["in the place of the entry with its file, with its options", [["./suffix.ts", { end: "configured" }]], "configured"],
  ["in the place of the entry with its name", [{ use: "./installed.mjs", onError: "skip", options: { end: "named" } }], "named"],
])("with --config it stands %s", async (_where, written, end) => {
  using at = home(
    { mcpServers: echo, plugins: ["./first.mjs", ...written, "./last.mjs"], listen: { port: 1, host: "0.0.0.0" } },
    {
      "suffix.ts": SUFFIX,
      "word.ts": WORD,
      "installed.mjs": INSTALLED,
      ...Object.fromEntries(["first", "last"].map((name) => [`${name}.mjs`, bystander(name)])),
    },
  );
  await using running = dev(at, "--config", "mcp-host.config.json", "--log-format", "json");
  const url = await urlOf(running);
  expect(url.hostname).toBe("127.0.0.1");
  const inspected = JSON.parse((await run(at, ["status", "--json"])).stdout) as { upstreams: { name: string }[] };
  expect(inspected.upstreams.map(({ name }) => name)).toEqual(["a"]);
  const client = await clientOf(running);
  await client.callTool({ name: "echo", arguments: { text: "hi" } });
  await said(running, `hi own word ${end}`);
  expect([...running.stdout().matchAll(/─ (first|suffix|last) .*changed/g)].map(([, name]) => name)).toEqual(
    written.length === 0 ? ["first", "last", "suffix"] : ["first", "suffix", "last"],
  );
  await client.close();
  // The config is followed as well; one that cannot be used changes nothing.
  writeFileSync(join(at.path, "mcp-host.config.json"), "{");
  await said(running, "the host goes on with what worked last");
});

function bystander(name: string): string {
  return `import { definePlugin } from ${HOST};
export default definePlugin({ name: "${name}", host: "^1.0.0",
  apply: (host) => host.hooks.transform.for("tools/call").tap("${name}", (params) => ({ ...params, arguments: { ...params.arguments, ${name}: 1 } })) });`;
}

test("several plugins have their options in their order; options of the command line win over the config's", async () => {
  using at = home(
    { mcpServers: echo, plugins: [["./suffix.ts", { end: "configured" }]] },
    { "suffix.ts": SUFFIX, "word.ts": WORD, "more.ts": SUFFIX.replaceAll("suffix", "more") },
  );
  const options = ["--options", '{"end":"one"}', "--options", '{"end":"two"}'];
  await using running = start(at, ["dev", "suffix.ts", "more.ts", "--config", "mcp-host.config.json", ...options, ...ECHO]);
  await said(running, `"hi own word one own word two"`);
});

test.each([
  [["./none.ts"], 2, "there is no file ./none.ts"],
  [["."], 2, ". is no file"],
  [[], 2, "`dev` needs <file>"],
  [["suffix.ts", "./suffix.ts"], 2, "./suffix.ts is given twice"],
  [["suffix.ts", "--options", "{"], 2, "--options: is not valid JSON"],
  [["suffix.ts", "--options", "[]"], 2, "--options: must be a JSON object"],
  [["suffix.ts", "--options", "{}", "--options", "{}"], 2, "--options is given 2 times for one plugin"],
  [["suffix.ts", "--call", '{"text":"hi"}'], 2, "names no tool"],
  [["suffix.ts", "--call", "echo hi"], 2, '--call: what is behind "echo": is not valid JSON'],
  [["suffix.ts", "--port", "http"], 2, "is not a port"],
  [["suffix.ts", "--set", "A=b"], 2, "--set is for --config"],
  [["suffix.ts", "--config", "none.json"], 3, "none.json"],
])("`mcp-host dev %j` ends with %i", async (args, code, words) => {
  using at = plugins();
  expect(await start(at, ["dev", ...args]).exited).toMatchObject({ code, stderr: expect.stringContaining(words) });
});

/** The processes whose parent this is. */
function childrenOf(pid: number): Promise<number[]> {
  const ps = spawn("ps", ["-A", "-o", "pid=,ppid="]);
  let text = "";
  ps.stdout.on("data", (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) =>
    ps.once("close", () => {
      const pairs = text
        .trim()
        .split("\n")
        .map((line) => line.trim().split(/\s+/).map(Number));
      resolve(pairs.filter(([, parent]) => parent === pid).map(([child = 0]) => child));
    }),
  );
}

test.each(["SIGINT", "SIGTERM"] as const)("%s ends it with its server, whatever is under way", async (signal) => {
  using at = plugins();
  await using running = dev(at, "--call", 'slow {"milliseconds":60000,"steps":100}');
  await said(running, "1/100");
  const children = await childrenOf(running.child.pid as number);
  expect(children.length).toBeGreaterThan(0);
  running.child.kill(signal);
  expect(await running.exited).toMatchObject({ code: 0 });
  await vi.waitFor(() => expect(children.filter(lives)).toEqual([]));
});

test("an address in use ends it", async () => {
  using at = plugins();
  await using running = dev(at);
  const { port } = await urlOf(running);
  expect(await dev(at, "--port", port).exited).toMatchObject({ code: 3, stderr: expect.stringContaining(port) });
});

/** `mcp-host dev` on a terminal of its own. */
function onTerminal(
  at: Home,
): { type(keys: string): void; until(words: string): Promise<void>; text(): string; ended: Promise<unknown> } & Disposable {
  const child = spawn("python3", ["-c", "import pty, sys; pty.spawn(sys.argv[1:])", process.execPath, BIN, "dev", "suffix.ts"], {
    cwd: at.path,
    env: { ...process.env, ...MARKED, ...at.env, TERM: "xterm", NO_COLOR: "1" },
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  child.stdin.on("error", () => {}); // it has ended
  return {
    type: (keys) => void child.stdin.write(keys),
    until: (words) => vi.waitFor(() => expect(text).toContain(words), 15_000),
    text: () => text,
    ended: new Promise((resolve) => child.once("close", resolve)),
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

test("on a terminal r reloads, c calls again what a client called, q quits", async () => {
  using at = plugins();
  using terminal = onTerminal(at);
  await terminal.until("Keys: r reload, c call again, q quit.");
  terminal.type("c");
  await terminal.until("nothing was called yet");
  terminal.type("\u001b[C"); // an arrow is no key
  terminal.type("r");
  await terminal.until("nothing changed");
  expect(terminal.text().match(/nothing was called yet/g)).toHaveLength(1);
  const [, url = ""] = /url=(\S+)/.exec(terminal.text()) ?? [];
  const client = sdkClient();
  await client.connect(httpTransport(new URL(url)));
  await client.callTool({ name: "echo", arguments: { text: "remembered" } });
  await client.close();
  terminal.type("c");
  await terminal.until('echo {"text":"remembered"} ok\r\n  remembered own word .');
  terminal.type("q");
  await terminal.until("the host stops");
  await terminal.ended;
});

test.each([
  ["Ctrl-C", "\u0003"],
  ["Ctrl-D", "\u0004"],
])("on a terminal %s ends it", async (_name, key) => {
  using at = plugins();
  using terminal = onTerminal(at);
  await terminal.until("Keys: r reload");
  terminal.type(key);
  await terminal.until("the host stops");
  await terminal.ended;
});

test("the server that comes with it has something of everything", async () => {
  using at = plugins();
  writeFileSync(join(at.path, "idle.mjs"), bystander("idle").replace("tools/call", "completion/complete"));
  await using running = start(at, ["dev", "idle.mjs"]);
  const client = sdkClient({ elicitation: {}, sampling: {} });
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { word: "yes" } }));
  client.setRequestHandler(CreateMessageRequestSchema, () => ({ role: "assistant", model: "m", content: { type: "text", text: "hm" } }));
  await client.connect(httpTransport(await urlOf(running)));
  const call = async (name: string, args: Record<string, unknown> = {}, progress?: () => void): Promise<unknown> => {
    const { content, isError } = await client.callTool({ name, arguments: args }, undefined, progress && { onprogress: progress });
    return [(content as { text: string }[])[0]?.text, isError === true];
  };
  expect(await call("add", { a: 1, b: 2 })).toEqual(["3", false]);
  expect(await call("fail")).toEqual(["it failed, as it was asked to", true]);
  const progress = vi.fn();
  expect(await call("slow", { milliseconds: 20, steps: 2 }, progress)).toEqual(["done after 20 ms", false]);
  expect(progress).toHaveBeenCalledTimes(2);
  expect(await call("ask")).toEqual(['the answer is "yes"', false]);
  expect(await call("think")).toEqual([expect.stringMatching(/^m says .*hm/), false]);
  const told: string[] = [];
  client.fallbackNotificationHandler = async ({ method }) => void told.push(method);
  expect(await call("log")).toEqual(["written", false]);
  await client.subscribeResource({ uri: "sample://note" });
  expect(await call("note", { text: "new" })).toEqual(["noted", false]);
  expect((await client.readResource({ uri: "sample://note" })).contents).toMatchObject([{ text: "new" }]);
  expect((await client.readResource({ uri: "sample://city/oslo" })).contents).toMatchObject([{ text: expect.stringContaining("Oslo") }]);
  await expect(client.readResource({ uri: "sample://city/nowhere" })).rejects.toThrow("there is no city");
  expect(await client.getPrompt({ name: "greet", arguments: { name: "Ada" } })).toMatchObject({
    messages: [{ content: { text: "Greet Ada." } }],
  });
  expect(await call("change")).toEqual(["`extra` is there", false]);
  await vi.waitFor(() =>
    expect(told).toEqual(
      expect.arrayContaining([
        "notifications/message",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
      ]),
    ),
  );
  expect(await call("extra")).toEqual(["I am new here", false]);
  expect(await call("change")).toEqual(["`extra` is gone", false]);
  await client.close();
  // A client that can do neither is told so.
  const plain = await clientOf(running);
  for (const name of ["ask", "think"])
    expect(await plain.callTool({ name })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("the client") }] });
  await plain.close();
});
