import { duration, size } from "mcp-host";
import { z } from "zod";

/** What a rule may count by. */
export const SUBJECTS = ["principal", "role", "session", "address", "endpoint", "server", "tool", "method"] as const;
export type SubjectName = (typeof SUBJECTS)[number];

const some = z.array(z.string()).min(1, "must name at least one; leave it out where it makes no difference");
const names = z.array(z.string().min(1)).min(1, "must name at least one; leave it out where it makes no difference");
const count = z.int().min(1).max(1_000_000_000);

const window = z
  .union(
    [
      z.enum(["day", "month"]),
      duration.refine(
        (milliseconds) => milliseconds >= 1_000 && Number.isInteger(milliseconds),
        "must be at least 1s, in whole milliseconds",
      ),
    ],
    {
      error: ({ input }) =>
        `${JSON.stringify(input)} is no window: write a duration of at least a second such as "1m", or "day" or "month"`,
    },
  )
  .describe("How long is counted: a duration, or a `day` or `month` of the calendar.");
export type Window = z.output<typeof window>;

const condition = z
  .strictObject({
    tools: names.optional().describe("Globs of tools: exposed names, or `upstream:native`."),
    servers: names.optional().describe("Globs of keys of `mcpServers`."),
    roles: names.optional().describe("The caller has one of these roles."),
    principals: names.optional().describe("The caller is one of these principals, by their ids."),
    endpoints: some.optional().describe('The caller came in by one of these endpoints; `""` is the unnamed one.'),
  })
  .refine((said) => Object.keys(said).length > 0, "says nothing; give it tools, servers, roles, principals or endpoints, or leave it out");
export type Condition = z.output<typeof condition>;

const queue = z.strictObject({
  max: z.int().min(1).max(10_000).default(100).describe("How many calls may wait, of all callers together."),
  deadline: duration
    .refine((milliseconds) => milliseconds > 0, "must be longer than 0")
    .default(10_000)
    .describe("The longest that a call waits for its turn; then it is refused."),
});

const mode = z.enum(["enforce", "observe"]);

export const rule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$/, "must be letters, digits, spaces, `_`, `.` and `-`, at most 64")
      .describe("What it is called in refusals, headers, the status and the store: another name begins to count anew."),
    per: z
      .array(z.enum(SUBJECTS))
      .default([])
      .describe("Who or what is counted apart, in any combination; without it all that the rule is about is counted together."),
    when: condition.optional().describe("What the rule is about: all that is said must hold."),
    unless: condition.optional().describe("What it is not about, although `when` holds: where all that is said holds."),
    methods: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("The methods that it is about. Default: calls to servers, but for `tasks/*` and subscriptions."),
    requests: count.optional().describe("How many requests pass in a window."),
    burst: count.optional().describe("So many more pass once `requests` are used up; they come back after ten windows."),
    bytes: size
      .refine((bytes) => bytes >= 1, "must be at least one byte")
      .optional()
      .describe("How much may be answered in a window; once it is reached, nothing more is asked."),
    window: window.optional(),
    concurrent: count.optional().describe("How many calls may be under way at a time, in this host."),
    queue: queue.optional().describe("Calls beyond `concurrent` wait for their turn, instead of being refused at once."),
    mode: mode.optional().describe("`observe`: it only counts and tells what it would have refused. Default: the option `mode`."),
  })
  .superRefine((said, context) => {
    const wrong = (message: string, ...path: string[]): void => context.addIssue({ code: "custom", message, path });
    const kinds = (["requests", "bytes", "concurrent"] as const).filter((kind) => said[kind] !== undefined);
    if (kinds.length !== 1) wrong('must have one of "requests", "bytes" and "concurrent"; make a rule of its own for each');
    const isWindowed = said.requests !== undefined || said.bytes !== undefined;
    if (isWindowed && said.window === undefined) wrong('is missing; say in how long, as "1m", "day" or "month"', "window");
    if (said.concurrent !== undefined && said.window !== undefined) wrong("is for requests and bytes; calls at a time have none", "window");
    if (said.burst !== undefined && (said.requests === undefined || typeof said.window !== "number"))
      wrong('is for "requests" in a window that is a duration', "burst");
    if (said.queue !== undefined && said.concurrent === undefined) wrong('is for "concurrent"', "queue");
    methodProblems(said, wrong);
  });
