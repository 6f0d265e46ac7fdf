import { z } from "zod";
import { DEFAULT_LIMITS } from "../wire/limits.ts";
import type { ConfigContext } from "./code.ts";
import { isOff } from "./foreign.ts";
import { CONDITION_KEYS, pluginForm, pluginSchema } from "./plugin-schema.ts";
import { pluginUpstream, SERVER_KEYS, selected, serverSchema, stdioUpstream, urlUpstream } from "./server-schema.ts";
import { duration, flag, integer, size } from "./units.ts";
import { hostNames, webOrigins } from "./web-names.ts";

const bytes = new Set<string>(["requestBytes", "messageBytes", "headerBytes", "clientQueueBytes", "upstreamQueueBytes"]);
const times = new Set<string>(["sessionIdle", "sessionInitialize", "callerIdle", "parkTime", "questionTime"]);
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

/** How long clients may keep lists whose changes the host announces, in milliseconds. */
export const CACHE_TTL = 30_000;

const cache = z.strictObject({
  ttl: duration
    .default(CACHE_TTL)
    .describe("How long clients of 2026-07-28 may keep a list of servers that tell of changes, without asking for it again."),
});

const catalog = z.strictObject({
  file: flag
    .default(true)
    .describe("Keep what servers listed last in the state folder, so that the next start knows it at once. Only `mcp-host start` does."),
});

/** Keys that have keys of their own, by the name of their table in docs/config.md. */
export const PART_SCHEMAS = { tls, resume, cache, catalog, selected } as const;

/** What the HTTP front answers itself. */
const OWN_PATHS: ReadonlySet<unknown> = new Set(["/healthz", "/readyz", "/sse", "/messages", "/ws"]);

const secret = z.string().min(16, "must have 16 characters or more");

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * The version of the form that configs have. Another one begins where a config that could be used no longer can, or means something
 * else: then `mcp-host config migrate` knows a step to it, and docs/migrating.md says what it does.
 */
export const CONFIG_VERSION = 2;

/** The config as files and code write it. Unknown keys are errors. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe("The JSON Schema, for editors; the host does not read it."),
  version: z
    .int("must be a whole number")
    .min(1, "must be 1 or more")
    .max(CONFIG_VERSION, {
      error: ({ input }) => `is ${input}, and this mcp-host knows the forms up to ${CONFIG_VERSION}; update mcp-host`,
    })
    .optional()
    .describe("The version of the config's form. Default: 1, which says no more than that `mcp-host config migrate` looks at all of it."),
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
        .union(
          [z.literal(false), z.literal("false").transform(() => false as const), resume],
          "must be false, or an object; it is on without being asked for",
        )
        .prefault({})
        .describe("Clients whose stream broke can get what they missed; `false` turns it off."),
      protocols: z
        .array(z.enum(["legacy", "modern"]))
        .min(1)
        .default(["legacy", "modern"])
        .describe(
          'The protocol eras that clients may speak: "legacy" is 2025-11-25 and older, "modern" is 2026-07-28. HTTP+SSE is of the legacy era anyway.',
        ),
      cache: cache.prefault({}).describe("What clients of 2026-07-28 are told of how long lists hold."),
      sse: flag.default(false).describe("Serve HTTP+SSE of 2024-11-05 at /sse and /messages, too."),
      websocket: flag.default(false).describe("Serve WebSocket at /ws, too."),
      tls: tls.optional().describe("Serve HTTPS (and WSS) instead of HTTP."),
    })
    .refine(({ protocols, sse }) => !sse || protocols.includes("legacy"), {
      path: ["sse"],
      message: 'cannot be on where "protocols" leaves "legacy" out: HTTP+SSE is of that era',
    })
    .optional()
    .describe(
      "Where the host listens. `start http` listens with these defaults when it is missing; `start stdio` heeds nothing of it but `protocols`.",
    ),
  mcpServers: z
    .record(z.string().regex(NAME, "a server's name is 1 to 64 of A-Z a-z 0-9 _ . -"), serverSchema)
    .transform((servers) => Object.fromEntries(Object.entries(servers).filter(([, server]) => !isOff(server))))
    .default({})
    .describe("The servers, by name; the order decides conflicts."),
  plugins: z.array(pluginSchema).default([]).describe("Plugins in their order: a name or path, [name, options], or { use, options, ... }."),
  limits: limits.prefault({}).describe("Bounds on sizes, counts and times."),
  stateKey: z
    .union(
      [secret.transform((only) => [only]), z.array(secret)],
      "must be a secret of 16 characters or more, or a list of them, the newest first",
    )
    .default([])
    .describe(
      "The secret that the `requestState` of clients of MCP 2026-07-28 is sealed with, for hosts that serve as one; in a list the first seals, and what was sealed with the others is still accepted. Default: a random one, so that what was given out is void after a restart.",
    ),
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
  if (inListen === "tls" || inListen === "resume" || inListen === "cache") return Object.keys(PART_SCHEMAS[inListen].shape);
  if (path[0] === "listen") return Object.keys(configSchema.shape.listen.unwrap().shape);
  if (path[0] === "catalog") return Object.keys(catalog.shape);
  if (path[0] === "limits") return Object.keys(DEFAULT_LIMITS);
  if (path[0] === "mcpServers") return path.length > 2 ? Object.keys(selected.shape) : [...SERVER_KEYS];
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
