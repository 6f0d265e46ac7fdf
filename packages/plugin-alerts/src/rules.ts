import { duration, size } from "mcp-host";
import { z } from "zod";

/** From the mildest to the worst, as PagerDuty has them. */
export const SEVERITIES = ["info", "warning", "error", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a rule and a receiver may be called. */
export const named = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 letters, digits, `_`, `.` or `-`, and begin with a letter or digit");

const some = duration.refine((ms) => ms > 0, "must be longer than 0");
const window = duration.refine((ms) => ms >= 1_000, "must be at least 1s");
const minimum = z.int().min(1).max(1_000_000);
const servers = z
  .array(z.string().min(1).max(1_000))
  .min(1)
  .default(["*"])
  .describe("Globs of keys of `mcpServers`: the servers that it is about.");
const tools = z
  .array(z.string().min(1).max(1_000))
  .min(1)
  .optional()
  .describe("Globs of tools that alone count, by exposed names or as `<upstream>:<native name>`. Default: every request to a server.");

/** What every rule may say. */
const common = {
  name: named.optional().describe("What it is called in messages, the status and the store. Default: its kind."),
  for: duration.default(0).describe("How long it must have been so without a break before anybody is told."),
  keep: duration.default(0).describe("How long it must have been over without a break before anybody is told that it is."),
  repeat: z
    .union([z.literal(false), some], "must be a duration such as 4h, or false")
    .optional()
    .describe("After how long it is told again while it goes on; `false`: never. Default: as `group` has it."),
  severity: z.enum(SEVERITIES, "must be info, warning, error or critical").optional().describe("How bad it is. Default: the kind's."),
  to: z.array(named).min(1).optional().describe("Names of the receivers that are told. Default: all."),
  runbook: z.url().max(2_000).optional().describe("Where it is written what to do; goes with every message."),
};

const ratio = z.number().gt(0).max(1);

/** The share of a whole, such as `10%`. */
const PERCENT = /^\s*(\d{1,2}(?:\.\d+)?|100)\s*%\s*$/;
const percent = z
  .string()
  .regex(PERCENT)
  .transform((text) => ({ share: Number(PERCENT.exec(text)?.[1]) / 100 }));
const room = z
  .union([percent, size.transform((bytes) => ({ bytes }))], 'must be a share such as "10%", or a size such as "2gb"')
  .describe("How much must be free: a share of the disk, or a size.");

export const rule = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      kind: z.literal("server-down").describe("A server cannot be used, although it was tried."),
      ...common,
      servers,
    }),
    z.strictObject({
      kind: z.literal("server-flapping").describe("A server is lost again and again."),
      ...common,
      servers,
      losses: z.int().min(1).max(1_000).default(3).describe("So many live connections must be lost."),
      within: window.default(600_000).describe("The time within which they were lost."),
    }),
    z.strictObject({ kind: z.literal("all-servers-down").describe("None of the servers can be used."), ...common }),
    z.strictObject({
      kind: z.literal("breaker-open").describe("A circuit breaker of `@host/plugin-resilience` is open, or being tried."),
      ...common,
      servers,
    }),
    z.strictObject({
      kind: z.literal("error-ratio").describe("Too many requests to a server fail."),
      ...common,
      servers,
      tools,
      above: ratio.default(0.1).describe("The share that may fail, from 0 to 1."),
      within: window.default(300_000).describe("The requests of this time are looked at."),
      minimum: minimum.default(20).describe("Fewer requests than this say nothing."),
      toolErrors: z.boolean().default(false).describe("Whether results with `isError` are failures, too."),
    }),
    z.strictObject({
      kind: z.literal("latency").describe("A server answers too slowly."),
      ...common,
      servers,
      tools,
      above: some.default(30_000).describe("The time that it may take, without that of host and plugins."),
      quantile: z.number().gt(0).lt(1).default(0.95).describe("The share of the requests that must not take longer."),
      within: window.default(300_000).describe("The requests of this time are looked at."),
      minimum: minimum.default(20).describe("Fewer requests than this say nothing."),
    }),
    z.strictObject({
      kind: z.literal("quota").describe("Somebody has used up most of what a rule of `@host/plugin-rate-limit` lets through."),
      ...common,
      limits: z.array(z.string().min(1).max(1_000)).min(1).default(["*"]).describe("Globs of the names of its rules."),
      above: ratio.default(0.9).describe("The share that may be used up, from 0 to 1."),
    }),
    z.strictObject({
      kind: z.literal("disk").describe("A disk is almost full."),
      ...common,
      paths: z
        .array(z.string().min(1).max(4_096))
        .min(1)
        .max(100)
        .default(["."])
        .describe("A file or folder of each disk; relative ones begin at the config's folder."),
      below: room.prefault("5%"),
    }),
    z.strictObject({
      kind: z.literal("certificate").describe("A certificate is about to expire, or has expired."),
      ...common,
      servers,
      files: z
        .array(z.string().min(1).max(4_096))
        .max(100)
        .default([])
        .describe("PEM files whose certificates are looked at besides those of servers and of `listen.tls`."),
      days: z.number().min(0).max(3_650).default(14).describe("How many days it must be good for."),
      every: duration
        .refine((ms) => ms >= 100, "must be at least 100ms")
        .default(3_600_000)
        .describe("How often they are looked at."),
    }),
    z.strictObject({
      kind: z.literal("plugin").describe("What another plugin looks after."),
      ...common,
      of: z.string().min(1).max(100).describe("The kind, as that plugin calls it."),
      with: z.record(z.string(), z.unknown()).default({}).describe("What that kind can be told."),
    }),
  ],
  "has no kind that there is; there are server-down, server-flapping, all-servers-down, breaker-open, error-ratio, latency, quota, disk, certificate, and plugin for those of other plugins",
);
export type Rule = z.output<typeof rule>;
export type RuleOf<K extends Rule["kind"]> = Extract<Rule, { kind: K }>;

/** What is told of where no config says what is. */
export const USUAL = [
  { kind: "all-servers-down", for: "30s" },
  { kind: "server-down", for: "1m" },
  { kind: "server-flapping" },
  { kind: "breaker-open" },
  { kind: "error-ratio", for: "1m" },
  { kind: "quota" },
  { kind: "disk" },
  { kind: "certificate" },
] satisfies z.input<typeof rule>[];

/** How bad each is, unless its rule says. */
const USUALLY: Readonly<Record<Rule["kind"], Severity>> = {
  "all-servers-down": "critical",
  "server-down": "error",
  "server-flapping": "warning",
  "breaker-open": "warning",
  "error-ratio": "warning",
  latency: "warning",
  quota: "warning",
  disk: "error",
  certificate: "warning",
  plugin: "warning",
};

/** A rule as it is kept to. */
export interface Facts {
  readonly name: string;
  /** Of a rule of another plugin's kind, that kind. */
  readonly kind: string;
  readonly for: number;
  readonly keep: number;
  readonly repeat: number | false;
  readonly severity: Severity;
  readonly to: readonly string[] | undefined;
  readonly runbook: string | undefined;
}

/** What a rule is called. */
export const nameOf = (given: Rule): string => given.name ?? (given.kind === "plugin" ? given.of : given.kind);

export function factsOf(given: Rule, repeat: number | false): Facts {
  return {
    name: nameOf(given),
    kind: given.kind === "plugin" ? given.of : given.kind,
    for: given.for,
    keep: given.keep,
    repeat: given.repeat ?? repeat,
    severity: given.severity ?? USUALLY[given.kind],
    to: given.to,
    runbook: given.runbook,
  };
}
