import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { z } from "zod";
import { DEFAULT_LIMITS } from "../wire/limits.ts";
import { isObject } from "../wire/message.ts";
import type { ConfigContext } from "./code.ts";
import { isOff } from "./foreign.ts";
import { CONDITION_KEYS, pluginForm, pluginSchema } from "./plugin-schema.ts";
import { duration, flag, integer, size } from "./units.ts";
import { hostNames, webOrigins } from "./web-names.ts";
import { kindOf, wording } from "./wording.ts";

/** Fields that every upstream has, whatever its wire. */
const anyUpstream = {
  isolation: z
    .enum(["shared", "session", "principal"])
    .default("shared")
    .describe("Who shares a connection: everybody, one client session, or the sessions of one principal."),
  relayRoots: flag
    .default(false)
    .describe("Relay the roots of network clients to this stdio server, which may take its allowed folders from them."),
  start: z.enum(["eager", "lazy"]).default("eager").describe("Connect when the host starts, or on first use."),
  idleTimeout: duration.optional().describe("Stop a connection that was not used for this long; the next use starts it again."),
  fallback: flag
    .default(false)
    .describe(
      "Stand in for the others: offered while none of them can be reached, and serving calls that could not be sent to their owner.",
    ),
  required: flag.default(false).describe("/readyz answers 503 while this upstream is down."),
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
  disabled: flag.optional().describe("`true` leaves the server out."),
  enabled: flag.optional().describe("`false` leaves the server out."),
};

/** The settings that every upstream has, with their defaults. */
export const settingsSchema = z.strictObject(anyUpstream);

