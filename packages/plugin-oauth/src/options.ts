import { duration, isSafeUrl } from "mcp-host";
import { z } from "zod";

const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, "is not a scope (RFC 6749 section 3.3)");
const scopes = z.array(scope).max(200);
const safeUrl = z.string().refine(isSafeUrl, "must be an https:// URL without user name and password (http:// only on loopback)");
const param = z.string().regex(/^[A-Za-z0-9._~-]{1,64}$/, "is not the name of a parameter");
const params = z.record(param, z.string().max(2_048)).default({});
const metadataUrl = z.string().refine((text) => isSafeUrl(text) && new URL(text).pathname !== "/", "must be an https:// URL with a path");
const mode = z.enum(["host", "principal"], 'must be "host" or "principal"');
const path = z.string().regex(/^\/[A-Za-z0-9._~/-]{0,200}$/, "must be a path such as /oauth/callback");

export const callback = z.strictObject({
  host: z
    .enum(["127.0.0.1", "localhost"], 'must be "127.0.0.1" or "localhost"')
    .default("127.0.0.1")
    .describe("How the redirect address names this machine. `localhost` listens on ::1, too."),
  port: z.int().min(0).max(65_535).default(8_976).describe("Where the browser comes back to; 0 takes any free port."),
  path: path.default("/oauth/callback").describe("Its path, to the character."),
});

const METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] as const;
export type AuthMethod = (typeof METHODS)[number];

export const server = z.strictObject({
  mode: mode.optional().describe("Whose sign-in it is; default: the `mode` of all."),
  grant: z
    .enum(
      ["authorization_code", "client_credentials", "token_exchange"],
      'must be "authorization_code", "client_credentials" or "token_exchange"',
    )
    .default("authorization_code")
    .describe(
      "`client_credentials`: the host is its own account there, and nobody signs in. `token_exchange`: each caller's token is exchanged for one of the server's (RFC 8693).",
    ),
  subjectTokenType: z
    .enum(["access_token", "jwt", "id_token"], 'must be "access_token", "jwt" or "id_token"')
    .default("access_token")
    .describe("What `token_exchange` says that callers' tokens are."),
  account: z
    .string()
    .regex(/^[\w.@+-]{1,64}$/, "must be 1 to 64 of letters, digits and _ . @ + -")
    .default("default")
    .describe("Tells several accounts at one server apart."),
  issuer: safeUrl.optional().describe("The authorization server; then the MCP server is not asked which it is."),
  trustedIssuers: z
    .array(z.string().min(1))
    .max(20)
    .default([])
    .describe("What `issuer` may say in metadata besides what it should, to the character."),
  clientId: z.string().min(1).max(2_048).optional().describe("An app that was registered by hand."),
  clientSecret: z.string().min(1).optional().describe("Its secret: `${file:...}` or `${env:...}`."),
  privateKey: z.string().min(1).optional().describe("Its private key (PKCS #8, PEM) for `private_key_jwt`: `${file:...}`."),
  keyId: z.string().min(1).max(256).optional().describe("The `kid` of that key, where the server has several."),
  algorithm: z.enum(["RS256", "PS256", "ES256", "ES384", "Ed25519"]).default("ES256").describe("What that key signs with."),
  assertionAudience: z.string().min(1).optional().describe("What `aud` of the signed assertion says; default: the issuer."),
  tokenEndpointAuthMethod: z.enum(METHODS).optional().describe("How the client says who it is; default: what the server takes."),
  clientMetadataUrl: z
    .union([metadataUrl, z.literal(false)])
    .optional()
    .describe("As of all; `false` for none."),
  registration: z.boolean().default(true).describe("Whether the host may register itself there (RFC 7591)."),
  scopes: scopes.optional().describe("What is asked for in place of what the server says."),
  addScopes: scopes.default([]).describe("What is asked for besides."),
  refreshScope: z.boolean().default(false).describe("Send the scopes with each refresh, too (Entra)."),
  resource: z
    .union([z.literal(false), z.string().min(1).max(2_048)])
    .optional()
    .describe("The `resource` parameter (RFC 8707) in place of what the server says; `false` for none."),
  extraParams: z
    .strictObject({ authorize: params, token: params })
    .prefault({})
    .describe("Further parameters, such as `audience` or `access_type`."),
  tokenPath: z
    .string()
    .regex(/^[A-Za-z_]\w{0,63}(?:\.[A-Za-z_]\w{0,63}){0,4}$/, "must be names with dots between them, such as authed_user.access_token")
    .optional()
    .describe(
      "Where the token is in answers that have it further in, with what belongs to it beside it: `authed_user.access_token` (Slack).",
    ),
  assumePkce: z.boolean().default(false).describe("Go on where the metadata does not say that PKCE with S256 is taken."),
  legacy: z
    .boolean()
    .default(true)
    .describe("Take the MCP server's own origin as authorization server where it names none (MCP 2025-03-26)."),
  callback: callback.optional().describe("As of all."),
});

export const options = z.strictObject({
  mode: mode
    .default("host")
    .describe("`host`: one sign-in for all clients, by `mcp-host login`. `principal`: each client's person signs in."),
  servers: z.record(z.string(), server).default({}).describe("By keys of `mcpServers`."),
  discover: z
    .boolean()
    .default(true)
    .describe("Take up other HTTP servers, too, that answer 401 with a Bearer challenge and have no Authorization header in the config."),
  clientName: z.string().min(1).max(100).default("mcp-host").describe("What people are shown when they sign in."),
  clientMetadataUrl: metadataUrl.optional().describe("Where the client ID metadata document of this host is, for servers that take such."),
  publicUrl: safeUrl.optional().describe("Where browsers reach this host, for `principal`; default: its own address."),
  callback: callback.prefault({}).describe("Where browsers come back to after `mcp-host login`."),
  timeout: duration.default(10_000).describe("How long an authorization server may take."),
});

export type Options = z.output<typeof options>;
export type ServerOptions = z.output<typeof server>;
export type CallbackOptions = z.output<typeof callback>;
