import { z } from "zod";

const globs = z.array(z.string().min(1));

/** What a client is shown: the list, the search, or whichever costs it less. */
export const SHOWN = ["auto", "search", "list"] as const;
export type Shown = (typeof SHOWN)[number];

const show = z.enum(SHOWN);

const rule = z.strictObject({
  clients: globs.min(1).optional().describe("Globs of what clients call themselves, in any case; without them whatever they are."),
  endpoints: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Names of the endpoints that they came in by, such as those of profiles; "" is the unnamed one.'),
  roles: z.array(z.string().min(1)).min(1).optional().describe("They have one of these roles."),
  show: show.describe("What they are shown."),
});

export type Rule = z.output<typeof rule>;

export const options = z.strictObject({
  show: show
    .default("auto")
    .describe(
      "What clients are shown: the `list`, the `search` in its place, or by `auto` the search where that spares `threshold` tokens.",
    ),
  threshold: z
    .int()
    .min(0)
    .default(5_000)
    .describe("Tokens that the search must spare a client, by `auto`: with less to gain the list stays whole. Estimated."),
  rules: z.array(rule).default([]).describe("What single clients, endpoints and roles are shown instead: the first rule that fits counts."),
  deferring: globs
    .default(["claude-code", "cursor*"])
    .describe("Globs of clients that search tools themselves: they have the whole list, unless a rule says something else."),
  pinned: globs.default([]).describe("Globs of tools that stay in the list, by exposed name or `<upstream>:<native name>`."),
  limit: z.int().min(1).max(20).default(5).describe("Tools that a search finds, unless it asks for fewer or more (at most 20)."),
  answer: z
    .int()
    .min(200)
    .max(100_000)
    .default(4_000)
    .describe(
      "Tokens that an answer of the search may have, estimated: tools beyond are told without their schemas. The first is always whole.",
    ),
  listFound: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe(
      "Tools that the last searches of a session found and that are listed from then on; 0: found tools are called by `call_tool`.",
    ),
  synonyms: z
    .array(z.array(z.string().min(1).max(64)).min(2).max(32))
    .max(500)
    .default([])
    .describe("Groups of words that mean the same where the tools come from, besides those that the plugin knows."),
});

export type Options = z.output<typeof options>;