const stdioUpstream = z.strictObject({
  type: z.literal("stdio").optional().describe("What other hosts' files say; `command` says it already."),
  command: z.string().min(1).describe("The program; found on PATH or relative to the config's folder."),
  args: z.array(z.string()).default([]).describe("Its arguments. Every user of the machine can read them: secrets belong in `env`."),
  env: z.record(z.string(), z.string()).default({}).describe("Added to the few variables that a child inherits (PATH, HOME, ...)."),
  cwd: z.string().optional().describe("Default: the config's folder; a relative path is resolved against it."),
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

const urlUpstream = z
  .strictObject({
    type: z
      .enum(Object.keys(URL_TYPES) as (keyof typeof URL_TYPES)[]) // its own keys
      .optional()
      .describe(
        '`"http"` (also `"streamable-http"`, `"streamableHttp"`), `"sse"` or `"websocket"` (also `"ws"`). Without it a ws:// URL means WebSocket, and an http:// URL Streamable HTTP or, where the server refuses that, SSE.',
      ),
    url: serverUrl.describe("The server's endpoint; of an SSE server the address of its event stream."),
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "is not a header name"),
        z.string().regex(/^[^\r\n\0]*$/, "must hold no line break"),
      )
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
  .superRefine(({ type, url }, context) => {
    const wire = type && URL_TYPES[type];
    if (!wire || URL_OF[wire]?.test(url)) return;
    const [wanted, other] = wire === "http" ? ["an http:// or https://", "ws"] : ["a ws:// or wss://", "http"];
    context.addIssue({
      code: "custom",
      path: ["url"],
      message: `must be ${wanted} URL, as "type" says "${type}"; or let "type" say "${other}"`,
    });
  });

/** A server that code hands in as an SDK `Transport`; `transport` makes a new one for every connection. */
const codeUpstream = z.strictObject({
  transport: z.custom<() => Transport | Promise<Transport>>(
    (value) => typeof value === "function",
    "must be a function that makes an SDK Transport",
  ),
  ...anyUpstream,
});

/** A server behind a transport that a plugin or code brings; which there are is known once the plugins are applied. */
const pluginUpstream = z.strictObject({
  type: z.string().min(1).describe("The name under which a plugin (or `createHost`) registers the transport."),
  options: z.record(z.string(), z.unknown()).default({}).describe("What the transport wants to know; the plugin's page has it."),
  ...anyUpstream,
});

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

type Upstream =
  | z.output<typeof stdioUpstream>
  | z.output<typeof urlUpstream>
  | z.output<typeof codeUpstream>
  | z.output<typeof pluginUpstream>;

/** The forms of a server by their distinctive key, so that an error speaks of the form that was meant. */
const FORMS: Readonly<Record<string, z.ZodType<Upstream>>> = { command: stdioUpstream, url: urlUpstream, transport: codeUpstream };

const SERVER_KEYS = new Set([...Object.values(SERVER_SCHEMAS), codeUpstream].flatMap(({ shape }) => Object.keys(shape)));

/** Which form was meant, or what is wrong with all of them. */
function formOf(value: object): z.ZodType<Upstream> | string {
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

const upstream = z.unknown().transform((value, context): Upstream => {
  if (!isObject(value)) {
    const message = `must be an object with a "command" (stdio) or a "url" (HTTP), not ${kindOf(value)}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
  const form = formOf(value);
  if (typeof form === "string") {
    context.addIssue({ code: "custom", message: form });
    const keys = Object.keys(value).filter((key) => !SERVER_KEYS.has(key));
    if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, input: value as Record<string, unknown> }); // an object with any keys
    return z.NEVER;
  }
  const parsed = form.safeParse(value, { error: wording });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0]);
  return z.NEVER;
});

const bytes = new Set<string>(["requestBytes", "messageBytes", "headerBytes", "clientQueueBytes", "upstreamQueueBytes"]);
const times = new Set<string>(["sessionIdle", "sessionInitialize", "questionTime"]);
const limits = z.strictObject(
  Object.fromEntries(
    Object.entries(DEFAULT_LIMITS).map(([name, value]) => [
      name,
      (bytes.has(name) ? size : times.has(name) ? duration : z.int().positive()).default(value),
    ]),
  ) as unknown as { [K in keyof typeof DEFAULT_LIMITS]: z.ZodDefault<z.ZodType<number, number | string | undefined>> }, // fromEntries forgets the keys
);

const tls = z.strictObject({
  cert: z.string().min(1).describe("The certificate and its chain, a PEM file."),
  key: z.string().min(1).describe("Its private key, a PEM file."),
  ca: z.string().min(1).optional().describe("Authorities, a PEM file: only clients with a certificate of theirs come in."),
  passphrase: z.string().optional().describe("Of the private key, if it has one."),
  minVersion: z.enum(["TLSv1.2", "TLSv1.3"]).default("TLSv1.2").describe("The oldest version of TLS that is spoken."),
});

const resume = z.strictObject({
  count: integer(1, 1_000_000).default(1_000).describe("Events kept of one stream."),
  bytes: size.default(16 * 1024 ** 2).describe("Bytes kept of one stream."),
  totalCount: integer(1, 10_000_000).default(10_000).describe("Events kept of all streams."),
  totalBytes: size.default(64 * 1024 ** 2).describe("Bytes kept of all streams."),
  age: duration.default(300_000).describe("How long an event is kept."),
  retry: duration.default(1_000).describe("How long a client whose stream was closed waits before it comes back."),
  hold: duration
    .optional()
    .describe("Close the stream of a call after this long; clients since 2025-11-25 come back for the rest. Default: never."),
});

/** The problem of the form that was meant. */
function resumeProblem(issue: z.core.$ZodRawIssue): string {
  const inner = issue.code === "invalid_union" ? issue.errors.flat().find(({ path }) => path.length > 0) : undefined;
  return inner ? `${inner.path.join(".")}: ${inner.message}` : "must be false, or an object; it is on without being asked for";
}

const catalog = z.strictObject({
  file: flag
    .default(true)
    .describe("Keep what servers listed last in the state folder, so that the next start knows it at once. Only `mcp-host start` does."),
});

/** Keys that have keys of their own, by the name of their table in docs/config.md. */
export const PART_SCHEMAS = { tls, resume, catalog } as const;

/** What the HTTP front answers itself. */
const OWN_PATHS: ReadonlySet<unknown> = new Set(["/healthz", "/readyz", "/sse", "/messages", "/ws"]);

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** The config as files and code write it. Unknown keys are errors. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe("The JSON Schema, for editors; the host does not read it."),
  listen: z
    .strictObject({
      port: integer(0, 65_535).default(3000).describe("The TCP port; 0 takes any free one."),
      host: z
        .string()
        .min(1)
        .default("127.0.0.1")
        .describe("The address. Beyond loopback an auth plugin is needed, or --insecure-no-auth."),
      path: z
        .string()
        .regex(/^\/[^?#]*$/, 'must begin with "/"')
        .overwrite((path) => path.replace(/(?<=.)\/$/, "")) // the host serves it with a slash at its end, too
        .refine((path) => !OWN_PATHS.has(path), { error: ({ input }) => `"${input}" is a path of the host's own; choose another` })
        .default("/mcp")
        .describe("The path of the MCP endpoint."),
      hosts: hostNames
        .default([])
        .describe(
          "Further values of the Host header that are accepted, such as the public name behind a proxy; one without a port has the default ports, too. For names of other machines an auth plugin is needed, or --insecure-no-auth.",
        ),
      origins: webOrigins
        .default([])
        .describe('Web origins that may call the host, such as "https://app.example.com"; CORS is off while there are none.'),
      resume: z
        .union([z.literal(false), z.literal("false").transform(() => false as const), resume], { error: resumeProblem })
        .prefault({})
        .describe("Clients whose stream broke can get what they missed; `false` turns it off."),
      sse: flag.default(false).describe("Serve HTTP+SSE of 2024-11-05 at /sse and /messages, too."),
      websocket: flag.default(false).describe("Serve WebSocket at /ws, too."),
      tls: tls.optional().describe("Serve HTTPS (and WSS) instead of HTTP."),
    })
    .optional()
    .describe("Where the host listens. `start http` listens with these defaults when it is missing; `start stdio` ignores it."),
  mcpServers: z
    .record(z.string().regex(NAME, "a server's name is 1 to 64 of A-Z a-z 0-9 _ . -"), upstream)
    .transform((servers) => Object.fromEntries(Object.entries(servers).filter(([, server]) => !isOff(server))))
    .default({})
    .describe("The servers, by name; the order decides conflicts."),
  plugins: z.array(pluginSchema).default([]).describe("Plugins in their order: a name or path, [name, options], or { use, options, ... }."),
  limits: limits.prefault({}).describe("Bounds on sizes, counts and times."),
  drain: duration.default(10_000).describe("How long a stopping host lets calls in flight finish."),
  wait: duration
    .optional()
    .describe(
      "How long `initialize` and lists wait for servers of which nothing is known yet. Default: 2 s; the only client of a host over stdio waits until their `startTimeout`. A call by a name that nobody has yet waits that long everywhere.",
    ),
  catalog: catalog.prefault({}).describe("What is known of servers before they answer."),
  slowCall: duration.default(10_000).describe("Calls that took longer are logged as slow."),
  roles: z.array(z.string()).default([]).describe("Roles of the `local` principal (stdio and in process)."),
});

/** The keys that are known at a place, for suggestions. */
export function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path.length === 0) return [...Object.keys(configSchema.shape), "servers", "inputs"];
  const inListen = path[0] === "listen" && path[1];
  if (inListen === "tls" || inListen === "resume") return Object.keys(PART_SCHEMAS[inListen].shape);
  if (path[0] === "listen") return Object.keys(configSchema.shape.listen.unwrap().shape);
  if (path[0] === "catalog") return Object.keys(catalog.shape);
  if (path[0] === "limits") return Object.keys(DEFAULT_LIMITS);
  if (path[0] === "mcpServers") return [...SERVER_KEYS];
  if (path[0] === "plugins" && path[2] === "when") return CONDITION_KEYS;
  return Object.keys(pluginForm.shape);
}

