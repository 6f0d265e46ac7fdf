import { duration, size } from "mcp-host";
import { z } from "zod";

const GLOBS = z.array(z.string().min(1).max(256)).min(1);
/** What is longer is a mistake: no model reads it. */
const MOST = 10_000_000;

const LIMIT = "Tokens of an answer's text that are given at once; the rest is read on with `read_more`. `false`: all of it.";
const FORM =
  "How far JSON in texts is shortened: to tables (`table`), by blanks alone, so that programs can parse it (`minified`), or not at all (`as-is`).";
const FROM = "Texts of fewer tokens are left alone.";

const limit = z.union([z.int().min(100).max(MOST), z.literal(false)]);
const form = z.enum(["table", "minified", "as-is"]);
const from = z.int().min(0).max(MOST);

export const ruleOptions = z.strictObject({
  match: GLOBS.optional().describe("Globs of tools: exposed names, or upstream:native. Default: every tool."),
  clients: GLOBS.optional().describe("Globs of what clients call themselves (`clientInfo.name`). Default: every client."),
  limit: limit.optional().describe(LIMIT),
  form: form.optional().describe(FORM),
  from: from.optional().describe(FROM),
});

export type RuleOptions = z.output<typeof ruleOptions>;

export const options = z.strictObject({
  limit: limit.default(8_000).describe(LIMIT),
  form: form.default("table").describe(FORM),
  from: from.default(200).describe(FROM),
  saving: z.number().min(0.01).max(0.9).default(0.1).describe("The least share of its tokens for which a text is given another form."),
  rules: z
    .array(ruleOptions)
    .max(1_000)
    .default([])
    .describe("What holds instead for some tools or clients; each field comes from the first rule that has it and fits."),
  rest: z
    .strictObject({
      size: size.default(32 * 1024 * 1024).describe("Bytes kept in all; a quarter at most for one principal or session."),
      time: duration.default(600_000).describe("How long a rest is kept."),
    })
    .prefault({})
    .describe("Where the rest of long answers is kept: in memory."),
});

export type Options = z.output<typeof options>;
