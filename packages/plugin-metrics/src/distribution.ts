/** Durations of MCP operations, in seconds: the boundaries that the OpenTelemetry conventions for MCP name. */
export const OPERATION_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** What the host itself takes, in seconds: most of it far below what a server takes. */
export const OVERHEAD_SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1];
/** How long clients stay, in seconds. */
export const SESSION_SECONDS = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400];
/** Sizes of messages: 256 bytes to 16 MiB. */
export const MESSAGE_BYTES = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/**
 * Values sorted into buckets. A call adds to five of them: this takes some nanoseconds each, where prom-client checks and
 * hashes the labels anew for every value, which takes 0.7 µs.
 */
export class Distribution {
  /** Upper bounds of the buckets, which belong to them; the last bucket has none. */
  readonly bounds: readonly number[];
  /** Values in each bucket, one more than there are bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    (counts[bucket] as number)++;
    this.sum += value;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}
