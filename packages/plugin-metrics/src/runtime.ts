import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** How often the event loop is looked at, in milliseconds. A wait of this length is no lag, and is taken off. */
const RESOLUTION = 20;

/** How long the event loop kept things waiting, in seconds. */
export interface Lag {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What the process itself is doing: the event loop's lag, memory, processor time. */
export class Runtime {
  readonly startedAt = Date.now() / 1000 - process.uptime();
  #delays: IntervalHistogram | undefined;

  start(): void {
    this.#delays = monitorEventLoopDelay({ resolution: RESOLUTION });
    this.#delays.enable();
  }

  stop(): void {
    this.#delays?.disable();
    this.#delays = undefined;
  }

  /** The lag since somebody asked with `anew` the last time. */
  lag(anew: boolean): Lag {
    const delays = this.#delays;
    // Before the first look there is nothing to tell, and its mean is no number.
    if (!delays || delays.count === 0) return { mean: 0, p50: 0, p99: 0, max: 0 };
    const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1000);
    const lag = {
      mean: seconds(delays.mean),
      p50: seconds(delays.percentile(50)),
      p99: seconds(delays.percentile(99)),
      max: seconds(delays.max),
    };
    if (anew) delays.reset();
    return lag;
  }

  memory(): NodeJS.MemoryUsage {
    return process.memoryUsage();
  }

  /** Processor time since the start, in seconds. */
  cpu(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
}
