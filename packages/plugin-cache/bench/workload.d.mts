export interface Workload {
  /** Default: 1. The same seed gives the same calls. */
  seed?: number;
  /** Default: 5,000. */
  calls?: number;
  /** Default: 300. */
  keys?: number;
  /** Exponent of the distribution of keys. Default: 1. */
  zipf?: number;
  /** Share of calls that change a key. Default: 0.05. */
  writes?: number;
  /** Calls under way at once. Default: 1. */
  concurrency?: number;
  /** Further options of the plugin. */
  options?: Record<string, unknown>;
}

export interface Outcome {
  reads: number;
  /** Reads that reached the server. */
  fetched: number;
  /** Share of reads that did not. */
  ratio: number;
  /** The same of a cache that keeps everything and drops exactly what was changed. */
  ideal: number;
  /** Reads that gave less than a write which was answered before they began. */
  stale: number;
  /** What the plugin itself says. */
  stats: Record<string, unknown>;
}

export function runWorkload(workload?: Workload): Promise<Outcome>;
