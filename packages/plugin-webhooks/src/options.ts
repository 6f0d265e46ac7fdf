import { duration, isSafeUrl, size, webhookHeaderProblem, webhookKey } from "mcp-host";
import { z } from "zod";

export const STAGES = ["permit", "transform", "respond"] as const;
export type Stage = (typeof STAGES)[number];

/** What of an exchange may be sent. */
export const PARTS = ["params", "result", "caller", "claims"] as const;
export type Part = (typeof PARTS)[number];

/** Methods of the host's own, or that no stage of a hook comes to. */
export const ELSEWHERE: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/get",
  "tasks/cancel",
  "tasks/update",
  "tasks/list",
  "tasks/result",
  "server/discover",
  "subscriptions/listen",
]);

const MIB = 1024 ** 2;
const MOST = 64 * MIB;

const globs = z.array(z.string().min(1).max(1_000)).min(1);
const methods = z
  .array(
    z
      .string()
      .min(1)
      .max(1_000)
      .refine(
        (name) => !ELSEWHERE.has(name),
        "comes to no hook: hooks are asked about tools/call, prompts/get, resources/read, completion/complete and methods of a server's own",
      ),
  )
  .min(1);

export const match = z
  .strictObject({
    tools: globs.optional().describe("Globs of tools: exposed names, or `<upstream>:<native name>`."),
    prompts: globs.optional().describe("Globs of prompts, likewise; their completions are asked about, too."),
    resources: globs.optional().describe("Globs of URIs and URI templates, likewise. Any spelling of a URI that may mean the same fits."),
    methods: methods.optional().describe('Globs of methods, such as `"completion/complete"` or one of a server\'s own.'),
  })
  .refine((given) => Object.values(given).some((list) => list !== undefined), "says nothing; name tools, prompts, resources or methods");
export type Match = z.output<typeof match>;

const secret = z
  .string()
  .min(16, "must have 16 characters or more; make one with `openssl rand -base64 32` and write ${file:...} or ${env:...} here")
  .refine((text) => webhookKey(text) !== undefined, "begins with whsec_, so that the rest must be base64 of 16 bytes or more");

export const circuit = z.strictObject({
  failures: z.int().min(1).max(1_000).default(5).describe("So many failures in a row, and it is left alone."),
  openFor: duration
    .refine((ms) => ms >= 100, "must be at least 100ms")
    .default(10_000)
    .describe("For how long; then one request tries it."),
});

export const hook = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 letters, digits, `_`, `.` or `-`, and begin with a letter or digit")
      .describe("What it is called in refusals, decisions, figures and the log."),
    url: z
      .string()
      .refine(isSafeUrl, "must be an https:// URL without user name and password (http:// only on loopback)")
      .describe("Where questions are posted. Redirects are not followed."),
    at: z
      .enum(STAGES, "must be permit, transform or respond")
      .describe("`permit`: may this be called so; `transform`: what is sent; `respond`: what is answered."),
    match: match.optional().describe("What it is asked about; one list that fits is enough. Default: every request that goes to a server."),
    send: z
      .array(z.enum(PARTS))
      .default(["params", "result", "caller"])
      .describe("What it is told: `params`, `result` (at respond), `caller` (who, with which roles), `claims` (those of a token)."),
    timeout: duration
      .refine((ms) => ms >= 10, "must be at least 10ms")
      .default(2_000)
      .describe("How long a verdict may take, retries and waits included."),
    onFailure: z
      .enum(["open", "closed"], "must be open or closed")
      .default("closed")
      .describe("Without a verdict a request goes on as it is (`open`), or is refused (`closed`)."),
    mode: z
      .enum(["enforce", "observe"], "must be enforce or observe")
      .default("enforce")
      .describe("`observe`: the verdict is counted and logged, never applied, and no request waits for it."),
    secret: z
      .union([secret, z.array(secret).min(1).max(3)], "must be a secret of 16 characters or more, or up to 3 of them")
      .optional()
      .describe('Signs every request (HMAC-SHA256). Write "${file:...}" or "${env:...}". Of several, each signs: to replace one.'),
    headers: z
      .record(z.string(), z.string().max(8_192))
      .default({})
      .superRefine((given, context) => {
        for (const [name, value] of Object.entries(given)) {
          const problem = webhookHeaderProblem(name, value);
          if (problem !== undefined) context.addIssue({ code: "custom", path: [name], message: problem });
        }
      })
      .describe('Headers of every request, such as `"authorization": "Bearer ${HOOK_TOKEN}"`.'),
    retries: z
      .int()
      .min(0)
      .max(3)
      .default(1)
      .describe(
        "How often it is asked again where the connection was refused or lost before an answer, or it answers 503 with Retry-After.",
      ),
    connections: z
      .int()
      .min(1)
      .max(256)
      .default(16)
      .describe("Connections at once, which are kept for the next request; more wait for one."),
    maxRequest: size
      .refine((bytes) => bytes >= 1_024 && bytes <= MOST, "must be from 1kb to 64mb")
      .default(MIB)
      .describe("Bytes of the largest question; a larger one is a failure."),
    maxAnswer: size
      .refine((bytes) => bytes >= 256 && bytes <= MOST, "must be from 256 bytes to 64mb")
      .default(MIB)
      .describe("Bytes of the largest verdict; a larger one is a failure."),
    circuit: z
      .union([circuit, z.literal(false)], "must be an object with failures and openFor, or false")
      .prefault({})
      .describe("When a hook that fails again and again is left alone; meanwhile it fails at once. `false`: never."),
  })
  .superRefine(({ at, send }, context) => {
    if (at === "transform" && !send.includes("params"))
      context.addIssue({ code: "custom", path: ["send"], message: 'must have "params": what is not sent cannot be changed' });
  });
export type HookOptions = z.output<typeof hook>;

export const options = z
  .strictObject({
    hooks: z.array(hook).max(100).default([]).describe("Who is asked; those of one stage one after the other, in this order."),
  })
  .superRefine(({ hooks }, context) => {
    const seen = new Set<string>();
    for (const [index, { name }] of hooks.entries()) {
      if (seen.has(name))
        context.addIssue({ code: "custom", path: ["hooks", index, "name"], message: `"${name}" is another hook's already` });
      seen.add(name);
    }
  });
export type Options = z.output<typeof options>;
