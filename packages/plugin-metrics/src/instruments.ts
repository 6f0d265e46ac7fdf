import type { Instrument, Logger } from "mcp-host";
import type { Exposition, Labels } from "./exposition.ts";

/** The words that Prometheus has for units; others stand as they are. */
const UNITS: Readonly<Record<string, string>> = { s: "seconds", ms: "milliseconds", By: "bytes", "%": "percent" };

/** `cache.saved` in `s` that counts up becomes `mcp_host_cache_saved_seconds_total`. */
export function metricName({ name, unit, kind }: Pick<Instrument, "name" | "unit" | "kind">): string {
  const base = `mcp_host_${name.replaceAll(".", "_")}`;
  // A unit in braces is a remark of UCUM's: `{entry}` counts entries.
  const word = unit === "1" || unit.startsWith("{") ? "" : (UNITS[unit] ?? unit.replaceAll(/[^A-Za-z0-9]+/g, "_"));
  const withUnit = word === "" || base.endsWith(`_${word}`) ? base : `${base}_${word}`;
  return kind === "counter" && !withUnit.endsWith("_total") ? `${withUnit}_total` : withUnit;
}

/** Publishes what other plugins count. A reload may bring other instruments; this plugin lives on. */
export class PublishedInstruments {
  readonly #exposition: Exposition;
  readonly #log: Logger;
  #published: readonly Instrument[] | undefined;
  #names: readonly string[] = [];

  constructor(exposition: Exposition, log: Logger) {
    this.#exposition = exposition;
    this.#log = log;
  }

  /** @param instruments those that there are now; another list where there are others */
  look(instruments: readonly Instrument[]): void {
    if (instruments === this.#published) return;
    for (const name of this.#names) this.#exposition.remove(name);
    this.#names = publishInstruments(this.#exposition, instruments, this.#log);
    this.#published = instruments;
  }
}

/** Publishes instruments, each value with the plugin that it is of. Gives the names of the metrics. */
export function publishInstruments(exposition: Exposition, instruments: readonly Instrument[], log: Logger): string[] {
  const published: string[] = [];
  const families = new Map<string, Instrument[]>();
  for (const instrument of instruments) {
    const name = metricName(instrument);
    const family = families.get(name);
    // Two names may become one: what was there first has it, and only copies of that may join.
    if (family && family[0]?.name !== instrument.name)
      log.warn("an instrument is not published: another one has its name", { instrument: instrument.name, metric: name });
    else families.set(name, [...(family ?? []), instrument]);
  }
  for (const [name, family] of families) {
    const [{ description, labels, kind }] = family as [Instrument]; // none is empty
    try {
      exposition[kind]({
        name,
        help: description,
        labels: ["plugin", ...labels],
        read: () =>
          family.flatMap(({ plugin, readings }) =>
            readings().map((reading) => [labelled(plugin, labels, reading.labels), reading.value] as const),
          ),
      });
      published.push(name);
    } catch (error) {
      log.warn("an instrument is not published", { metric: name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return published;
}

function labelled(plugin: string, names: readonly string[], values: readonly string[]): Labels {
  return Object.fromEntries([["plugin", plugin], ...names.map((name, index) => [name, values[index] ?? ""])]);
}
