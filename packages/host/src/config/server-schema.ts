import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { z } from "zod";
import { isObject } from "../wire/message.ts";
import { Unconfigured, unconfigured } from "./unconfigured.ts";
import { duration, flag, integer } from "./units.ts";
import { kindOf, wording } from "./wording.ts";

/** A glob over native names, as long as one may be. */
const nativeGlob = z.string().min(1).max(1_000, "is longer than 1000 characters; make several globs of it");

/** What is taken of one kind of what a server lists. */
export const selected = z.strictObject(
  {
    include: z.array(nativeGlob).optional().describe("Only what fits one of these globs. Default: all; of an empty list: nothing."),
    exclude: z.array(nativeGlob).optional().describe("Nothing that fits one of these globs, whatever `include` says."),
  },
  {
    error: ({ input, code }) =>
      code === "invalid_type" ? `must be { "include": [...], "exclude": [...] }, not ${kindOf(input)}` : undefined,
  },
);

export type Selected = z.output<typeof selected>;

/** Fields that every upstream has, whatever its wire. */
const anyUpstream = {
  isolation: z
    .enum(["shared", "session", "principal"])
    .default("shared")
    .describe("Who shares a connection: everybody, one client session, or the sessions of one principal."),
  relayRoots: flag
    .default(false)
    .describe("Relay the roots of network clients to this stdio server, which may take its allowed folders from them."),
  protocol: z
    .enum(["auto", "legacy", "modern"])
    .default("auto")
    .describe(
      "The era of MCP that the server is spoken to in: `legacy` begins with `initialize` (2025-11-25 and older), `modern` with `server/discover` (2026-07-28); `auto` finds out.",
    ),
  start: z.enum(["eager", "lazy"]).default("eager").describe("Connect when the host starts, or on first use."),
  idleTimeout: duration.optional().describe("Stop a connection that was not used for this long; the next use starts it again."),
  required: flag
    .default(false)
    .describe("/readyz answers 503 while this upstream is down, and a value that its entry lacks stops the start."),
  progress: flag
    .default(true)
    .describe(
      "Ask for the progress of every `tools/call`, so that a tool which tells of it is not cut off at `timeout`. A client that did not ask sees none of it.",
    ),
  startTimeout: duration.default(30_000).describe("Until the server must have answered `initialize`."),
  timeout: duration.default(60_000).describe("Longest silence of a call; progress starts it anew."),
  maxTimeout: duration.default(600_000).describe("Longest time of a call, progress or not."),
  concurrency: integer(1, 10_000)
    .optional()
    .describe(
      "At most so many calls at once, over all connections to this upstream; further ones wait in the order in which they came, for `timeout` at most. Default: no such bound.",
    ),
  healthInterval: duration.default(30_000).describe("A quiet connection is pinged this often; 0 turns it off."),
  idempotent: z
    .array(z.string())
    .default([])
    .describe("Native names (globs) of tools that may be sent again when it is unknown whether they ran."),
  tools: selected.optional().describe("Which of its tools there are, by their native names (globs); see below. Default: all."),
  prompts: selected.optional().describe("Which of its prompts there are, likewise."),
  resources: selected.optional().describe("Which of its resources and templates there are, by their native URIs (globs)."),
  disabled: flag.optional().describe("`true` leaves the server out."),
  enabled: flag.optional().describe("`false` leaves the server out."),
};

/** The settings that every upstream has, with their defaults. */
export const settingsSchema = z.strictObject(anyUpstream);

/** What no system hands to a process. */
const startable = (text: string): boolean => !text.includes("\0");
const NO_NUL = "must hold no NUL character";
const word = z.string().refine(startable, NO_NUL);

