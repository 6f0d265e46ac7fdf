import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PluginFactory } from "mcp-host";
import { type PluginCases, testPlugin } from "mcp-host/testing";
import { afterAll, expect, test } from "vitest";

const FOLDER = mkdtempSync(join(tmpdir(), "mcp-host-contract-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** Parts of a plugin's module; what is not said is that of one that keeps the contract. */
interface Parts {
  /** Before the plugin. */
  top?: string;
  /** A zod schema. */
  options?: string;
  /** The body of `apply`. */
  apply?: string;
  /** The whole default export. */
  exported?: string;
}

const OPTIONS = "z.strictObject({ limit: z.int().positive().default(3), label: z.string().default('') })";
const APPLY = "host.hooks.settled.tap('subject', () => {});";
let files = 0;

/** Writes the module; gives its file. */
function write({ top = "", options = OPTIONS, apply = APPLY, exported }: Parts): string {
  const file = join(FOLDER, `plugin-${++files}.mjs`);
  const plugin = `definePlugin({ name: "subject", host: "^1.0.0", options: ${options}, apply(host, options) { ${apply} } })`;
  const lines = [
    `import { createServer } from "node:http";`,
    `import { definePlugin, defineService } from ${JSON.stringify(import.meta.resolve("mcp-host"))};`,
    `import { z } from ${JSON.stringify(import.meta.resolve("zod"))};`,
    top,
    `const plugin = ${plugin};`,
    `export default ${exported ?? "plugin"};`,
    "export { plugin };",
  ];
  writeFileSync(file, lines.join("\n"));
  return file;
}

const BAD = [
  { options: { limit: 0 }, place: "plugins[0].options.limit", hint: ">0" },
  { options: { label: 1 }, place: "plugins[0].options.label", hint: /expected string/ },
];

/** Checks that need a process of their own, and time. */
const IN_PROCESSES = ["importing has no effect", "close releases everything"];

const FILE_OF_GOOD = write({});

/** The checks of a plugin, by name. @param file its module; `parts` are then those of a plugin that can be imported here */
async function checksOf(parts: Parts, cases: Partial<PluginCases> = {}, file?: string): Promise<Map<string, () => Promise<void>>> {
  const checks = new Map<string, () => Promise<void>>();
  const here = write(parts);
  const { plugin } = (await import(pathToFileURL(here).href)) as { plugin: PluginFactory };
  testPlugin(plugin, {
    test: (name, run) => checks.set(name.replace("subject: ", ""), run),
    module: file ?? here,
    options: { limit: 5 },
    badOptions: BAD,
    ...cases,
  });
  return checks;
}

/** The checks of a plugin that fail, with what they say: those in this process, and `further` ones. */
async function failures(parts: Parts, cases: Partial<PluginCases> = {}, further: readonly string[] = []): Promise<Record<string, string>> {
  const failed: Record<string, string> = {};
  for (const [name, run] of await checksOf(parts, cases))
    if (further.includes(name) || !IN_PROCESSES.includes(name)) await run().catch((error: Error) => (failed[name] = error.message));
  return failed;
}

const IMPORT = "importing has no effect";
const MISSPELT = "a misspelt option fails with place and suggestion";
const UNRELATED = "unrelated requests pass unchanged";
const TAPS = "every tap carries the plugin's name";
const TWO_HOSTS = "instances in two hosts share nothing";
const ONE_HOST = "two instances in one host share nothing";
const RELOAD = "a reload keeps it where nothing changed for it, takes it out, and puts it back";
const CLOSE = "close releases everything";
const bad = (place: string, index: number): string => `bad options fail with place and hint: plugins[0].options.${place} (${index})`;

test("the checks, by name", () => {
  const names: string[] = [];
  const factory = { definition: { name: "subject", host: "^1.0.0", apply() {} } } as unknown as PluginFactory; // nothing is run
  testPlugin(factory, { test: (name) => names.push(name), module: FILE_OF_GOOD, options: undefined, badOptions: BAD });
  expect(names).toEqual(
    [IMPORT, bad("limit", 1), bad("label", 2), MISSPELT, UNRELATED, TAPS, TWO_HOSTS, ONE_HOST, RELOAD, CLOSE].map(
      (name) => `subject: ${name}`,
    ),
  );
});

test("a plugin that keeps the contract passes them all", async () => {
  const apply = `
    const timer = setInterval(() => {}, 60_000);
    const seen = new Map();
    const calls = host.meter.counter({ name: "subject.calls", description: "Calls." });
    const leave = () => {};
    process.on("SIGUSR2", leave);
    host.hooks.call.for("*").tap("subject", (next) => (exchange) => { calls.add(); seen.set(exchange.method, 1); return next(exchange); });
    host.hooks.close.tap("subject", async () => { clearInterval(timer); process.off("SIGUSR2", leave); });
  `;
  expect(await failures({ apply }, {}, IN_PROCESSES)).toEqual({});
});

test("a plugin without options passes, if it takes none", async () => {
  expect(await failures({ options: "undefined" }, { options: undefined, badOptions: [] })).toEqual({});
  expect(await failures({ options: "z.unknown()" }, { options: undefined, badOptions: [] })).toEqual({
    [MISSPELT]: expect.stringContaining("use z.strictObject"),
  });
});

test("a plugin without options needs neither options nor bad ones; one with options needs both", async () => {
  const { plugin } = (await import(pathToFileURL(write({ options: "undefined" })).href)) as { plugin: PluginFactory };
  const names: string[] = [];
  testPlugin(plugin, { test: (name) => names.push(name), module: FILE_OF_GOOD });
  expect(names).toContain(`subject: ${MISSPELT}`);
  const { plugin: strict } = (await import(pathToFileURL(FILE_OF_GOOD).href)) as { plugin: PluginFactory };
  expect(() => testPlugin(strict, { test: (name) => names.push(name), module: FILE_OF_GOOD })).toThrow(
    'testPlugin: "subject" has options; give `badOptions`',
  );
});

test("options that the plugin does not take are told once, before any test", async () => {
  const { plugin } = (await import(pathToFileURL(FILE_OF_GOOD).href)) as { plugin: PluginFactory };
  const made: string[] = [];
  const test = (name: string): void => void made.push(name);
  const cases = { test, module: FILE_OF_GOOD, badOptions: BAD };
  expect(() => testPlugin(plugin, { ...cases, options: { limit: 0, labl: "x" } })).toThrow(
    'testPlugin: give `options` that "subject" takes:\n  cases.options.limit: Too small: expected number to be >0 (plugin "subject")\n  cases.options.labl: plugin "subject" has no such option (did you mean "label"?)',
  );
  expect(() => testPlugin(plugin() as never, cases)).toThrow("testPlugin: it was given a plugin that has its options already");
  expect(made).toEqual([]);
});

test("a plugin that changes what it means to change is told of `unrelated`", async () => {
  const apply = `host.hooks.respond.for("tools/call").tap("subject", (result) => ({ ...result, more: 1 }));`;
  const { [UNRELATED]: told } = await failures({ apply });
  expect(told).toMatch(/plugin "subject" changes what is none of its business \(where that is .* name in `unrelated` the requests/);
});

test("options whose object is within another schema are known all the same", async () => {
  expect(await failures({ options: `${OPTIONS}.prefault({}).transform((given) => given)` })).toEqual({});
});

test("a service has one provider, and a second copy that is refused in so many words is no fault", async () => {
  const apply = `host.provide(defineService("one"), {}); ${APPLY}`;
  expect(await failures({ apply })).toEqual({});
});

test.each<[string, string]>([
  ["a service", "host.provide(defineService('subject'), {});"],
  ["an operation", "host.operator.operation('do', () => ({}));"],
  ["an endpoint", "host.endpoint('subject');"],
  ["a transport", "host.transports.register('subject', () => { throw new Error('no'); });"],
  ["entries", "host.offer({ tools: {} });"],
])("a plugin that has nothing but %s does something", async (_, apply) => {
  expect(await failures({ apply })).toEqual({});
});

test("a plugin that has nothing but values for configs does something", async () => {
  const member = "variables: () => ({ subject: { find: () => undefined, unset: () => 'no' } })";
  const options = `options: ${OPTIONS}`;
  const top = `const other = definePlugin({ name: "subject", host: "^1.0.0", ${options}, ${member}, apply() {} });`;
  const file = write({ top, exported: "other" });
  const { default: plugin } = (await import(pathToFileURL(file).href)) as { default: PluginFactory };
  let check: (() => Promise<void>) | undefined;
  const note = (name: string, run: () => Promise<void>): void => {
    if (name.endsWith(TAPS)) check = run;
  };
  testPlugin(plugin, { test: note, module: file, badOptions: BAD });
  await check?.();
});

test("a plugin that others need something of is tested beside them", async () => {
  const needed = write({
    exported: `definePlugin({ name: "needed", host: "^1.0.0", options: ${OPTIONS}, apply: (host, { limit }) => host.provide(defineService("limit"), limit) })`,
  });
  const parts = {
    apply: `host.hooks.ready.tap("subject", () => { if (host.use(defineService("limit")) !== 7) throw new Error("another limit"); });`,
    exported: "definePlugin({ ...plugin.definition, needs: ['needed'] })",
  };
  const beside = [{ module: pathToFileURL(needed), options: { limit: 7 } }];
  expect(await failures(parts, { beside }, IN_PROCESSES)).toEqual({});
  expect(Object.keys(await failures(parts))).toEqual([UNRELATED, TAPS, TWO_HOSTS, ONE_HOST, RELOAD]);
});

test("lists that a plugin is there to change are no fault of a reload, but what stays of it is", async () => {
  const hides = `host.hooks.list.tap("subject", (entries) => entries.filter(({ kind }) => kind !== "tool"));`;
  const unrelated = [{ method: "prompts/list" }, { method: "resources/list" }, { method: "resources/templates/list" }];
  expect(await failures({ apply: hides }, { unrelated })).toEqual({});
  expect(Object.keys(await failures({ apply: hides }))).toEqual([UNRELATED, TWO_HOSTS, ONE_HOST, RELOAD]);
  const later = {
    top: "let copies = 0;",
    apply: `const mine = ++copies; host.hooks.list.tap("subject", (entries) => entries.slice(mine % 2));`,
  };
  expect(Object.keys(await failures(later, { unrelated: [] }))).toEqual([RELOAD]);
});

test("the servers have the names that the options need", async () => {
  const apply = `if (!host.upstreams.some(({ key }) => key === "files")) throw new Error("no files"); ${APPLY}`;
  expect(await failures({ apply }, { upstreams: ["files", "search"], badOptions: [] })).toEqual({});
  expect(Object.keys(await failures({ apply }))).toEqual([UNRELATED, TAPS, TWO_HOSTS, ONE_HOST, RELOAD]);
});

test.each<[string, Parts, string]>([
  ["prints", { top: "console.log('effect');" }, "it printed to stdout: effect"],
  ["warns", { top: "console.error('effect');" }, "it printed to stderr: effect"],
  ["starts a timer", { top: "setInterval(() => {}, 1e6);" }, "a timer that was made at"],
  ["starts a timer that keeps nothing alive", { top: "setInterval(() => {}, 1e6).unref();" }, "a timer that was made at"],
  ["listens", { top: "createServer().listen(0, '127.0.0.1');" }, "does not end by itself; still open: TCPServerWrap"],
  ["listens to the process", { top: "process.on('exit', () => {});" }, 'listeners of the process for "exit"'],
  ["makes a global", { top: "globalThis.mine = 1;" }, 'the global "mine": none before, there after'],
  ["changes the environment", { top: "process.env.MINE = '1';" }, "the environment variable MINE: none before, 1 after"],
  ["changes the working directory", { top: "process.chdir('/');" }, "the working directory"],
  ["ends the process", { top: "process.exit(3);" }, "it ended with code 3"],
  ["ends the process as if all were well", { top: "process.exit(0);" }, "it ended before its work was done"],
  ["fails", { top: "throw new Error('effect');" }, "effect"],
  ["has another default export", { exported: "{}" }, "does not come from definePlugin"],
  [
    "has another plugin as its default export",
    { exported: "definePlugin({ name: 'other', host: '*', apply() {} })" },
    'plugin "other", not "subject"',
  ],
])("a module that %s when it is imported is found out", async (_what, parts, words) => {
  const checks = await checksOf({}, {}, write(parts));
  await expect(checks.get(IMPORT)?.()).rejects.toThrow(words);
});

test.each<[string, Parts, Record<string, string>]>([
  [
    "takes what it does not know",
    { options: "z.object({ limit: z.int().positive().default(3), label: z.string().default('') })" },
    { [MISSPELT]: "they were taken" },
  ],
  [
    "takes anything",
    { options: "z.record(z.string(), z.unknown())" },
    { [bad("limit", 1)]: "they were taken", [bad("label", 2)]: "they were taken", [MISSPELT]: "use z.strictObject" },
  ],
  [
    "finds bad options too late",
    {
      options: "z.strictObject({ limit: z.number(), label: z.string().default('') })",
      apply: `${APPLY} host.hooks.ready.tap('subject', () => { if (options.limit < 1) throw new Error('limit'); });`,
    },
    { [bad("limit", 1)]: "instead of a ConfigError" },
  ],
  [
    "takes bad options",
    { options: "z.strictObject({ limit: z.number().default(3), label: z.string().default('') })" },
    { [bad("limit", 1)]: "they were taken" },
  ],
  [
    "says nothing of the place",
    {
      options: "z.strictObject({ limit: z.number().default(3), label: z.string().default('') })",
      apply: `${APPLY} if (options.limit < 1) throw new Error('limit must be >0');`,
    },
    { [bad("limit", 1)]: "should fail at plugins[0].options.limit with >0" },
  ],
])("a plugin that %s is found out", async (_what, parts, expected) => {
  const failed = await failures(parts);
  expect(Object.keys(failed)).toEqual(Object.keys(expected));
  for (const [name, words] of Object.entries(expected)) expect(failed[name]).toContain(words);
});

/** Taps that meddle with what is none of their business, each with what shows it. */
test.each([
  ["adds a field to results", "respond.for('*').tap('subject', (result) => ({ ...result, seen: true }))", "what the client gets for"],
  [
    "sends a field along",
    "transform.for('tools/call').tap('subject', (params) => ({ ...params, _meta: { a: 1 } }))",
    "what the server gets",
  ],
  [
    "reorders the fields of a list",
    "respond.for('tools/list').tap('subject', ({ tools }) => ({ tools: tools.map((tool) => Object.fromEntries(Object.entries(tool).reverse())) }))",
    "tools/list",
  ],
  ["hides an entry", "permit.tap('subject', (entry) => (entry.name === 'touch' ? false : undefined))", "tools/list"],
  ["renames", "merge.tap('subject', (entries) => entries.map((entry) => ({ ...entry, name: 'x' + entry.name })))", "tools/list"],
  [
    "swallows notifications",
    "notify.tap('subject', (notification) => (notification.method.endsWith('progress') ? null : notification))",
    "ask",
  ],
  ["answers in the client's place", "ask.tap('subject', () => ({ answer: { roots: [] } }))", "ask"],
  ["changes the client's answer", "answer.tap('subject', (result) => ({ ...result, a: 1 }))", "ask"],
  [
    "turns an error into a result",
    "call.for('tools/call').tap('subject', (next) => (exchange) => next(exchange).catch(() => ({ content: [] })))",
    "refuse",
  ],
  [
    "answers in the server's place",
    "call.for('completion/complete').tap('subject', () => async () => ({ completion: { values: [] } }))",
    "completion/complete",
  ],
  [
    "changes what it says of itself",
    "respond.for('initialize').tap('subject', (result) => ({ ...result, instructions: 'mine' }))",
    "initialize",
  ],
])("a plugin that %s is found out", async (_what, tap, words) => {
  const failed = await failures({ apply: `host.hooks.${tap};` });
  expect(Object.keys(failed)).toContain(UNRELATED);
  expect(failed[UNRELATED]).toContain(words);
});

test("a plugin that meddles with clients of one era alone is found out", async () => {
  const apply = `host.hooks.respond.for("tools/call").tap("subject", (result, { client }) =>
    client.version === "2026-07-28" ? { ...result, seen: true } : result);`;
  const failed = await failures({ apply });
  expect(failed[UNRELATED]).toMatch(/^client of the modern era, server of the legacy era: .*what the client gets for/s);
  expect(Object.keys(failed)).toEqual([UNRELATED, TWO_HOSTS, ONE_HOST]);
});

test.each([
  ["under another name", "host.hooks.settled.tap('other', () => {});", "hooks.settled is tapped under another name"],
  ["under another name, by method", "host.hooks.call.for('tools/call').tap('other', (next) => next);", 'hooks.call.for("tools/call")'],
  ["nothing", "", "taps nothing"],
])("a plugin that taps %s is found out", async (_what, apply, words) => {
  const failed = await failures({ apply });
  expect(Object.keys(failed)).toEqual([TAPS]);
  expect(failed[TAPS]).toContain(words);
});

test.each<[string, Parts, string[], string]>([
  [
    "keeps answers for every host",
    {
      top: "const kept = new Map();",
      apply: `host.hooks.call.for("prompts/get").tap("subject", (next) => async (exchange) => {
        const key = JSON.stringify(exchange.params);
        if (!kept.has(key)) kept.set(key, await next(exchange));
        return kept.get(key);
      });`,
    },
    [UNRELATED, TWO_HOSTS, ONE_HOST],
    "what the server gets for",
  ],
  [
    "counts for every host",
    {
      top: "const all = [];",
      apply: `const counter = host.meter.counter({ name: "subject.calls", description: "Calls." });
        all.push(counter); host.hooks.settled.tap("subject", () => { for (const each of all) each.add(); });`,
    },
    [TWO_HOSTS],
    "is counted in another",
  ],
  [
    "is broken in every host when one closes",
    {
      top: "let open = true;",
      apply: `host.hooks.close.tap("subject", () => { open = false; });
        host.hooks.respond.for("*").tap("subject", (result) => (open ? result : { ...result, closed: true }));
        host.hooks.ready.tap("subject", () => { open = true; });`,
    },
    [TWO_HOSTS],
    "what happened in another host shows",
  ],
  [
    "taps only for its first instance",
    {
      top: "const known = new Set();",
      apply: "if (host.log && !known.has(host.hooks)) host.hooks.settled.tap('subject', () => {}); known.add(host.hooks);",
    },
    [ONE_HOST],
    "taps other hooks than the first",
  ],
  [
    "cannot be there twice",
    { top: "const known = new Set();", apply: `if (known.has(host.hooks)) throw new Error("only one"); ${APPLY} known.add(host.hooks);` },
    [ONE_HOST],
    "only one",
  ],
  [
    "meddles when it is there twice",
    {
      top: "const copies = new Map();",
      apply: `copies.set(host.hooks, (copies.get(host.hooks) ?? 0) + 1);
        host.hooks.respond.for("*").tap("subject", (result) => (copies.get(host.hooks) > 1 ? { ...result, twice: true } : result));`,
    },
    [ONE_HOST],
    "two instances",
  ],
])("a plugin that %s is found out", async (_what, parts, checks, words) => {
  const failed = await failures(parts);
  expect(Object.keys(failed)).toEqual(checks);
  expect(failed[checks[0] ?? ""]).toContain(words);
});

test.each([
  ["a timer", "setInterval(() => {}, 1e6);", "a timer that was made at"],
  ["a timer that keeps nothing alive", "setTimeout(() => {}, 1e6).unref();", "plugin-"],
  ["a timer of a request", "host.hooks.settled.tap('subject', () => void setTimeout(() => {}, 1e6).unref());", "a timer that was made at"],
  ["a listener of the process", "process.on('exit', () => {});", 'listeners of the process for "exit"'],
  ["a server", "createServer().listen(0, '127.0.0.1');", "TCPServerWrap"],
  [
    "words on its way out",
    "host.hooks.close.tap('subject', () => process.argv[1].includes('contract') && console.log('bye'));",
    "it printed to stdout: bye",
  ],
])("a plugin that leaves %s behind is found out", async (_what, apply, words) => {
  const failed = await failures({ apply: `${APPLY} ${apply}` }, {}, [CLOSE]);
  expect(Object.keys(failed)).toEqual([CLOSE]);
  expect(failed[CLOSE]).toContain(words);
});

test("options that no file can hold are no options of a config", async () => {
  const options = { limit: 5, label: undefined };
  expect(await failures({}, { options }, [CLOSE])).toEqual({ [CLOSE]: expect.stringContaining("cannot be written in a config file") });
});

test("a bad key is told with its own reason, and the hint may be in the place", async () => {
  const options = "z.strictObject({ profiles: z.record(z.string().regex(/^[a-z]+$/, 'letters alone'), z.string()).default({}) })";
  const bad = (hint: string | RegExp) => ({ options: { profiles: { "a/b": "x" } }, place: "plugins[0].options.profiles", hint });
  const badOptions = [bad("a/b"), bad(/letters alone/), bad("Invalid key in record")];
  expect(Object.keys(await failures({ options }, { options: {}, badOptions }))).toEqual([
    "bad options fail with place and hint: plugins[0].options.profiles (3)",
  ]);
});

test("a module is found by URL, by path and by name", async () => {
  const run = async (module: string | URL): Promise<void> => {
    const { plugin } = (await import(pathToFileURL(FILE_OF_GOOD).href)) as { plugin: PluginFactory };
    const checks = new Map<string, () => Promise<void>>();
    testPlugin(plugin, { test: (name, check) => checks.set(name, check), module, options: {}, badOptions: [] });
    await checks.get(`subject: ${IMPORT}`)?.();
  };
  await run(pathToFileURL(FILE_OF_GOOD));
  await run(pathToFileURL(FILE_OF_GOOD).href);
  await expect(run("@host/plugin-namespace")).rejects.toThrow('plugin "namespace", not "subject"');
  await expect(run("there-is-none")).rejects.toThrow("there-is-none");
});

test("a plugin whose work outlives a reload that takes it out is found out", async () => {
  const top = "let late = 0;";
  const apply = `const mine = ++late; host.hooks.respond.for("tools/list").tap("subject", (result) => (mine > 1 ? { ...result, late: true } : result));`;
  expect(Object.keys(await failures({ top, apply }))).toContain(RELOAD);
});
