import { ConfigError, duration } from "mcp-host";
import { z } from "zod";

const count = (least: number, most: number) => z.int().min(least).max(most);
/** A duration that must pass at all: what is over at once would be no limit but an end. */
const some = duration.refine((milliseconds) => milliseconds > 0, "must be longer than 0");

const ratio = z
  .strictObject({
    threshold: z.number().gt(0).lt(1).default(0.5).describe("Share of failed calls above which it opens."),
    calls: count(1, 10_000).default(100).describe("How many of the last calls are looked at."),
    minimum: count(1, 10_000).default(20).describe("Fewer calls than this say nothing."),
  })
  .refine(({ minimum, calls }) => minimum <= calls, { error: 'must not be more than "calls"', path: ["minimum"] });

const breaker = z.strictObject({
  consecutive: z
    .union([z.literal(false), count(1, 10_000)], "must be a whole number from 1 to 10000, or false")
    .optional()
    .describe("It opens after this many failures in a row; false: not by that."),
  ratio: z
    .union([z.literal(false), ratio])
    .optional()
    .describe("It opens when of the last `calls` calls more than the share `threshold` failed; false: not by that."),
  openFor: some
    .optional()
    .describe(
      "How long it stays open before the upstream is tried again; twice as long after each try that failed. It is tried at once when it has connected anew.",
    ),
  maxOpenFor: some.optional().describe("Longest time that it stays open."),
  probes: count(1, 100).optional().describe("Calls that are let through to try it, all of which must be answered before it closes."),
});

const timeout = z.strictObject({
  idle: some.optional().describe("Longest silence of one send; progress starts it anew. Default: the server's `timeout`."),
  total: some.optional().describe("Longest time of one send, progress or not. Default: the server's `maxTimeout`."),
});

const retry = z.strictObject({
  retries: count(0, 10).optional().describe("Further tries after the first one; a read that was lost gets at most one."),
  backoff: some
    .optional()
    .describe("Pause before the first retry, doubled for each further one; a random part of it is waited (full jitter)."),
  maxBackoff: some.optional().describe("Longest pause; where the upstream asks for a longer one (`Retry-After`), nothing is retried."),
});

const budgeted = z.strictObject({
  ...retry.shape,
  budget: z.number().min(0).max(1).optional().describe("Share of an upstream's calls that retries may add, beyond a reserve of 10."),
});

const bulkhead = z.strictObject({
  concurrent: count(1, 10_000).optional().describe("Calls in flight to the upstream at a time."),
  queue: count(0, 10_000).optional().describe("Calls that may wait for their turn; further ones are refused as `overloaded`."),
  queueTimeout: some.optional().describe("Longest wait for a turn."),
});

const fallback = z
  .strictObject({
    text: z.string().optional().describe("The result's text."),
    structured: z.record(z.string(), z.unknown()).optional().describe("Its `structuredContent`; without `text` it is the text as well."),
    isError: z.boolean().default(false).describe("Whether the model is told that the tool failed."),
  })
  .refine(({ text, structured }) => text !== undefined || structured !== undefined, 'needs "text" or "structured"');

const off = <T extends z.ZodType>(policy: T) =>
  z.union([z.literal(false), policy], "must be an object, or false to turn it off").optional();

const policies = z.strictObject({
  breaker: off(breaker).describe("Circuit breaker: an upstream that fails too often is left alone for a while."),
  timeout: off(timeout).describe("Time limits of each send, within which retry and fallback still have their turn."),
  retry: off(budgeted).describe("Tries again what was provably not sent, and once what may be repeated."),
  bulkhead: off(bulkhead).describe("Bound on calls in flight, with a queue."),
});

const rule = z.strictObject({
  match: z.array(z.string().min(1)).min(1).describe('Globs: `"files__*"` is the exposed name, `"files:read_*"` upstream and native name.'),
  timeout: off(timeout).describe("Over that of the server."),
  retry: off(retry).describe("Over that of the server, whose budget it shares."),
  fallback: fallback.optional().describe("The result while the upstream cannot give one: the breaker is open, or the last try failed."),
});

export const options = z.strictObject({
  defaults: policies.default({}).describe("Policies of every upstream. `false` turns one off."),
  servers: z.record(z.string(), policies).default({}).describe("Upstream → what differs there, field by field."),
  tools: z.array(rule).default([]).describe("Rules for tools; the first that matches is the tool's."),
});

/** What a config may say of the plugin. */
export type ResilienceOptions = z.input<typeof options>;
type Options = z.output<typeof options>;
type Policies = z.output<typeof policies>;

/** Makes every field of a policy a given one. */
type Given<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };
export type BreakerOptions = Given<z.output<typeof breaker>>;
export type TimeoutOptions = z.output<typeof timeout>;
export type RetryOptions = Given<z.output<typeof budgeted>>;
export type BulkheadOptions = Given<z.output<typeof bulkhead>>;
export type FallbackOptions = z.output<typeof fallback>;

