import { duration, size } from "mcp-host";
import { z } from "zod";

const globs = z.union(
  [
    z
      .string()
      .min(1)
      .transform((glob) => [glob]),
    z.array(z.string().min(1)),
  ],
  "must be a glob or a list of globs",
);

/**
 * What clients write into `_meta` that names the call and not what is asked: ids of the request, the call, the turn, the message, the
 * conversation, the session, the thread, the trace or the span, and what Claude Code and VS Code add. An id of a user or a
 * tenant counts: an answer may well be theirs alone.
 */
const NAMES_OF_CALLS = [
  "claudecode/*",
  "vscode.*",
  "*{[rR]equest,[cC]all,[tT]ool[uU]se,[tT]urn,[mM]essage,[cC]onversation,[sS]ession,[tT]hread,[tT]race,[sS]pan}{Id,ID,_id}",
];

/** Milliseconds that a result is fresh where nobody says. */
export const USUAL_TTL = 60_000;
/** Milliseconds that a server's word counts for: what it makes old it may tell nobody. */
export const LONGEST_WORD = 3_600_000;

export const options = z.strictObject({
  tools: globs
    .default([])
    .describe("Tools whose results are kept. `search__*` is an exposed name, `search:find_*` is `<upstream>:<native name>`."),
  trust: z
    .array(z.string())
    .default([])
    .describe(
      "Upstreams whose annotations are believed: their tools with `readOnlyHint` are kept, and a call of any other of their tools drops what they gave.",
    ),
  resources: globs.default(["*"]).describe("URIs whose reads are kept; `[]` for none."),
  prompts: globs.default(["*"]).describe("Prompts whose results are kept; `[]` for none."),
  completions: globs.default(["*"]).describe("Prompts and resource templates whose completions are kept; `[]` for none."),
  except: globs.default([]).describe("Tools, prompts and URIs of which nothing is kept, whatever the other options say."),
  ttl: duration
    .optional()
    .describe("How long a result is fresh. Default: of a read as long as its server says, up to an hour; a minute where it says nothing."),
  ttls: z
    .record(z.string().min(1), duration)
    .default({})
    .describe("Glob → another `ttl` for what it matches; of several the first counts. `0` keeps nothing."),
  staleWhileRevalidate: duration
    .default(0)
    .describe("For so long after `ttl` the old result is still given, while one call in the background gets a new one."),
  maxSize: size
    .default(64 * 1024 ** 2)
    .describe("Bytes that may be kept in all (results as JSON, with their keys); what was unused for longest goes first."),
  maxEntrySize: size.default(1024 ** 2).describe("A result with more bytes than this is not kept."),
  scope: z
    .enum(["principal", "shared"])
    .optional()
    .describe(
      "`principal`: nobody is given what another principal's call brought. `shared`: everybody is, of upstreams whose isolation is `shared` too. Default: `shared` for reads that their server calls public, else `principal`.",
    ),
  invalidate: z
    .array(
      z.strictObject({
        call: globs.describe("Tools that change something."),
        drop: globs.describe("Tools, prompts and URIs whose results are dropped then."),
        same: z
          .array(z.string().min(1))
          .default([])
          .describe("Arguments that must be the same in both calls; without them every result that matches goes."),
      }),
    )
    .default([])
    .describe('Rules: a call of a tool in `call` drops what matches `drop`: `{ "call": "files__write*", "drop": "files__*" }`.'),
  ignoreMeta: z
    .array(z.string().min(1))
    .default(NAMES_OF_CALLS)
    .describe(
      "Keys (globs) of a request's `_meta` that do not change the answer. Default: those that name the call (`vscode.requestId`, `sessionId`, ...). `progressToken` and trace context never do.",
    ),
  store: z
    .union([z.boolean(), z.string().min(1)], "must be true, false or the name of a store")
    .default(false)
    .describe(
      "Keep results in the host's store (`true`: the one named `cache`), which a plugin can put on something that several hosts share.",
    ),
});

/** The options with their defaults filled in. */
export type Options = z.output<typeof options>;
