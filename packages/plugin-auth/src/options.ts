import { condition } from "@host/cel";
import { duration, isSafeUrl } from "mcp-host";
import { z } from "zod";

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const name = z.string().regex(NAME, "must be 1 to 64 of A-Z a-z 0-9 . _ -");
const role = z.string().min(1).max(128);
const roles = z.array(role);
const globs = z.array(z.string().min(1)).min(1);
const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, "is not a header name");
const variable = z.string().regex(/^[A-Za-z_]\w{0,127}$/, "is not the name of an environment variable");
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, "is not a scope (RFC 6749 section 3.3)");
const safeUrl = z.string().refine(isSafeUrl, "must be an https:// URL without user name and password (http:// only on loopback)");
const claimPath = z.union(
  [z.string().min(1), z.array(z.string().min(1)).min(1)],
  "must be a claim's name, or the list of names on the way to it",
);

/** One API key as the config or a file of keys holds it. */
export const apiKey = z.strictObject({
  id: name.describe("Names the key's owner: the principal is `key:<id>`."),
  digest: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/, "must be what `mcp-host auth new-key` printed: 43 characters")
    .describe("HMAC-SHA-256 of the key under the pepper, as `mcp-host auth new-key` prints it."),
  roles: roles.default([]).describe("The roles of whoever has the key."),
  claims: z.record(z.string(), z.json()).default({}).describe("What conditions and credentials may read as `claims`."),
  expires: z.iso
    .datetime({ offset: true, error: "must be a time such as 2030-01-31T00:00:00Z" })
    .optional()
    .describe("When the key ceases to be accepted."),
});
export type ApiKey = z.output<typeof apiKey>;

export const apiKeys = z.strictObject({
  pepper: z
    .string()
    .min(16, "must have 16 characters or more; make one with `openssl rand -base64 32` and write ${file:...} or ${env:...} here")
    .describe("The secret that digests are made with. Keep it out of the config: `${file:...}` or `${env:...}`."),
  keys: z.array(apiKey).default([]).describe("The keys that are accepted."),
  file: z.string().min(1).optional().describe("A JSON file with a list of further keys, beside the config."),
});

/** Signatures with public keys only: a symmetric algorithm would let the public key sign, and `none` anybody. */
const algorithm = z.enum(
  ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
  "must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519",
);

export const issuer = z.strictObject({
  name: name.default("jwt").describe("Begins the ids of its principals: `<name>:<subject>`. Unique, and not `key`."),
  issuer: z.string().min(1).describe("What `iss` must be, to the character."),
  jwksUri: safeUrl.describe("Where its public keys are (JWKS)."),
  audience: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)], "must be a text, or a list of them")
    .optional()
    .describe("What `aud` must name. Default: the `resource`'s URL."),
  algorithms: z.array(algorithm).min(1).default(["RS256", "PS256", "ES256", "EdDSA"]).describe("Accepted signature algorithms."),
  leeway: duration
    .refine((ms) => ms <= 60_000, "must be at most 60s")
    .default(30_000)
    .describe("How far the issuer's clock may be off."),
  type: z.string().min(1).optional().describe("What the header `typ` must be, such as `at+jwt`. Default: it is not looked at."),
  subject: z.string().min(1).default("sub").describe("The claim that tells principals apart."),
  rolesClaim: claimPath.default("roles").describe('The claim that has the roles; a list is a path, as in `["realm_access", "roles"]`.'),
  roles: roles.default([]).describe("Roles of everybody with a token of this issuer."),
  timeout: duration.default(4_000).describe("Longest wait for the keys."),
  maxAge: duration.default(600_000).describe("Keys older than this are fetched again, while they go on being used."),
  maxStale: duration
    .default(3_600_000)
    .describe("Keys that could not be fetched again are used up to this age, and no request waits for the issuer until then."),
  cooldown: duration.default(30_000).describe("Least time between two fetches, whatever tokens come."),
});
export type IssuerOptions = z.output<typeof issuer>;

