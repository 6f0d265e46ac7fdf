import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { optionProblems } from "../config/option-problems.ts";
import { isPlugin } from "../config/plugin-brand.ts";
import type { Config } from "../config/schema.ts";
import { ConfigError } from "../errors.ts";
import { NO_OPTIONS, type PluginDefinition, type PluginFactory } from "../plugin/plugin.ts";
import { ALL_ERAS, EACH_ERA, type Eras } from "./contract-client.ts";
import { type ContractHost, contractHost, entryOf, type Recording } from "./contract-host.ts";
import { type ContractRequest, UNRELATED } from "./contract-upstream.ts";
import { runFresh } from "./fresh-process.ts";
import { jsonCopy } from "./json-copy.ts";
import { misspelt } from "./misspelt.ts";
import { withTapNames } from "./tap-names.ts";

/** What the contract suite has to know of a plugin. */
export interface PluginCases<Schema extends z.ZodType = z.ZodType> {
  /** Any runner's test function: of vitest, node:test, jest. */
  test: (name: string, run: () => Promise<void>) => void;
  /** The plugin's module, whose default export it is: a `file:` URL, an absolute path, or the name of an installed package. */
  module: string | URL;
  /** Good ones, such as a config file can hold; left out for a plugin that takes none. */
  options?: z.input<Schema>;
  /** Options that fail: with a problem at the place (`plugins[0].options.ttl`) or within it (`plugins[0].options.ttl.max`) that holds the hint, in its place or its words. Only a plugin without options has none. */
  badOptions?: readonly { readonly options: unknown; readonly place: string; readonly hint: string | RegExp }[];
  /** Requests that these options have nothing to do with; default: a set over all methods. The server behind the host is {@link contractUpstream}. */
  unrelated?: readonly ContractRequest[];
  /** Keys of the servers, where the options name some; default: `["contract"]`. */
  upstreams?: readonly string[];
  /** Plugins that it needs: they stand behind it in every host, and alone in those that it is compared with. */
  beside?: readonly PluginBeside[];
}

/** A plugin that another one needs. */
export interface PluginBeside {
  /** As of the plugin itself. */
  module: string | URL;
  /** Such as a config file can hold. */
  options?: unknown;
}

/**
 * Makes the tests of the contract that every plugin keeps: importing has no effect; bad options fail with place and
 * hint; unrelated requests pass unchanged; every tap carries the plugin's name; two instances share nothing; `close`
 * releases everything; a reload keeps, removes and adds it.
 * @throws TypeError at once for a plugin with options and no `badOptions`, for `options` that it does not take, and for what is no plugin
 */
