import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { z } from "zod";
import { DEFAULT_LIMITS } from "../wire/limits.ts";
import type { ConfigContext } from "./code.ts";
import { isOff } from "./foreign.ts";
import { pluginSchema } from "./plugin-schema.ts";
import { duration, flag, integer, size } from "./units.ts";
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
  required: flag.default(false).describe("/readyz answers 503 while this upstream is down."),
  startTimeout: duration.default(30_000).describe("Until the server must have answered `initialize`."),
  timeout: duration.default(60_000).describe("Longest silence of a call; progress starts it anew."),
  maxTimeout: duration.default(600_000).describe("Longest time of a call, progress or not."),
  healthInterval: duration.default(30_000).describe("A quiet connection is pinged this often; 0 turns it off."),
  idempotent: z
    .array(z.string())
    .default([])
    .describe("Native names (globs) of tools that may be sent again when it is unknown whether they ran."),
  disabled: flag.optional().describe("`true` leaves the server out."),
  enabled: flag.optional().describe("`false` leaves the server out."),
};

const stdioUpstream = z.strictObject({
  type: z.literal("stdio").optional().describe("What other hosts' files say; `command` says it already."),
  command: z.string().min(1).describe("The program; found on PATH or relative to the config's folder."),
  args: z.array(z.string()).default([]).describe("Its arguments. Every user of the machine can read them: secrets belong in `env`."),
  env: z.record(z.string(), z.string()).default({}).describe("Added to the few variables that a child inherits (PATH, HOME, ...)."),
  cwd: z.string().optional().describe("Default: the config's folder; a relative path is resolved against it."),
  ...anyUpstream,
});

const httpUrl = z.url({ protocol: /^https?$/, message: "must be an http:// or https:// URL" }).refine((text) => {
  if (!URL.canParse(text)) return true; // told already
  const { username, password } = new URL(text);
  return username === "" && password === "";
}, "must hold no user name or password; use `headers`");

const httpUpstream = z.strictObject({
  type: z
    .enum(["http", "streamable-http", "streamableHttp"], {
      error: ({ input }) =>
        input === "sse"
          ? '"sse" is the HTTP transport of old and is not supported yet; give the address of the server\'s Streamable HTTP endpoint'
          : undefined,
    })
    .optional()
    .describe("What other hosts' files say; `url` says it already."),
  url: httpUrl.describe("The server's Streamable HTTP endpoint."),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "is not a header name"),
      z.string().regex(/^[^\r\n\0]*$/, "must hold no line break"),
    )
    .default({})
    .describe("Sent with every request to this server, such as its credentials."),
  ...anyUpstream,
});

/** A server that code hands in as an SDK `Transport`; `transport` makes a new one for every connection. */
const transportUpstream = z.strictObject({
  transport: z.custom<() => Transport | Promise<Transport>>(
    (value) => typeof value === "function",
    "must be a function that makes an SDK Transport",
  ),
  ...anyUpstream,
});

/** What a server's entry may say in a file, by its wire; docs/config.md is made from it. */
export const SERVER_SCHEMAS = {
  stdio: stdioUpstream.extend({
    envFile: z
      .string()
      .optional()
      .describe("A file of variables for it, `NAME=value` a line; `env` wins over it. Relative to the config's folder."),
  }),
  http: httpUpstream,
} as const;

/** The three forms are told apart by their distinctive key, so that an error speaks of the form that was meant. */
const upstream = z
  .unknown()
  .transform((value, context): z.output<typeof stdioUpstream> | z.output<typeof httpUpstream> | z.output<typeof transportUpstream> => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const message = `must be an object with a "command" (stdio) or a "url" (HTTP), not ${kindOf(value)}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }
    const forms = [
      ["command", stdioUpstream],
      ["url", httpUpstream],
      ["transport", transportUpstream],
    ] as const;
    const named = forms.filter(([key]) => Object.hasOwn(value, key));
    if (named.length !== 1) {
      context.addIssue({
        code: "custom",
        message:
          named.length === 0
            ? 'needs a "command" (stdio) or a "url" (HTTP)'
            : 'has both a "command" and a "url"; one server is one of them',
      });
      const keys = Object.keys(value).filter((key) => !forms.some(([, { shape }]) => Object.hasOwn(shape, key)));
      if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, input: value as Record<string, unknown> }); // an object with any keys
      return z.NEVER;
    }
    const form: z.ZodType<z.output<typeof stdioUpstream> | z.output<typeof httpUpstream> | z.output<typeof transportUpstream>> =
      named[0]?.[1] as never; // the three outputs, in one variable
    const parsed = form.safeParse(value, { error: wording });
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0]);
    return z.NEVER;
  });

const bytes = new Set<string>(["requestBytes", "messageBytes", "headerBytes", "clientQueueBytes", "upstreamQueueBytes"]);
const times = new Set<string>(["sessionIdle", "sessionInitialize"]);
const limits = z.strictObject(
  Object.fromEntries(
    Object.entries(DEFAULT_LIMITS).map(([name, value]) => [
      name,
      (bytes.has(name) ? size : times.has(name) ? duration : z.int().positive()).default(value),
    ]),
  ) as unknown as { [K in keyof typeof DEFAULT_LIMITS]: z.ZodDefault<z.ZodType<number, number | string | undefined>> }, // fromEntries forgets the keys
);

/** What the HTTP front answers itself. */
const OWN_PATHS: ReadonlySet<unknown> = new Set(["/healthz", "/readyz"]);

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
        .refine((path) => !OWN_PATHS.has(path), { error: ({ input }) => `"${input}" is a path of the host's own; choose another` })
        .default("/mcp")
        .describe("The path of the MCP endpoint."),
      hosts: z
        .array(z.string())
        .default([])
        .describe("Further values of the Host header that are accepted, such as the public name behind a proxy."),
      origins: z.array(z.string()).default([]).describe("Web origins that may call the host; CORS is off while there are none."),
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
  slowCall: duration.default(10_000).describe("Calls that took longer are logged as slow."),
  roles: z.array(z.string()).default([]).describe("Roles of the `local` principal (stdio and in process)."),
});

/** The keys that are known at a place, for suggestions. */
export function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path.length === 0) return [...Object.keys(configSchema.shape), "servers", "inputs"];
  if (path[0] === "listen") return Object.keys(configSchema.shape.listen.unwrap().shape);
  if (path[0] === "limits") return Object.keys(DEFAULT_LIMITS);
  if (path[0] === "mcpServers") return Object.keys({ ...SERVER_SCHEMAS.stdio.shape, ...SERVER_SCHEMAS.http.shape });
  return ["use", "id", "options", "onError", "timeout"];
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
