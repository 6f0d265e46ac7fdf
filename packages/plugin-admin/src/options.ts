import { SCOPES, type Scope } from "mcp-host";
import { z } from "zod";

const token = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.@-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 _ . @ -")
    .describe("Who has it; changes are told as `admin:<name>`."),
  token: z
    .string()
    .regex(/^[\w.~+/-]{24,512}=*$/, "must be at least 24 of A-Z a-z 0-9 - . _ ~ + /")
    .describe('The token. Write "${file:...}" or "${env:...}" and not the token itself.'),
  scope: z.enum(SCOPES).default("read").describe("What it is good for: `read`, `operate` (and reading), or `configure` (everything)."),
});

const roles = z
  .strictObject(
    Object.fromEntries(SCOPES.map((scope) => [scope, z.array(z.string().min(1)).optional()])) as Record<
      Scope,
      z.ZodOptional<z.ZodArray<z.ZodString>>
    >,
  ) // fromEntries forgets the keys
  .describe("Roles of clients, as the auth plugin gives them, that have each scope.");

const listen = z.strictObject({
  port: z.int().min(0).max(65_535).describe("The TCP port; 0 takes any free one."),
  host: z.string().min(1).default("127.0.0.1").describe("The address."),
  hosts: z
    .array(z.string().regex(/^[A-Za-z0-9.:[\]-]{1,255}$/, 'must be a name as in a Host header, such as "admin.example.com"'))
    .default([])
    .describe("Further values of the Host header that are accepted, such as the name behind a proxy."),
});

/** Tokens are told apart by what they are, and operators by their names. */
function repeated(tokens: readonly { name: string; token: string }[] = []): { index: number; key: "name" | "token" } | undefined {
  for (const key of ["name", "token"] as const) {
    const index = tokens.findIndex((each, at) => tokens.slice(0, at).some((other) => other[key] === each[key]));
    if (index !== -1) return { index, key };
  }
  return undefined;
}

export const options = z
  .strictObject({
    path: z
      .string()
      .regex(/^(\/[A-Za-z0-9_.-]+)+$/, 'must be a path, such as "/admin/api/v1"')
      .default("/admin/api/v1")
      .describe("Where the API begins."),
    listen: listen.optional().describe("A port of its own. Default: the host's, as far as it has one."),
    tokens: z.array(token).max(100).default([]).describe("Who may do what, by tokens of their own."),
    roles: roles.optional().describe("Who may do what, by roles of the auth plugin; on the host's own port only."),
    local: z
      .boolean()
      .optional()
      .describe("Whoever is on this machine may read without a token. Default: true where there are neither `tokens` nor `roles`."),
    allowCommands: z
      .boolean()
      .default(false)
      .describe("Who may configure may also change what starts programs, loads plugins, or reads variables and files of this machine."),
    calls: z.int().min(0).max(10_000).default(200).describe("Requests of clients that are kept to be looked at, the newest."),
    traces: z.boolean().default(false).describe("Keep with each of them what every plugin did to it. It costs time on each request."),
    docs: z.boolean().default(true).describe("Serve the page on which the API can be tried, at `<path>/docs`."),
  })
  .superRefine(({ tokens }, context) => {
    const twice = repeated(tokens);
    if (twice)
      context.addIssue({
        code: "custom",
        path: ["tokens", twice.index, twice.key],
        message: `is that of another token; give each its own ${twice.key}`,
      });
  })
  .refine(({ listen: own, roles: given }) => own === undefined || given === undefined, {
    path: ["roles"],
    message: "are known on the host's own port only; leave `listen` or `roles` out",
  })
  .refine(({ traces, calls }) => !traces || calls > 0, { path: ["traces"], message: "belong to `calls`, of which none are kept" });

/** What a config may say of the plugin. */
export type AdminOptions = z.input<typeof options>;
export type Resolved = z.output<typeof options>;