export const resource = z.strictObject({
  url: z
    .string()
    .refine(
      (text) => isSafeUrl(text) && !/[?#]/.test(text),
      "must be an https:// URL without query and fragment (http:// only on loopback)",
    )
    .describe("The host's endpoint as clients know it: the canonical URI that tokens are made for."),
  name: z.string().min(1).optional().describe("What people are shown."),
  scopes: z.array(scope).default([]).describe("Scopes that clients may ask for (`scopes_supported`)."),
  documentation: z.url().optional().describe("A page for developers."),
});
export type ResourceOptions = z.output<typeof resource>;

export const scopes = z.strictObject({
  required: z.array(scope).default([]).describe("Scopes without which a token is refused (403)."),
  implies: z.record(scope, z.array(scope)).default({}).describe("Scope → scopes that it includes."),
});

const targets = z
  .strictObject({
    servers: globs.optional().describe("Upstreams, by their keys in the config."),
    tools: globs.optional().describe("Tools: exposed names, or `<upstream>:<native name>`."),
    prompts: globs.optional().describe("Prompts, likewise."),
    resources: globs.optional().describe("Resources and templates, by URI or URI template."),
    methods: globs.optional().describe("Requests that no table of MCP knows, by method."),
  })
  .refine((given) => Object.keys(given).length > 0, "must name servers, tools, prompts, resources or methods");
export type Targets = z.output<typeof targets>;

export const rule = z
  .strictObject({
    roles: roles.min(1).default(["*"]).describe('Whom it speaks of; `"*"` is everybody.'),
    allow: targets.optional().describe("What they may see and use."),
    deny: targets.optional().describe("What they may not; this wins over every `allow`."),
    when: condition.optional().describe("A CEL expression that must hold for the rule to apply."),
  })
  .refine(({ allow, deny }) => (allow === undefined) !== (deny === undefined), 'must have either "allow" or "deny"');
export type Rule = z.output<typeof rule>;

const place = {
  header: headerName.default("Authorization").describe("HTTP upstreams: the header."),
  scheme: z
    .string()
    .regex(/^[A-Za-z0-9._~+-]*$/, "is no scheme of authentication")
    .default("Bearer")
    .describe('HTTP upstreams: what stands before the value; `""` for nothing.'),
  env: variable.optional().describe("stdio upstreams: the variable, set when the process starts."),
};
const secret = z.string().min(1);

export const credential = z.discriminatedUnion(
  "from",
  [
    z.strictObject({ from: z.literal("static"), value: secret.describe("One value for everybody."), ...place }),
    z.strictObject({
      from: z.literal("principal"),
      values: z.record(z.string(), secret).describe("Principal id → its value."),
      ...place,
    }),
    z.strictObject({
      from: z.literal("claim"),
      claim: claimPath.describe("The claim whose value it is, or whose value is looked up in `values`."),
      values: z.record(z.string(), secret).optional().describe("Value of the claim → what is sent."),
      ...place,
    }),
    z.strictObject({
      from: z.literal("client-credentials"),
      tokenUrl: safeUrl.describe("The token endpoint."),
      clientId: z.string().min(1).describe("The host's own client id."),
      clientSecret: secret.describe("Its secret."),
      authentication: z.enum(["basic", "post"]).default("basic").describe("How the secret is sent."),
      scope: z.string().min(1).optional().describe("Scopes to ask for, separated by blanks."),
      resource: z.url().optional().describe("The resource indicator (RFC 8707)."),
      audience: z.string().min(1).optional().describe("The audience, for issuers that want one."),
      timeout: duration.default(4_000).describe("Longest wait for a token."),
      header: place.header,
      scheme: place.scheme,
    }),
  ],
  'must have "from": static, principal, claim or client-credentials',
);
export type Credential = z.output<typeof credential>;

export const options = z
  .strictObject({
    apiKeys: apiKeys.optional().describe("Accept API keys."),
    jwt: z.array(issuer).default([]).describe("Accept JWTs of these issuers."),
    anonymous: roles
      .optional()
      .describe("Roles of clients over HTTP that send no credentials; without it they are refused. Bad credentials always are."),
    resource: resource.optional().describe("Be an OAuth 2.1 protected resource: metadata (RFC 9728) and challenges that lead to it."),
    scopes: scopes.prefault({}).describe("What scopes of tokens mean."),
    rules: z.array(rule).default([]).describe("Who may see and use what."),
    default: z.enum(["deny", "allow"]).default("deny").describe("What holds where no rule speaks."),
    isolate: z.array(z.string().min(1)).default([]).describe("Upstreams (globs of keys) whose connections no two principals share."),
    credentials: z.record(z.string(), credential).default({}).describe("Upstream → the credentials that it is sent."),
    claims: z.array(z.string().min(1)).default([]).describe("Further claims that a session keeps, for other plugins to read."),
  })
  .superRefine(({ jwt, resource }, context) => {
    const names = new Set(["key"]);
    for (const [index, { name, audience, issuer }] of jwt.entries()) {
      const wrong = (field: string, message: string): void => context.addIssue({ code: "custom", path: ["jwt", index, field], message });
      if (names.has(name)) wrong("name", `"${name}" is taken; give each issuer a name of its own`);
      names.add(name);
      if (jwt.findIndex((other) => other.issuer === issuer) !== index) wrong("issuer", `"${issuer}" is configured twice`);
      if (audience === undefined && !resource)
        wrong("audience", "is missing: a token for somebody else must not be accepted; say what aud must be, or configure `resource`");
    }
  });
export type Options = z.output<typeof options>;
