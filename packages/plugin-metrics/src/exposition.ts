import type { Logger } from "mcp-host";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Distribution } from "./distribution.ts";

export type Labels = Readonly<Record<string, string>>;

/** One metric of Prometheus with all its sets of labels, read whenever somebody scrapes. */
export interface Family<Value> {
  /** As Prometheus has names: with its unit, and `_total` where it counts. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: () => Iterable<readonly [Labels, Value]>;
}

/** What is scraped. The figures stay where they are counted; prom-client holds the families together and writes them out. */
export class Exposition {
  readonly #registry = new Registry();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** @throws Error where there is one by this name, or Prometheus does not take it */
  counter(family: Family<number>): void {
    const counter: Counter = new Counter({
      ...this.#facts(family),
      collect: () => {
        counter.reset();
        this.#read(family, (labels, value) => counter.inc(labels, value));
      },
    });
  }

  /** @throws Error as `counter` */
  gauge(family: Family<number>): void {
    const gauge: Gauge = new Gauge({
      ...this.#facts(family),
      collect: () => {
        gauge.reset();
        this.#read(family, (labels, value) => gauge.set(labels, value));
      },
    });
  }

  /** @throws Error as `counter` */
  histogram(family: Family<Distribution>): void {
    new Distributions(this.#facts(family), (take) => this.#read(family, take));
  }

  remove(name: string): void {
    this.#registry.removeSingleMetric(name);
  }

  /** Everything in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #facts({ name, help, labels }: Family<unknown>): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }

  /** A plugin whose figures cannot be read, or are none, must not keep the others from being scraped. */
  #read<Value>({ name, read }: Family<Value>, take: (labels: Labels, value: Value) => void): void {
    try {
      for (const [labels, value] of read()) take(labels, value);
    } catch (error) {
      this.#log.error("a metric could not be read", { metric: name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
}

type Read = (take: (labels: Labels, distribution: Distribution) => void) => void;

/** A histogram of prom-client whose values were counted elsewhere. */
class Distributions extends Histogram {
  readonly #facts: { name: string; help: string };
  readonly #read: Read;

  constructor(facts: ConstructorParameters<typeof Histogram>[0], read: Read) {
    super(facts);
    this.#facts = facts;
    this.#read = read;
  }

  /** What a registry asks for, and what the base class makes `get` of. Not in prom-client's types. */
  async getForPromString(): Promise<object> {
    const { name, help } = this.#facts;
    const values: Sample[] = [];
    this.#read((labels, distribution) => values.push(...samples(name, labels, distribution)));
    return { name, help, type: "histogram", aggregator: "sum", values };
  }
}

interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName: string;
}

/** Buckets in Prometheus hold what is below them too. */
function samples(name: string, labels: Labels, { bounds, counts, sum }: Distribution): Sample[] {
  let below = 0;
  const buckets = counts.map((count, index) => {
    below += count;
    return {
      labels: { ...labels, le: index < bounds.length ? String(bounds[index]) : "+Inf" },
      value: below,
      metricName: `${name}_bucket`,
    };
  });
  return [...buckets, { labels, value: sum, metricName: `${name}_sum` }, { labels, value: below, metricName: `${name}_count` }];
}
