import { duration, size } from "mcp-host";
import { z } from "zod";
import { detectorProblem } from "./detectors.ts";
import { patternOf } from "./patterns.ts";

/** Where texts are redacted or stripped. */
export const PLACES = ["arguments", "results", "logs", "errors"] as const;

export type Place = (typeof PLACES)[number];

export const KINDS = ["tool", "prompt", "resource", "template"] as const;

const KEYS = z.string().min(1).max(256);
const NAME = z.string().regex(/^[A-Za-z0-9_.{}-]{1,128}$/, "must be 1 to 128 of A-Z a-z 0-9 _ . -, or placeholders such as {name}");
const TEXT = z.string().max(10_000);
const SCHEMA = z.record(z.string(), z.unknown());
const places = z
  .array(z.enum(PLACES))
  .default([...PLACES])
  .describe("Where: `arguments`, `results`, `logs` (progress included), `errors`.");

export const args = z
  .strictObject({
    set: z
      .record(KEYS, z.unknown())
      .default({})
      .describe("Argument → value that the upstream always gets. Stays in the schema, no longer required."),
    default: z.record(KEYS, z.unknown()).default({}).describe("Argument → value for calls that leave it out. The schema says so."),
    pin: z
      .record(KEYS, z.unknown())
      .default({})
      .describe("Argument → value that the upstream always gets. Clients neither see nor set it, under any spelling."),
    rename: z.record(KEYS, KEYS).default({}).describe("Argument → the name that clients see."),
    drop: z.array(KEYS).default([]).describe("Arguments that clients neither see nor set, and the upstream does not get."),
  })
  .superRefine((value, context) => {
    const used = new Map<string, string>();
    for (const [way, names] of [
      ["set", Object.keys(value.set)],
      ["default", Object.keys(value.default)],
      ["pin", Object.keys(value.pin)],
      ["drop", value.drop],
    ] as const) {
      for (const name of names) {
        const before = used.get(name);
        if (before !== undefined)
          context.addIssue({
            code: "custom",
            path: [way],
            message: `"${name}" is in ${before} already; an argument is either set, defaulted, pinned or dropped`,
          });
        used.set(name, way);
      }
    }
    const targets = new Map<string, string>();
    for (const [native, exposed] of Object.entries(value.rename)) {
      const way = used.get(native);
      if (way === "pin" || way === "drop")
        context.addIssue({ code: "custom", path: ["rename", native], message: `"${native}" is in ${way}, so nobody sees its name` });
      const other = targets.get(exposed);
      if (other !== undefined)
        context.addIssue({ code: "custom", path: ["rename", native], message: `"${other}" is renamed to "${exposed}" already` });
      targets.set(exposed, native);
    }
  });

const truncate = z.strictObject({
  max: z.int().min(1).max(100_000_000).describe("Longest text of a result, in `unit`."),
  unit: z
    .enum(["characters", "bytes", "tokens"])
    .default("characters")
    .describe("`tokens` are estimated: four ASCII characters or one other make one."),
  notice: TEXT.default("[truncated: {shown} of {total} {unit}{how}]").describe(
    "What ends a truncated result: `{shown}`, `{total}`, `{unit}`, and `{how}` the rest is read.",
  ),
  rest: z.boolean().default(true).describe("Whether what was cut off can be read."),
});

export const result = z.strictObject({
  jsonata: z
    .string()
    .min(1)
    .max(10_000)
    .optional()
    .describe("Expression whose value becomes the result. Its input is `structuredContent`, else the JSON of the text, else the text."),
  pick: z
    .array(z.string().min(1).max(500))
    .min(1)
    .optional()
    .describe('Paths to keep, such as `"items.name"`; lists are gone through item by item.'),
  outputSchema: SCHEMA.refine(({ type }) => type === "object", 'must have "type": "object", as MCP wants it')
    .optional()
    .describe("Output schema to list in the place of the upstream's; with it a JSONata value becomes `structuredContent`."),
  truncate: truncate.optional().describe("Cuts long texts."),
});

const redactObject = z.strictObject({
  detectors: z.array(z.string()).optional().describe("Names of detectors. Default: all that there are."),
  fields: z.array(KEYS).default([]).describe("Fields whose value is always taken out, compared without case and separators."),
  in: places,
  replacement: z.string().max(200).default("[redacted:{detector}]").describe("What stands in the place of what was found."),
});
const redact = z
  .union(
    [z.boolean(), z.array(z.string()), redactObject],
    "must be true, a list of detectors, or an object with detectors, fields, in, replacement",
  )
  .transform((value) =>
    value === false ? undefined : redactObject.parse(value === true ? {} : Array.isArray(value) ? { detectors: value } : value),
  );

