import { hostname } from "node:os";
import { type PluginHost, VERSION, withDeadline } from "mcp-host";
import { Collector } from "./collector.ts";
import { Courier } from "./delivery.ts";
import type { Encoder } from "./encoder.ts";
import type { Encoders } from "./encoding.ts";
import type { Figures } from "./figures.ts";
import type { Line } from "./log-lines.ts";
import type { MetricFigures } from "./metric-figures.ts";
import { Notices } from "./notices.ts";
import type { Options } from "./options.ts";
import { Outbox } from "./outbox.ts";
import type { Attributes, FinishedSpan } from "./span.ts";
import { makeInstruments, type Signal, Tally } from "./tally.ts";

/** Milliseconds that a tap has left when what it waits for is up, at least. */
const SPARE = 250;

/** Sends what there is to tell to where it goes, and nothing from a host that is there for one command. */
export class Sending {
  readonly spans: Outbox<FinishedSpan> | undefined;
  readonly lines: Outbox<Line> | undefined;
  readonly #metrics: Courier<MetricFigures> | undefined;
  readonly #host: PluginHost;
  readonly #options: Options;
  readonly #version: string;
  readonly #figures: Figures | undefined;
  readonly #tallies: Tally[] = [];
  readonly #places: Partial<Record<Signal, string>>;
  #encoders: Promise<Encoders> | undefined;
  #isTaking = false;

  /** @param version of the plugin */
  constructor(host: PluginHost, options: Options, places: Partial<Record<Signal, string>>, figures: Figures | undefined, version: string) {
    this.#host = host;
    this.#options = options;
    this.#places = places;
    this.#figures = figures;
    this.#version = version;
    const notices = new Notices(host);
    const instruments = makeInstruments(host.meter, () => [
      ...(this.spans ? [{ signal: "traces" as const, waiting: this.spans.waiting }] : []),
      ...(this.lines ? [{ signal: "logs" as const, waiting: this.lines.waiting }] : []),
    ]);
    const courier = <T>(signal: Signal, encoder: (all: Encoders) => Encoder<T>, comesAgain?: true): Courier<T> | undefined => {
      const url = places[signal];
      if (url === undefined) return undefined;
      const tally = new Tally(signal, instruments);
      this.#tallies.push(tally);
      const collector = new Collector(url, options);
      return new Courier<T>({
        collector,
        encoder: () => this.#load().then(encoder),
        tally,
        notices,
        host,
        ...(comesAgain && { comesAgain }),
      });
    };
    const boxed = <T>(made: Courier<T> | undefined): Outbox<T> | undefined => made && new Outbox(made, options.batch, host.clock);
    this.spans = boxed(courier("traces", ({ spans }) => spans));
    this.#metrics = courier("metrics", ({ metrics }) => metrics, true);
    this.lines = boxed(courier("logs", ({ lines }) => lines));
  }

  /** The host starts. */
  start(): void {
    const { metrics } = this.#options;
    this.#load().catch(() => {}); // before the first batch, so that no request waits for it; that tells what went wrong
    if (metrics && this.#metrics) this.#host.clock.setInterval(() => this.#take(), metrics.interval);
  }

  #load(): Promise<Encoders> {
    this.#encoders ??= import("./encoding.ts").then(({ encodersOf }) =>
      encodersOf({ resource: this.#resource(), scope: { name: "@host/plugin-otel", version: this.#version } }),
    );
    return this.#encoders;
  }

  #resource(): Attributes {
    const { service, resource } = this.#options;
    return {
      "service.name": service,
      "service.version": VERSION,
      "service.instance.id": this.#host.random.uuid(), // another one after a reload: figures begin anew
      "host.name": hostname(),
      "process.pid": process.pid,
      "telemetry.sdk.name": "@host/plugin-otel",
      "telemetry.sdk.language": "nodejs",
      "telemetry.sdk.version": this.#version,
      ...resource,
    };
  }

  /** One at a time: what the collector does not take is told with the next. */
  async #take(): Promise<void> {
    if (!this.#metrics || !this.#figures || this.#isTaking) return;
    this.#isTaking = true;
    try {
      const taking = this.#figures.take(this.#host.meter.instruments(), this.#host.operator.status());
      if ((await this.#metrics.bring(taking.metrics)) === "taken") taking.taken();
    } finally {
      this.#isTaking = false;
    }
  }

  /** Sends what is left, for as long as it may take. */
  async close(): Promise<void> {
    const time = Math.min(this.#options.shutdown, this.#host.tapTimeout - SPARE);
    const last = async (): Promise<void> => {
      this.#metrics?.hurry();
      await this.#take();
    };
    if (time > 0) await withDeadline(Promise.all([this.spans?.finish(), this.lines?.finish(), last()]), time, () => undefined);
    await Promise.all([this.spans?.close(), this.lines?.close(), this.#metrics?.close()]);
  }

  report(): Readonly<Record<string, unknown>> {
    const waiting: Partial<Record<Signal, number | undefined>> = { traces: this.spans?.waiting, logs: this.lines?.waiting };
    return Object.fromEntries(
      this.#tallies.map((tally) => {
        const { signal } = tally;
        const left = waiting[signal];
        return [signal, { url: this.#places[signal], ...tally.report(), ...(left !== undefined && { waiting: left }) }];
      }),
    );
  }
}