export function testPlugin<Schema extends z.ZodType>(factory: PluginFactory<Schema>, cases: PluginCases<Schema>): void {
  if (isPlugin(factory))
    throw new TypeError("testPlugin: it was given a plugin that has its options already; give what definePlugin() gave");
  const { definition } = factory;
  const { name } = definition;
  const { test, badOptions = [], unrelated: requests = UNRELATED, upstreams = ["contract"] } = cases;
  if (cases.badOptions === undefined && misspelt(definition.options).key !== undefined)
    throw new TypeError(`testPlugin: "${name}" has options; give \`badOptions\`, some that it refuses, each with its place and a hint`);
  checkOptions(definition, cases.options);
  const options = cases.options as z.input<Schema>; // undefined only where the plugin takes that
  const beside = (cases.beside ?? []).map(({ module, options }) => entryOf(fileOf(module), options));
  const start = (plugins: Config["plugins"], eras: Eras = { client: "legacy", server: "legacy" }): Promise<ContractHost> =>
    contractHost(plugins, eras, upstreams, beside);
  /** What comes of the requests without the plugin. */
  const plain = async (eras: Eras): Promise<Recording> => {
    await using host = await start([], eras);
    return await host.record(requests); // while the host lives
  };
  /** A test that is done for several eras. */
  const testIn = (all: readonly Eras[], what: string, run: (eras: Eras) => Promise<void>): void =>
    test(`${name}: ${what}`, async () => {
      for (const eras of all) await run(eras).catch((error: unknown) => fail(error, eras));
    });
  const task = { file: fileOf(cases.module), name, options, upstreams, requests, beside };

  /** The problems that a host tells of these options. */
  const problemsOf = async (given: unknown): Promise<readonly string[]> => {
    try {
      await using _host = await start([factory(given as z.input<Schema>)]); // a config file can say what the types forbid
      return [];
    } catch (error) {
      assert(error instanceof ConfigError, `a bad option ends in ${String(error)} instead of a ConfigError`);
      return error.problems;
    }
  };
  const refused = async (given: unknown, place: string, hint: string | RegExp): Promise<void> => {
    const problems = await problemsOf(given);
    const fits = (problem: string): boolean =>
      problem.startsWith(place) &&
      ENDS.test(problem.slice(place.length)) &&
      (typeof hint === "string" ? problem.includes(hint) : hint.test(problem));
    const told = problems.length === 0 ? "they were taken" : problems.join("\n");
    assert(problems.some(fits), `the options ${JSON.stringify(given)} should fail at ${place} with ${hint}:\n${told}`);
  };

  test(`${name}: importing has no effect`, async () => {
    assert.equal(await runFresh({ what: "import", ...task }), "", `importing ${task.file} has an effect`);
  });

  for (const [index, bad] of badOptions.entries())
    test(`${name}: bad options fail with place and hint: ${bad.place} (${index + 1})`, () => refused(bad.options, bad.place, bad.hint));

  test(`${name}: a misspelt option fails with place and suggestion`, async () => {
    const { key, wrong } = misspelt(definition.options);
    const given = { ...(options as object | undefined), [wrong]: (options as Record<string, unknown> | undefined)?.[key ?? ""] ?? true }; // options are an object, if there are any
    if (key === undefined)
      assert.notDeepEqual(await problemsOf(given), [], "an option was taken, and the plugin has none: use z.strictObject");
    else await refused(given, `plugins[0].options.${wrong}`, `did you mean "${key}"?`);
  });

  testIn(ALL_ERAS, "unrelated requests pass unchanged", async (eras) => {
    await using host = await start([factory(options)], eras);
    same(await host.record(requests), await plain(eras), `plugin "${name}" changes what is none of its business${UNRELATED_REMEDY}`);
  });

  test(`${name}: every tap carries the plugin's name`, async () => {
    const names: { hook: string; name: unknown }[] = [];
    await using host = await start([withTapNames(factory, options, names)]);
    const { taps, plugins } = host.test.host.pipeline();
    assert.equal(
      plugins.find(({ id }) => id === name)?.idle,
      false,
      "the plugin taps nothing, offers nothing, provides nothing and serves neither operators nor configs, and so does nothing",
    );
    for (const tap of names) assert.equal(tap.name, name, `hooks.${tap.hook} is tapped under another name than the plugin's`);
    assert.equal(taps.filter(({ plugin }) => plugin === name).length, names.length, "the host knows other taps than the plugin made");
  });

  testIn(EACH_ERA, "instances in two hosts share nothing", async (eras) => {
    const plugin = factory(options);
    await using first = await start([{ use: plugin, id: "first" }], eras);
    await using second = await start([{ use: plugin, id: "second" }], eras);
    const untouched = second.counters();
    same(await first.record(requests), await plain(eras), "what happened in another host shows");
    await first[Symbol.asyncDispose]();
    assert.deepEqual(second.counters(), untouched, "what happens in one host is counted in another");
    same(await second.record(requests), await plain(eras), "what happened in another host shows");
  });

  testIn(EACH_ERA, "two instances in one host share nothing", async (eras) => {
    const plugin = factory(options);
    const copies = ["first", "second"].map((id) => ({ use: plugin, id }));
    const both = await start(copies, eras).catch((error: unknown) => error);
    // A service has one provider, and so have a transport and an endpoint: that a second copy is refused in so many words is an answer.
    if (both instanceof ConfigError && /provides the service|registers the transport|opens the endpoint/.test(both.message)) return;
    if (both instanceof Error) throw both;
    await using host = both as ContractHost; // what is no error is the host
    const tapsOf = (id: string): string[] =>
      host.test.host
        .pipeline()
        .taps.filter(({ plugin: owner }) => owner === id)
        .map(({ hook, method }) => `${hook} ${method ?? ""}`);
    assert.deepEqual(tapsOf("second"), tapsOf("first"), "the second instance taps other hooks than the first");
    same(
      await host.record(requests),
      await plain(eras),
      `two instances of "${name}" change what is none of their business${UNRELATED_REMEDY}`,
    );
  });

  testIn(EACH_ERA, "a reload keeps it where nothing changed for it, takes it out, and puts it back", async (eras) => {
    await using host = await start([factory(options)], eras);
    await using other = await start([], eras);
    // The lists, and nothing that a plugin may keep an answer to.
    const lists = UNRELATED.filter(({ method }) => method.endsWith("/list") && method !== "tasks/list");
    const isUnrelated = (list: ContractRequest): boolean => requests.some(({ method }) => method === list.method);
    const own = lists.filter((list) => !isUnrelated(list)).map(({ method }) => `notifications/${method.split("/")[0]}/list_changed`);
    for (const each of [host, other]) await each.record(lists, own); // what connecting leads to is over
    /** The lists that the plugin changes, as it does so. */
    const changed = await host.record(lists, own);
    const changes = async (plugins: Config["plugins"], what: "kept" | "removed" | "added", message: string): Promise<void> => {
      const report = await host.reload(plugins);
      assert(report[what].includes(name), `${message}: ${JSON.stringify(report)}`);
      const without = await other.record(lists, own);
      const expected = lists.map((list, index) => (what === "removed" || isUnrelated(list) ? without : changed)[index] as Recorded);
      same(
        await host.record(lists, own),
        expected,
        `after a reload plugin "${name}" changes what is none of its business${UNRELATED_REMEDY}`,
      );
    };
    await changes([factory(options)], "kept", "a reload that changes nothing should leave the plugin as it is");
    await changes([], "removed", "a reload without the plugin should take it out");
    await changes([factory(options)], "added", "a reload with the plugin should put it back");
  });

  test(`${name}: close releases everything`, async () => {
    assert.deepEqual(jsonCopy(options), options, "the options cannot be written in a config file");
    assert.equal(await runFresh({ what: "life", ...task }), "", "something is left when the host has closed");
  });
}