export const stdioUpstream = z.strictObject({
  type: z.literal("stdio").optional().describe("What other hosts' files say; `command` says it already."),
  command: z.string().min(1).refine(startable, NO_NUL).describe("The program; found on PATH or relative to the config's folder."),
  args: z.array(word).default([]).describe("Its arguments. Every user of the machine can read them: secrets belong in `env`."),
  env: z.record(z.string(), word).default({}).describe("Added to the few variables that a child inherits (PATH, HOME, ...)."),
  cwd: word.optional().describe("Default: the config's folder; a relative path is resolved against it."),
  ...anyUpstream,
});

const URL_OF: Readonly<Record<string, RegExp>> = { http: /^https?:/i, websocket: /^wss?:/i };

/** What other hosts' files say for each wire that has a URL. */
const URL_TYPES = {
  http: "http",
  "streamable-http": "http",
  streamableHttp: "http",
  sse: "http",
  websocket: "websocket",
  ws: "websocket",
} as const;

/** The types of servers that are not a plugin's. */
export const BUILT_IN_TYPES: readonly string[] = ["stdio", ...Object.keys(URL_TYPES)];

const serverUrl = z.url({ protocol: /^(https?|wss?)$/, message: "must be an http://, https://, ws:// or wss:// URL" }).refine((text) => {
  if (!URL.canParse(text)) return true; // told already
  const { username, password } = new URL(text);
  return username === "" && password === "";
}, "must hold no user name or password; use `headers`");

const proxyUrl = z.url({ protocol: /^https?$/, message: "must be the http:// or https:// URL of a proxy, or false" });

/** The value of a header that HTTP can carry: one line of Latin-1. */
export const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: ({ input }) => headerProblem(String(input)) });