/** Says which servers have a key that is known, but not where it is. */
export function misplacedKey(path: readonly PropertyKey[], key: string): string | undefined {
  if (path[0] !== "mcpServers" || path.length !== 2) return undefined;
  if (Object.hasOwn(stdioUpstream.shape, key)) return 'only a server with a "command" has it';
  if (Object.hasOwn(urlUpstream.shape, key)) return 'only a server with a "url" has it';
  return Object.hasOwn(pluginUpstream.shape, key) ? 'only a server whose "type" is a plugin\'s transport has it' : undefined;
}

/** A config as it is written. */
export type Config = z.input<typeof configSchema>;
/** A config with every default filled in. */
export type ResolvedConfig = z.output<typeof configSchema>;
export type UpstreamConfig = ResolvedConfig["mcpServers"][string];
export type ListenConfig = NonNullable<ResolvedConfig["listen"]>;
export type PluginConfig = ResolvedConfig["plugins"][number];

/** A config that is made when it is read, with the environment and the folder at hand. */
export type ConfigFunction = (context: ConfigContext) => Config | Promise<Config>;

/** Gives a config, or the function that makes it, its type; the identity at run time. */
export function defineConfig(config: Config): Config;
export function defineConfig(make: ConfigFunction): ConfigFunction;
export function defineConfig(config: Config | ConfigFunction): Config | ConfigFunction {
  return config;
}