type Recorded = Recording[number];

/** What stands behind a place: what is wrong there, or the way to what is wrong within. */
const ENDS = /^[:.[]/;

/** How somebody goes on whose plugin means to change what it does. */
const UNRELATED_REMEDY =
  " (where that is its business with these `options`, give others, or name in `unrelated` the requests that they have nothing to do with)";

/** Told once, and not by each of the tests. @throws TypeError for options that the plugin does not take */
function checkOptions(definition: PluginDefinition, given: unknown): void {
  const { name, options: schema = NO_OPTIONS } = definition;
  const issues = problemsNow(schema, given ?? (problemsNow(schema, undefined).length === 0 ? undefined : {})); // {} where a config says nothing
  if (issues.length === 0) return;
  const problems = issues.flatMap((issue) => optionProblems(issue, "cases", schema, `plugin "${name}"`));
  throw new TypeError(`testPlugin: give \`options\` that "${name}" takes:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
}

/** What is wrong with options, as far as that is known at once: what a schema waits for, the hosts of the tests ask. */
function problemsNow(schema: z.ZodType, given: unknown): readonly z.core.$ZodIssue[] {
  try {
    return schema.safeParse(given).error?.issues ?? [];
  } catch {
    return [];
  }
}

/** @throws the error, which says in which eras it came about */
function fail(error: unknown, { client, server }: Eras): never {
  if (error instanceof Error) error.message = `client of the ${client} era, server of the ${server} era: ${error.message}`;
  throw error;
}

function same(actual: Recording, expected: Recording, message: string): void {
  for (const [index, { request, client, servers }] of expected.entries()) {
    assert.equal(actual[index]?.client, client, `${message}: what the client gets for ${request}`);
    assert.equal(actual[index]?.servers, servers, `${message}: what the server gets for ${request}`);
  }
}

/** The module's file. */
function fileOf(module: string | URL): string {
  if (module instanceof URL || module.startsWith("file:")) return fileURLToPath(module);
  return isAbsolute(module) ? module : createRequire(join(process.cwd(), "_")).resolve(module);
}