const stripObject = z.strictObject({
  ansi: z.boolean().default(true).describe("Control sequences of terminals."),
  invisible: z.boolean().default(true).describe("Characters that nobody sees: zero-width, bidi, tags, controls."),
  in: places,
});
const strip = z
  .union([z.boolean(), stripObject], "must be true, or an object with ansi, invisible, in")
  .transform((value) => (value === false ? undefined : stripObject.parse(value === true ? {} : value)));

const validate = z.strictObject({
  arguments: SCHEMA.optional().describe("JSON Schema (2020-12, or draft 7 by its `$schema`) of the arguments that the upstream gets."),
  result: SCHEMA.optional().describe("JSON Schema of what the upstream answers: `structuredContent`, else the JSON of the text."),
});

const enrich = z.strictObject({
  arguments: z
    .record(KEYS, z.string())
    .default({})
    .describe("Argument → where its value comes from. Pinned: clients neither see nor set it."),
  result: z.record(KEYS, z.string()).default({}).describe("Field of the result → where its value comes from."),
});

export const ruleOptions = z.strictObject({
  match: z
    .array(z.string().min(1).max(1_000))
    .min(1)
    .describe('Globs: `"files__*"` on the name (a resource\'s URI), `"files:*"` on upstream:native name.'),
  kind: z
    .union([z.enum(KINDS), z.array(z.enum(KINDS)).min(1)], `must be one or a list of ${KINDS.join(", ")}`)
    .optional()
    .describe("`tool`, `prompt`, `resource`, `template`, or a list of them. Default: all."),
  rename: NAME.optional().describe("The exposed name; `{name}`, `{native}`, `{upstream}` stand for what it was."),
  title: TEXT.optional().describe("The title; also `{title}`, `{description}`."),
  description: TEXT.optional().describe("The description, with the same placeholders."),
  hide: z.boolean().default(false).describe("Takes it off every list and refuses it."),
  args: args.optional().describe("What is done with arguments, by the upstream's names."),
  result: result.optional().describe("How results are reshaped."),
  redact: redact.optional().describe("Takes out secrets and personal data: `true`, a list of detectors, or an object."),
  strip: strip
    .optional()
    .describe("Takes out terminal control sequences and invisible characters: `true` or an object. Cleans titles and descriptions too."),
  validate: validate.optional().describe("Schemas that must hold; what does not fit is refused."),
  enrich: enrich.optional().describe("Values from the context of a call."),
});

export type RuleOptions = z.output<typeof ruleOptions>;

const detectors = z
  .record(z.string(), z.string())
  .default({})
  .transform((texts, context) => {
    const patterns = new Map<string, RegExp>();
    for (const [name, text] of Object.entries(texts)) {
      const pattern = patternOf(text);
      const problem = typeof pattern === "string" ? pattern : detectorProblem(name, { pattern });
      if (problem !== undefined) context.addIssue({ code: "custom", path: [name], message: problem });
      if (typeof pattern !== "string") patterns.set(name, pattern);
    }
    return patterns as ReadonlyMap<string, RegExp>;
  });

export const options = z.strictObject({
  rules: z.array(ruleOptions).max(1_000).default([]).describe("What to do with which entries; all that match are applied, in this order."),
  detectors: detectors.describe(
    "Further detectors: name → regular expression (flag `v`, at most 500 characters; nothing that may take very long).",
  ),
  environment: z.array(KEYS).default([]).describe("Environment variables that `enrich` may use."),
  limits: z
    .strictObject({
      time: duration
        .refine((time) => time >= 10, "must be at least 10 ms")
        .default(250)
        .describe("Longest run of an expression or a validation."),
      depth: z.int().min(1).max(1_000).default(100).describe("Deepest nesting of what they get, and of calls in an expression."),
      size: size.default(4 * 1024 ** 2).describe("Bytes that they get or give."),
    })
    .prefault({})
    .describe("Bounds of JSONata and validation."),
  rest: z
    .strictObject({
      argument: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, "must be a letter or _ and up to 63 of A-Z a-z 0-9 _")
        .default("_rest")
        .describe("Argument under which tools are asked for the rest of a result."),
      size: size.default(32 * 1024 ** 2).describe("Bytes kept in all, a quarter of them at most for one principal or session."),
      time: duration.default(600_000).describe("How long the rest can be read."),
    })
    .prefault({})
    .describe("Where the rest of truncated results is kept: in memory."),
  dryRun: z.boolean().default(false).describe("Changes nothing; tells what it would change in log, metrics and `mcp-host inspect`."),
});

export type Options = z.output<typeof options>;
