/** Values of one instrument's labels, in the order of its `labels`. */
export type LabelValues = readonly string[];

/** One value of an instrument. */
export interface Reading {
  readonly labels: LabelValues;
  readonly value: number;
}

/** What an instrument counts. Names are dotted and lower case (`cache.hits`), units are UCUM (`s`, `By`, `1`), as OpenTelemetry has them. */
export interface InstrumentFacts {
  readonly name: string;
  readonly description: string;
  /** Default: `1`, a plain number. */
  readonly unit?: string;
  /** Names of its labels; default: none. */
  readonly labels?: readonly string[];
}

/** An instrument as whoever publishes figures reads it. */
export interface Instrument extends Required<InstrumentFacts> {
  readonly kind: "counter" | "gauge";
  /** The plugin that made it. */
  readonly plugin: string;
  readings(): readonly Reading[];
}

/** Counts up. */
export interface Counter {
  /** @param by default 1 */
  add(by?: number, ...labels: string[]): void;
}

/** What plugins tell in figures. Nothing is published unless somebody reads {@link Meter.instruments}, such as the metrics plugin. */
export interface Meter {
  counter(facts: InstrumentFacts): Counter;
  /** A value that is asked for when somebody reads it. */
  gauge(facts: InstrumentFacts, read: () => readonly Reading[]): void;
  /** Everything that the plugins of this host have made. */
  instruments(): readonly Instrument[];
}

/** Sets of label values of one counter; what comes after them is counted under `other`. */
const MAX_SERIES = 1_000;
const OTHER = "other";

/** The meters of one hook set: one for each plugin, over one list of instruments. */
export class Meters {
  readonly #instruments: Instrument[] = [];

  of(plugin: string): Meter {
    return {
      counter: (facts) => {
        const { readings, add } = counting(facts.labels ?? []);
        this.#add(plugin, "counter", facts, readings);
        return { add };
      },
      gauge: (facts, read) => this.#add(plugin, "gauge", facts, read),
      instruments: () => this.#instruments,
    };
  }

  #add(plugin: string, kind: Instrument["kind"], facts: InstrumentFacts, readings: () => readonly Reading[]): void {
    const before = this.#instruments.find(({ name }) => name === facts.name);
    if (before) throw new Error(`the instrument "${facts.name}" was made by plugin "${before.plugin}" already`);
    this.#instruments.push({ unit: "1", labels: [], ...facts, kind, plugin, readings });
  }
}

function counting(names: readonly string[]): Counter & Pick<Instrument, "readings"> {
  const series = new Map<string, { labels: LabelValues; value: number }>();
  const other = names.map(() => OTHER);
  const find = (labels: LabelValues): { value: number } => {
    const wanted = series.size < MAX_SERIES || series.has(labels.join("\n")) ? labels : other;
    const key = wanted.join("\n");
    let found = series.get(key);
    if (!found) series.set(key, (found = { labels: wanted, value: 0 }));
    return found;
  };
  if (names.length === 0) find([]); // a counter without labels is there from the start, at 0
  return {
    add: (by = 1, ...labels) => {
      find(labels).value += by;
    },
    readings: () => [...series.values()],
  };
}