/** What holds where no option says otherwise. */
export const BUILT_IN = {
  breaker: { consecutive: 5, ratio: false, openFor: 30_000, maxOpenFor: 300_000, probes: 1 } satisfies BreakerOptions,
  timeout: false,
  retry: { retries: 2, backoff: 100, maxBackoff: 2_000, budget: 0.1 } satisfies RetryOptions,
  bulkhead: { concurrent: 64, queue: 128, queueTimeout: 10_000 } satisfies BulkheadOptions,
} as const;

/** The policies of one upstream, every field filled in. */
export interface Settled {
  readonly breaker: BreakerOptions | false;
  readonly timeout: TimeoutOptions | false;
  readonly retry: RetryOptions | false;
  readonly bulkhead: BulkheadOptions | false;
}

/** A rule for tools with what it does not say taken from their upstream. */
export interface ToolRule {
  readonly match: readonly string[];
  readonly timeout: TimeoutOptions | false;
  readonly retry: RetryOptions | false;
  readonly fallback: FallbackOptions | undefined;
}

/** One policy from the general to the particular: `false` turns it off, an object turns it on and says what differs. */
function settle<T extends object>(start: T, isOn: boolean, ...levels: readonly (Partial<T> | false | undefined)[]): T | false {
  let policy: T | false = isOn && start;
  for (const level of levels) {
    if (level === undefined) continue;
    policy = level === false ? false : { ...(policy || start), ...level };
  }
  return policy;
}

export function settled({ defaults, servers }: Pick<Options, "defaults" | "servers">, upstream: string): Settled {
  const own: Policies = servers[upstream] ?? {};
  // zod gives only the keys that were written, so that a spread overwrites nothing else.
  return {
    breaker: settle<BreakerOptions>(
      BUILT_IN.breaker,
      true,
      defaults.breaker as Partial<BreakerOptions>,
      own.breaker as Partial<BreakerOptions>,
    ),
    timeout: settle<TimeoutOptions>({}, false, defaults.timeout, own.timeout),
    retry: settle<RetryOptions>(BUILT_IN.retry, true, defaults.retry as Partial<RetryOptions>, own.retry as Partial<RetryOptions>),
    bulkhead: settle<BulkheadOptions>(
      BUILT_IN.bulkhead,
      true,
      defaults.bulkhead as Partial<BulkheadOptions>,
      own.bulkhead as Partial<BulkheadOptions>,
    ),
  };
}

export function toolRules({ tools }: Pick<Options, "tools">, server: Settled): ToolRule[] {
  return tools.map(({ match, timeout, retry, fallback }) => ({
    match,
    // A fallback answers only where the send fails before the call as a whole does, so it brings a timeout along.
    timeout: settle<TimeoutOptions>(server.timeout || {}, server.timeout !== false || fallback !== undefined, timeout),
    retry: settle<RetryOptions>(server.retry || BUILT_IN.retry, server.retry !== false, retry as Partial<RetryOptions>),
    fallback,
  }));
}

/** The upstreams that the options name, with their places. */
export function namedUpstreams(given: Options): { place: string; key: string }[] {
  return [
    ...Object.keys(given.servers).map((key) => ({ place: `options.servers["${key}"]`, key })),
    ...given.tools.flatMap(({ match }, index) =>
      match.flatMap((glob, nth) => {
        // As `matcher` reads it: what stands before the colon is an upstream, unless it is the scheme of a URI.
        const [, key] = /^([A-Za-z0-9_.-]+):(?!\/\/)/.exec(glob) ?? [];
        return key === undefined ? [] : [{ place: `options.tools[${index}].match[${nth}]`, key }];
      }),
    ),
  ];
}

/** @throws ConfigError for bounds that contradict each other */
export function checkOptions(given: Options): void {
  const problems = ["", ...Object.keys(given.servers)].flatMap((key) => contradictions(key, given)); // "" has the defaults
  if (problems.length > 0) throw new ConfigError([...new Set(problems)].map((problem) => `plugin "resilience": ${problem}`));
}

/** Bounds that are the wrong way round, seen where all levels have come together. */
function contradictions(upstream: string, given: Options): string[] {
  const server = settled(given, upstream);
  const place = given.servers[upstream] ? `servers["${upstream}"]` : "defaults";
  const rules = toolRules(given, server);
  return [
    ...(server.breaker && server.breaker.openFor > server.breaker.maxOpenFor
      ? [`options.${place}.breaker: "openFor" is longer than "maxOpenFor"; raise "maxOpenFor"`]
      : []),
    ...[{ at: place, retry: server.retry }, ...rules.map(({ retry }, index) => ({ at: `tools[${index}]`, retry }))].flatMap(
      ({ at, retry }) =>
        retry && retry.backoff > retry.maxBackoff ? [`options.${at}.retry: "backoff" is longer than "maxBackoff"; raise "maxBackoff"`] : [],
    ),
    ...(server.breaker && server.breaker.consecutive === false && server.breaker.ratio === false
      ? [`options.${place}.breaker: without "consecutive" and "ratio" it would never open; set one, or turn it off with "breaker": false`]
      : []),
  ];
}