/** Names the character by its number, since the value may be secret. */
function headerProblem(value: string): string {
  if (/[\r\n\0]/.test(value)) return "must hold no line break";
  const [wrong = ""] = /[^\t\x20-\x7e\x80-\xff]/u.exec(value) ?? [];
  const code = `U+${(wrong.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  return `holds the character ${code}, which no HTTP header can carry; write it as the server wants such characters encoded, or leave it out if it was pasted along`;
}

export const urlUpstream = z
  .strictObject({
    type: z
      .enum(Object.keys(URL_TYPES) as (keyof typeof URL_TYPES)[]) // its own keys
      .optional()
      .describe(
        '`"http"` (also `"streamable-http"`, `"streamableHttp"`), `"sse"` or `"websocket"` (also `"ws"`). Without it a ws:// URL means WebSocket, and an http:// URL Streamable HTTP or, where the server refuses that, SSE.',
      ),
    url: serverUrl.describe("The server's endpoint; of an SSE server the address of its event stream."),
    headers: z
      .record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "is not a header name"), headerValue)
      .default({})
      .describe("Sent with every request to this server (over WebSocket: with the handshake), such as its credentials."),
    proxy: z
      .union([z.literal(false), proxyUrl], "must be the http:// or https:// URL of a proxy, or false")
      .optional()
      .describe(
        "The proxy that it is reached through; `false`: none. Default: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say. Never for this machine itself.",
      ),
    ...anyUpstream,
  })
  .superRefine(
    ({ type, url, protocol }, context) => {
      if (type === "sse" && protocol === "modern")
        context.addIssue({
          code: "custom",
          path: ["protocol"],
          message: 'must not be "modern" where "type" says "sse": MCP 2026-07-28 has no HTTP+SSE',
        });
      const wire = type && URL_TYPES[type];
      if (!wire || URL_OF[wire]?.test(url)) return;
      const [wanted, other] = wire === "http" ? ["an http:// or https://", "ws"] : ["a ws:// or wss://", "http"];
      context.addIssue({
        code: "custom",
        path: ["url"],
        message: `must be ${wanted} URL, as "type" says "${type}"; or let "type" say "${other}"`,
      });
    },
    // Whatever else is wrong, unless it is about these two.
    { when: ({ value, issues }) => isObject(value) && !issues.some(({ path }) => path?.[0] === "url" || path?.[0] === "type") },
  );

/** A server that code hands in as an SDK `Transport`; `transport` makes a new one for every connection. */
const codeUpstream = z.strictObject({
  transport: z.custom<() => Transport | Promise<Transport>>(
    (value) => typeof value === "function",
    "must be a function that makes an SDK Transport",
  ),
  ...anyUpstream,
});

/** A server behind a transport that a plugin or code brings; which there are is known once the plugins are applied. */
export const pluginUpstream = z.strictObject({
  type: z.string().min(1).describe("The name under which a plugin (or `createHost`) registers the transport."),
  options: z.record(z.string(), z.unknown()).default({}).describe("What the transport wants to know; the plugin's page has it."),
  ...anyUpstream,
});

/** What is left of an entry whose values are not all set. No file says so: loading one makes it. */
const unconfiguredUpstream = z.strictObject({ unconfigured: z.instanceof(Unconfigured), ...anyUpstream });

/** What a server's entry may say in a file, by its form; docs/config.md is made from it. */
export const SERVER_SCHEMAS = {
  stdio: stdioUpstream.extend({
    envFile: z
      .string()
      .optional()
      .describe("A file of variables for it, `NAME=value` a line; `env` wins over it. Relative to the config's folder."),
  }),
  url: urlUpstream,
  plugin: pluginUpstream,
} as const;

export type UnconfiguredConfig = z.output<typeof unconfiguredUpstream>;

type Upstream =
  | z.output<typeof stdioUpstream>
  | z.output<typeof urlUpstream>
  | z.output<typeof codeUpstream>
  | UnconfiguredConfig
  | z.output<typeof pluginUpstream>;

/** The forms of a server by their distinctive key, so that an error speaks of the form that was meant. */
const FORMS: Readonly<Record<string, z.ZodType<Upstream>>> = { command: stdioUpstream, url: urlUpstream, transport: codeUpstream };

export const SERVER_KEYS = new Set([...Object.values(SERVER_SCHEMAS), codeUpstream].flatMap(({ shape }) => Object.keys(shape)));

/** Which form was meant, or what is wrong with all of them. */
function formOf(value: object): z.ZodType<Upstream> | string {
  if (unconfigured(value)) return unconfiguredUpstream;
  const named = Object.keys(FORMS).filter((key) => Object.hasOwn(value, key));
  const [key] = named;
  if (named.length > 1) return `has both a "${key}" and a "${named[1]}"; one server is one of them`;
  if (key !== undefined) return FORMS[key] as z.ZodType<Upstream>; // its own key
  const type = "type" in value ? value.type : undefined;
  if (type === "stdio") return 'needs a "command", as "type" says "stdio"';
  if (typeof type === "string" && Object.hasOwn(URL_TYPES, type)) return `needs a "url", as "type" says "${type}"`;
  // An entry that names a type has the form of a plugin's transport, whether there is one or not.
  if (type !== undefined) return pluginUpstream;
  return 'needs a "command" (stdio) or a "url" (HTTP)';
}

/** What the keys of an entry hold, whichever form it was meant to have; `type` is told of with the forms. */
const anyForm = z
  .object({ ...pluginUpstream.shape, ...urlUpstream.shape, ...SERVER_SCHEMAS.stdio.shape })
  .partial()
  .omit({ type: true });

/** An entry of `mcpServers`. */
export const serverSchema = z.unknown().transform((value, context): Upstream => {
  if (!isObject(value)) {
    const message = `must be an object with a "command" (stdio) or a "url" (HTTP), not ${kindOf(value)}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
  const form = formOf(value);
  if (typeof form === "string") {
    context.addIssue({ code: "custom", message: form });
    for (const issue of anyForm.safeParse(value, { error: wording }).error?.issues ?? [])
      context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0]); // an issue is one that can be added
    const keys = Object.keys(value).filter((key) => !SERVER_KEYS.has(key));
    if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, input: value as Record<string, unknown> }); // an object with any keys
    return z.NEVER;
  }
  const parsed = form.safeParse(value, { error: wording });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0]);
  return z.NEVER;
});