export type Rule = z.output<typeof rule>;

/** Methods that the host answers itself, and asks plugins about. */
export const ANSWERED = [
  "initialize",
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
] as const;
const UNASKED: readonly string[] = ["ping", "logging/setLevel", "subscriptions/listen"];

function methodProblems(
  { methods, per, when, unless, requests }: Pick<z.input<typeof rule>, "methods" | "per" | "when" | "unless" | "requests">,
  wrong: (message: string, ...path: string[]) => void,
): void {
  const isAboutTools = per?.includes("tool") || when?.tools !== undefined || unless?.tools !== undefined;
  const isAboutServers = per?.includes("server") || when?.servers !== undefined || unless?.servers !== undefined;
  for (const method of methods ?? []) {
    if (UNASKED.includes(method)) wrong(`has ${method}, which no plugin is asked about; limit its senders with "addresses"`, "methods");
    if (isAboutTools && method !== "tools/call")
      wrong(`has ${method}, which names no tool; a rule about tools is about tools/call alone`, "methods");
    if (!ANSWERED.some((answered) => answered === method)) continue;
    if (isAboutServers) wrong(`has ${method}, which the host answers for all servers; a rule about servers cannot be about it`, "methods");
    if (requests === undefined) wrong(`has ${method}, which the host answers at once; only "requests" can be limited`, "methods");
  }
}

const addresses = z
  .strictObject({
    requests: count.describe("How many HTTP requests pass in a window, of one address."),
    window,
    burst: count.optional().describe("So many more pass once `requests` are used up; they come back after ten windows."),
    mode: mode.optional().describe("As of a rule."),
  })
  .superRefine(({ burst, window }, context) => {
    if (burst !== undefined && typeof window !== "number")
      context.addIssue({ code: "custom", path: ["burst"], message: "is for a window that is a duration" });
  });

export const options = z
  .strictObject({
    mode: mode
      .default("enforce")
      .describe("`observe`: nothing is refused; what would have been is counted, logged and told in the status."),
    rules: z
      .array(rule)
      .default([rule.parse({ name: "default", per: ["principal"], requests: 1_000, window: 60_000 })])
      .describe("Limits. Every rule that is about a request has to let it pass."),
    addresses: addresses.optional().describe("Floods: HTTP requests of one address, refused with 429 before anything of them is read."),
    proxies: z.array(z.string()).default([]).describe("Addresses and subnets of proxies whose `X-Forwarded-For` is believed."),
    ipv6Prefix: z.int().min(16).max(128).default(64).describe("IPv6 addresses with so many bits in common count as one."),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: ({ input }) => `${JSON.stringify(input)} is no time zone; write an IANA name such as "Europe/Berlin"` })
      .default("UTC")
      .describe("Where days and months begin: an IANA name."),
    headers: z.boolean().default(true).describe("Whether HTTP answers tell in `RateLimit` and `RateLimit-Policy` what is left."),
    onStoreError: z
      .enum(["open", "closed"])
      .default("open")
      .describe("What becomes of requests that cannot be counted because the store fails: they pass, or are refused."),
  })
  .superRefine(({ rules }, context) => {
    const seen = new Set<string>();
    for (const [index, { name }] of rules.entries()) {
      if (name === "addresses")
        context.addIssue({
          code: "custom",
          path: ["rules", index, "name"],
          message: "is what the option `addresses` is called; give the rule another",
        });
      if (seen.has(name))
        context.addIssue({ code: "custom", path: ["rules", index, "name"], message: `is the name of another rule, too: "${name}"` });
      seen.add(name);
    }
  });
export type Options = z.output<typeof options>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
