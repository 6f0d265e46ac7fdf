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
  /** Names of its labels, lower case (`upstream`); default: none. Never what clients choose freely: arguments, URIs. */
  readonly labels?: readonly string[];
}

/** An instrument as whoever publishes figures reads it. */
export interface Instrument extends Required<InstrumentFacts> {
  readonly kind: "counter" | "gauge";
  /** The plugin that made it: another one, or another copy of it, may have one of the same name. */
  readonly plugin: string;
  /** Its values now: each set of labels once. */
  readings(): readonly Reading[];
}

/** Counts up. */
export interface Counter {
  /**
   * @param by not below 0; default 1
   * @param labels as many as the counter has. It keeps 1,000 sets of them; what comes after is counted under `other`
   */
  add(by?: number, ...labels: string[]): void;
}

/** What plugins tell in figures. Nothing is published unless somebody reads {@link Meter.instruments}, such as the metrics plugin. */
export interface Meter {
  /** @throws Error where the facts are wrong: of another form, made already, or not those that another plugin gives under the name */
  counter(facts: InstrumentFacts): Counter;
  /** A value that is asked for when somebody reads it. A reading whose labels are not as many as the gauge's is left out. @throws Error as `counter` */
  gauge(facts: InstrumentFacts, read: () => readonly Reading[]): void;
  /** Everything that the plugins of this host have made; complete from the `ready` hook on. */
  instruments(): readonly Instrument[];
}

/** Sets of label values of one instrument. */
const MAX_SERIES = 1_000;
const OTHER = "other";
/** What no label value holds, so that two sets never look the same. */
const BETWEEN = "\u0000";

const NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/;
const LABEL = /^[a-z][a-z0-9_]*$/;
/** A label by this name says which plugin's instrument it is. */
const OWN_LABEL = "plugin";

/** The meters of one hook set: one for each plugin, over one list of instruments. */
export class Meters {
  readonly #instruments: Instrument[] = [];

  get instruments(): readonly Instrument[] {
    return this.#instruments;
  }

  /** Takes over what a plugin made in another set, with its values. @throws Error where it clashes with what another plugin makes now */
  adopt({ instruments }: Meters, plugin: string): void {
    for (const instrument of instruments) if (instrument.plugin === plugin) this.#take(instrument);
  }

  of(plugin: string): Meter {
    return {
      counter: (facts) => {
        const { readings, add } = counting(facts);
        this.#add(plugin, "counter", facts, readings);
        return { add };
      },
      gauge: (facts, read) => this.#add(plugin, "gauge", facts, () => measured(facts.labels?.length ?? 0, read())),
      instruments: () => this.#instruments,
    };
  }

  #add(plugin: string, kind: Instrument["kind"], facts: InstrumentFacts, readings: () => readonly Reading[]): void {
    this.#take({ unit: "1", labels: [], ...facts, kind, plugin, readings });
  }

  #take(instrument: Instrument): void {
    const wrong = problemOf(instrument) ?? this.#clash(instrument);
    if (wrong !== undefined) throw new Error(`the instrument "${instrument.name}" ${wrong}`);
    this.#instruments.push(instrument);
  }

  /** Two copies of a plugin make the same instruments, which are told apart by their plugin; what has one name is of one kind. */
  #clash({ name, plugin, kind, unit, labels }: Instrument): string | undefined {
    const same = this.#instruments.filter((other) => other.name === name);
    if (same.some((other) => other.plugin === plugin)) return "was made already";
    const [other] = same;
    if (!other || (other.kind === kind && other.unit === unit && String(other.labels) === String(labels))) return undefined;
    return `of plugin "${other.plugin}" is a ${other.kind} in ${other.unit} with the labels [${other.labels}]; give this one another name`;
  }
}

function problemOf({ name, labels }: Instrument): string | undefined {
  if (!NAME.test(name)) return 'has no dotted lower case name, such as "cache.hits"';
  const wrong = labels.find((label) => !LABEL.test(label) || label === OWN_LABEL);
  if (wrong !== undefined) return `has the label "${wrong}"; labels are lower case, and "${OWN_LABEL}" is taken`;
  return new Set(labels).size === labels.length ? undefined : "has one label twice";
}

function counting({ name, labels: names = [] }: InstrumentFacts): Counter & Pick<Instrument, "readings"> {
  const series = new Map<string, { labels: LabelValues; value: number }>();
  const other = names.map(() => OTHER);
  const begin = (labels: LabelValues): { value: number } => {
    const isRoom = series.size < MAX_SERIES;
    const key = (isRoom ? labels : other).join(BETWEEN);
    let found = series.get(key);
    if (!found) series.set(key, (found = { labels: isRoom ? labels : other, value: 0 }));
    return found;
  };
  if (names.length === 0) begin([]); // a counter without labels is there from the start, at 0
  return {
    add: (by = 1, ...labels) => {
      if (labels.length !== names.length) throw new RangeError(`"${name}" has ${names.length} labels and was given ${labels.length}`);
      if (!(by >= 0)) throw new RangeError(`"${name}" only counts up and was given ${by}`);
      const key = labels.length === 1 ? (labels[0] as string) : labels.join(BETWEEN);
      (series.get(key) ?? begin(labels)).value += by;
    },
    readings: () => [...series.values()],
  };
}

/** A gauge's readings as they can be published: labels as announced, each set once, and no more than there may be. */
function measured(count: number, readings: readonly Reading[]): readonly Reading[] {
  const series = new Map<string, Reading>();
  for (const reading of readings) {
    if (reading.labels.length !== count) continue;
    if (series.size < MAX_SERIES) series.set(reading.labels.join(BETWEEN), reading);
  }
  return [...series.values()];
}
