import { readFileSync } from "node:fs";
import { ConfigError, definePlugin, type Entry, KeptTexts, type PluginHost } from "mcp-host";
import type { z } from "zod";
import { Calls } from "./calls.ts";
import { checkedOptions } from "./checked.ts";
import { BUILT_IN, DETECTORS, type Detector, type DetectorRegistry, detectorProblem } from "./detectors.ts";
import { Engine } from "./engine.ts";
import { listed } from "./listing.ts";
import type { Options, Place, RuleOptions } from "./options.ts";
import { Reading } from "./reading.ts";
import { Records } from "./records.ts";
import { Rules } from "./rules.ts";

export { DETECTORS, type Detector, type DetectorRegistry };

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type TransformOptions = z.input<typeof checkedOptions>;

/** Requests whose results are content. */
const ANSWERED = ["tools/call", "prompts/get", "resources/read", "completion/complete"] as const;

/** Renames, reshapes, redacts and validates what goes through, by rules. */
export const transform = definePlugin({ name: "transform", version, host: "^1.0.0", options: checkedOptions, apply });

function apply(host: PluginHost, given: Options): void {
  const rules = new Rules(given);
  if (rules.problems.length > 0) throw new ConfigError(rules.problems.map((problem) => `plugin "transform": ${problem}`));
  const detectors = collected(host, given.detectors);
  const records = new Records(host.log, host.meter, given.dryRun);
  const engine = new Engine(rules.programs, given.limits);
  const rests = new KeptTexts<string>({ ...given.rest, now: host.clock.monotonic, bytes: host.random.bytes });
  const reading = new Reading({ rests, records, argument: given.rest.argument });
  const environment = Object.fromEntries(given.environment.map((name) => [name, process.env[name]]));
  const calls = new Calls({ rules, engine, records, reading, log: host.log, environment, now: host.clock.now });
  const { hooks } = host;

  hooks.merge.tap("transform", lister(rules, records, given.rest.argument));
  if (!given.dryRun && rules.some(({ hide }) => hide))
    hooks.permit.tap("transform", (entry) => (rules.of(entry)?.hides ? false : undefined));

  const at = (place: Place) => (rule: RuleOptions) => rule.redact?.in.includes(place) || rule.strip?.in.includes(place);
  if (rules.some((rule) => rule.args || rule.enrich || rule.validate?.arguments || rule.result?.truncate || at("arguments")(rule))) {
    hooks.transform.for("tools/call").tap("transform", (params, exchange) => calls.arguments(params, exchange));
    hooks.transform.for("prompts/get").tap("transform", (params, exchange) => calls.arguments(params, exchange));
    hooks.transform.for("completion/complete").tap("transform", (params, exchange) => calls.completion(params, exchange));
  }
  if (rules.some((rule) => at("errors")(rule) || rule.result?.truncate))
    for (const method of [...ANSWERED, "tasks/result"] as const) hooks.call.for(method).tap("transform", (next) => calls.around(next));
  if (rules.some(at("logs")))
    for (const method of ["tasks/get", "tasks/list", "tasks/cancel"] as const)
      hooks.call.for(method).tap("transform", (next, { key }) => calls.aroundTasks(next, key));
  if (rules.some((rule) => rule.result || rule.enrich || rule.validate?.result || at("results")(rule) || at("logs")(rule)))
    for (const method of ANSWERED) hooks.respond.for(method).tap("transform", (result, exchange) => calls.results(result, exchange));
  if (rules.some(at("logs"))) hooks.notify.tap("transform", (notification, origin) => calls.told(notification, origin));

  hooks.ready.tap("transform", async () => {
    const problems = rules.seal(detectors, (detector) => records.redacted(detector));
    // They were compiled when the options were checked; here so that no call waits for it.
    for (const { path, message } of await engine.mistakes(rules.paths)) problems.push(`options.${path.join(".")}: ${message}`);
    if (problems.length > 0) {
      await engine.close();
      throw new ConfigError(problems.map((problem) => `plugin "transform": ${problem}`));
    }
  });
  hooks.close.tap("transform", async () => {
    rests.clear();
    await engine.close();
  });
  host.meter.gauge({ name: "transform.rest.size", description: "What is kept of truncated results.", unit: "By" }, () => [
    { labels: [], value: rests.bytes },
  ]);
  host.operator.report(() => ({
    ...records.report(),
    kept: { rests: rests.count, bytes: rests.bytes },
    worker: { running: engine.isRunning, kills: engine.kills },
  }));
}

/** The detectors by name, to which other plugins may add while they are applied. */
function collected(host: PluginHost, own: ReadonlyMap<string, RegExp>): ReadonlyMap<string, Detector> {
  const detectors = new Map(Object.entries(BUILT_IN));
  for (const [name, pattern] of own) detectors.set(name, { pattern });
  const registry: DetectorRegistry & { readonly listeners: ((name: string, detector: Detector) => void)[] } = {
    listeners: [],
    add(name, detector) {
      const problem = detectorProblem(name, detector);
      if (problem !== undefined) throw new Error(problem);
      for (const listener of this.listeners) listener(name, detector);
    },
  };
  const add = (name: string, detector: Detector): void => {
    if (detectors.has(name)) throw new Error(`there is a detector "${name}" already`);
    detectors.set(name, detector);
  };
  // A second copy of the plugin shares the registry; whoever provided it under this key made it here.
  const shared = host.find(DETECTORS) as typeof registry | undefined;
  (shared ?? registry).listeners.push(add);
  if (!shared) host.provide(DETECTORS, registry);
  return detectors;
}

/** Makes entries as clients see them. An entry is made once: it stays the same object while what it is made of does. */
function lister(rules: Rules, records: Records, restArgument: string): (entries: readonly Entry[]) => readonly Entry[] {
  const made = new WeakMap<Entry["definition"], { from: Entry; to: Entry; isHidden: boolean }>();
  const make = (entry: Entry): { from: Entry; to: Entry; isHidden: boolean } => {
    const plan = rules.decide(entry);
    const to = plan ? records.changed("listing", plan, entry, entry, listed(entry, plan, { restArgument })) : entry;
    if (plan?.hides && records.isDry) records.would("listing", plan, entry, { hidden: true });
    rules.note(to, plan);
    // A hidden template stays, so that `permit` refuses the resources that come of it.
    return { from: entry, to, isHidden: plan?.hides === true && !records.isDry && entry.kind !== "template" };
  };
  return (entries) =>
    entries.flatMap((entry) => {
      let known = made.get(entry.definition);
      if (!known || !isSame(known.from, entry)) made.set(entry.definition, (known = make(entry)));
      return known.isHidden ? [] : [known.to];
    });
}

function isSame(one: Entry, other: Entry): boolean {
  return one.name === other.name && one.native === other.native && one.upstream === other.upstream && one.kind === other.kind;
}

export default transform;
